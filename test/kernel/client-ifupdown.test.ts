/** ifup and ifdown themselves: a static line, and one in the hands of dhclient, which tells of it as well. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { rowTests } from '../support/client-table.ts';

let lab: ClientLab;
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const STANZA = (method: string) => `cat >/etc/network/interfaces <<'END'
iface eth1 inet ${method}
END
mkdir -p /run/network`;
const STATIC = (address: string) =>
  STANZA(`static
  address ${address}
  netmask 255.255.255.0
  gateway 198.51.100.1
  wan-label isp one $(touch /run/pwned)`);
const ifup = () => lab.rtr.run(['ifup', 'eth1']);
const ifdown = () => lab.rtr.run(['ifdown', 'eth1']);

beforeAll(async () => {
  lab = await createClientLab(STATIC('198.51.100.2'));
});
afterAll(() => lab.destroy());

describe('ifupdown', () => {
  rowTests('ifupdown', {
    up: async () => {
      expect(await lab.until(/post-up eth1/, ifup)).toEqual(['ifupdown post-up eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    },
    renumber: async () => {
      await ifdown();
      await lab.rtr.sh(STATIC('198.51.100.77'));
      await ifup();
      expect([await lab.line(), await lab.lanes()]).toEqual(['up eth1 198.51.100.77 via 198.51.100.1', 2]);
    },
    down: async () => {
      const told = await lab.until(/post-down eth1/, ifdown);
      expect(told).toEqual(['ifupdown post-down eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by ifupdown (post-down)', 1]);
    },
    redial: async () => {
      await ifup();
      expect([await lab.line(), await lab.lanes()]).toEqual(['up eth1 198.51.100.77 via 198.51.100.1', 2]);
      await ifdown();
    },
  });

  test('ifup -a: the devices tell, the whole does not', async () => {
    await lab.rtr.sh(`${STATIC('198.51.100.2')}; sed -i '1i auto eth1' /etc/network/interfaces`);
    const told = await lab.until(/post-up --all/, () => lab.rtr.run(['ifup', '-a']));
    expect(told).toEqual(['lo', 'eth1', '--all'].map((device) => `ifupdown post-up ${device}`));
    expect(await lab.line()).toBe(LINE);
    await ifdown();
    expect(await lab.rtr.sh('ls /run')).not.toContain('pwned');
  });

  describe('with dhclient: two that tell of one line', () => {
    beforeAll(() => lab.rtr.sh(STANZA('dhcp')));

    test('up: the second word changes nothing', async () => {
      const told = await lab.until(/post-up eth1/, ifup, 20_000);
      expect(told.slice(-2)).toEqual(['dhclient BOUND eth1', 'ifupdown post-up eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
      const entries = (await lab.journal()).map(({ cause, changed }) => [cause.join(), changed.length > 0]);
      expect(entries.at(-1)).toEqual(['dhclient BOUND eth1', true]);
    });

    test('down: RELEASE, and no more to be done afterwards', async () => {
      const told = await lab.until(/post-down eth1/, ifdown);
      expect(told).toEqual(['dhclient RELEASE eth1', 'ifupdown post-down eth1']);
      expect(await lab.line()).toMatch(/^down: taken down by (?:dhclient \(RELEASE\)|ifupdown \(post-down\))$/);
      expect(await lab.lanes()).toBe(1);
    });

    test('and up again', async () => {
      await lab.until(/post-up eth1/, ifup, 20_000);
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    });
  });
});
