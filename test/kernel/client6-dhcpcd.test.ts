/** dhcpcd's IPv6: it hears advertisements itself, leases an address and is delegated a prefix. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { row6Tests } from '../support/client-table.ts';
import { addDhcp6, type Dhcp6 } from '../support/dhcp6.ts';

let lab: ClientLab;
let six: Dhcp6;
/** As dhcpcd.conf(5) has it for a router, but for `noarp` (5 s). One subnet of the prefix it gives to the LAN itself. */
const CONFIG = `cat >/etc/dhcpcd.conf <<'END'
persistent
option classless_static_routes, domain_name_servers
require dhcp_server_identifier
noarp
noipv4ll
nodelay
noipv6rs
interface eth1
ipv6rs
ipv6ra_noautoconf
ia_na 1
ia_pd 2/::/56 lan0/5
END`;
/** With -k it may give up waiting for itself. */
const dhcpcd = (arg: string) => lab.rtr.run(['dhcpcd', arg, 'eth1'], { check: arg !== '-k' });
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const LINE6 = 'up 2001:db8:a1::101 via fe80::1';
const PREFIXES = ['2001:db8:a1:100::/56'];

beforeAll(async () => {
  lab = await createClientLab(CONFIG);
  six = await addDhcp6(lab);
});
afterAll(() => lab.destroy());

describe('dhcpcd', () => {
  row6Tests('dhcpcd', {
    up: async () => {
      await lab.until(/dhcpcd BOUND6/, () => lab.until(/dhcpcd BOUND eth1/, () => dhcpcd('-b')));
      expect([await lab.line(), await six.line6(), await six.prefixes()]).toEqual([LINE, LINE6, PREFIXES]);
      expect([await six.hostsOf(1), await six.lanes6()]).toEqual([['2001:db8:a1:100::2'], 2]);
    },
    renew: async () => {
      const renew = () => lab.until(/dhcpcd RENEW6/, () => dhcpcd('-N'));
      expect(await lab.changes(renew)).toEqual([]);
      expect([await six.line6(), await six.prefixes()]).toEqual([LINE6, PREFIXES]);
    },
    renumber: async () => {
      await lab.until(/dhcpcd BOUND6/, () => six.give(2));
      // The old one's time may be over any moment.
      expect(await six.sources(6)).toContain('2001:db8:a1::102');
      expect([await six.prefixes(), await six.hostsOf(2), await six.lanes6()]).toEqual([
        ['2001:db8:a1:200::/56'],
        ['2001:db8:a1:200::2'],
        2,
      ]);
    },
    'IPv6 lost': async () => {
      await lab.until(/dhcpcd EXPIRE6/, () => six.silent(), 20_000);
      expect([await six.line6(), await six.prefixes()]).toEqual(['down: eth1 has no IPv6 address', []]);
      expect([await lab.line(), await lab.lanes(), await six.lanes6()]).toEqual([LINE, 2, 1]);
      await lab.until(/dhcpcd BOUND6/, () => six.give(1), 20_000);
      expect([await six.line6(), await six.prefixes()]).toEqual([LINE6, PREFIXES]);
    },
    'IPv4 lost': async () => {
      await lab.server.offer({ refuse: true });
      await lab.until(/dhcpcd NAK eth1/, () => dhcpcd('-N'));
      expect([await six.sources(4), await lab.lanes()]).toEqual([[], 1]);
      expect([await six.line6(), await six.hostsOf(1), await six.lanes6()]).toEqual([LINE6, ['2001:db8:a1:100::2'], 2]);
      await lab.until(/dhcpcd BOUND eth1/, () => lab.server.offer({}), 20_000);
      expect(await lab.line()).toBe(LINE);
    },
    down: async () => {
      // Asked in the middle of a renewal, it may go on as if nobody had asked.
      const release = async () => {
        await dhcpcd('-k');
        await dhcpcd('-k');
      };
      const told = await lab.until(/dhcpcd STOPPED/, release, 15_000);
      expect(told).toEqual(expect.arrayContaining(['dhcpcd RELEASE6 eth1', 'dhcpcd STOP eth1']));
      expect([await lab.line(), await six.line6(), await six.prefixes()]).toEqual([
        'down: taken down by dhcpcd (STOP)',
        'down: eth1 has no IPv6 address',
        [],
      ]);
      expect([await lab.lanes(), await six.lanes6()]).toEqual([1, 1]);
    },
  });
});
