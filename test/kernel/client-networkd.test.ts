/** systemd-networkd and networkd-dispatcher themselves, on a bus of their own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstOf, startBus } from '../support/client-bus.ts';
import { hostileTests } from '../support/client-hostile.ts';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { rowTests } from '../support/client-table.ts';

let lab: ClientLab;
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const OTHER = 'up eth1 198.51.100.77 via 198.51.100.1';

/** /sys read-only: there is no udev to wait for. */
const CONFIG = `mount -o remount,ro /sys
rm -rf /etc/systemd/network/* /usr/lib/systemd/network/*
mkdir -p /run/systemd/netif; chown systemd-network: /run/systemd/netif
cat >/etc/systemd/network/10-wan.network <<'END'
[Match]
Name=eth1
[Network]
DHCP=ipv4
LinkLocalAddressing=ipv6
IPv6AcceptRA=no
[DHCPv4]
ClientIdentifier=mac
END`;
const networkctl = (...args: string[]) => lab.rtr.run(['networkctl', ...args]);
const start = () =>
  Promise.resolve(lab.rtr.spawn([firstOf('/usr/lib/systemd/systemd-networkd', '/lib/systemd/systemd-networkd')]));

beforeAll(async () => {
  lab = await createClientLab(CONFIG);
  await startBus(lab.rtr);
  const dispatcher = lab.rtr.spawn(['sh', '-c', 'exec networkd-dispatcher -v 2>&1']);
  await dispatcher.waitLine(/Startup complete/);
});
afterAll(() => lab.destroy());

describe('systemd-networkd', () => {
  rowTests('systemd-networkd', {
    up: async () => {
      await lab.until(/networkd configured/, start);
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    },
    renew: async () => {
      const before = lab.server.got().length;
      const changed = await lab.changes(async () => {
        await networkctl('renew', 'eth1');
        while (lab.server.got().length === before) await sleep(50);
      });
      expect(changed).toEqual([]);
      expect(await lab.line()).toBe(LINE);
    },
    renumber: async () => {
      await lab.server.offer({ address: '198.51.100.77' });
      await lab.until(/networkd configured/, () => networkctl('renew', 'eth1'));
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    cable: async () => {
      await lab.until(/networkd no-carrier/, () => lab.carrier(0, false));
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by networkd (no-carrier)', 1]);
      await lab.until(/networkd routable/, () => lab.carrier(0, true));
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    down: async () => {
      await lab.until(/networkd off/, () => networkctl('down', 'eth1'));
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by networkd (off)', 1]);
    },
    crash: async () => {
      await lab.until(/networkd configured/, () => networkctl('up', 'eth1'));
      await lab.rtr.sh('kill -9 $(pidof systemd-networkd)');
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    redial: async () => {
      await start();
      await lab.rtr.sh("until networkctl status eth1 | grep -q 'routable (configured)'; do sleep 0.1; done");
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
  });

  hostileTests(
    () => lab,
    async () => {
      await lab.until(/networkd off/, () => networkctl('down', 'eth1'));
      await lab.until(/networkd configured/, () => networkctl('up', 'eth1'));
    },
    // It takes no such address, and no lease without a mask; of such a gateway it says nothing new.
    [
      'a loopback address',
      'a multicast address',
      'our own address for a router',
      'loopback for a router',
      'no mask',
      'classless routes, which overrule the router',
    ],
  );

  describe('with IPv6, too', () => {
    test('routable by IPv6 alone: IPv4 comes with "configured"', async () => {
      await lab.until(/networkd off/, () => networkctl('down', 'eth1'));
      await lab.server.offer({ lease: 4 });
      await lab.rtr.sh(
        `sed -i 's/^DHCP=ipv4/&\\nAddress=2001:db8:77::2\\/64/' /etc/systemd/network/10-wan.network; networkctl reload`,
      );
      await lab.until(/networkd configured/, () => networkctl('up', 'eth1'));
      expect(await lab.rtr.sh('ip -6 -o addr show dev eth1 scope global')).toContain('2001:db8:77::2/64');
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    });

    test('IPv4 lost, and IPv6 stays: no hook; the monitor sees it', async () => {
      const told = await lab.watched('down: eth1 has no IPv4 address', () => lab.server.offer({ silent: true }));
      expect(told).toEqual([]);
      expect(await lab.lanes()).toBe(1);
    });
  });
});
