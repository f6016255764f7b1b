/** dhcpcd itself, with its hook as installed. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { hostileTests } from '../support/client-hostile.ts';
import { rowTests } from '../support/client-table.ts';

let lab: ClientLab;
/** Debian's configuration, but without 5 s of looking for somebody else with the address. */
const CONFIG = `cat >/etc/dhcpcd.conf <<'END'
hostname
persistent
option classless_static_routes, interface_mtu, domain_name_servers, domain_name
require dhcp_server_identifier
noarp
noipv6
noipv4ll
nodelay
END`;
const dhcpcd = (...args: string[]) => lab.rtr.run(['dhcpcd', ...args, 'eth1']);
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const OTHER = 'up eth1 198.51.100.77 via 198.51.100.1';

beforeAll(async () => {
  lab = await createClientLab(CONFIG);
});
afterAll(() => lab.destroy());

describe('dhcpcd', () => {
  rowTests('dhcpcd', {
    up: async () => {
      await lab.until(/dhcpcd BOUND/, () => dhcpcd('-b'));
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    },
    renew: async () => {
      const renew = () => lab.until(/dhcpcd RENEW/, () => dhcpcd('-N'));
      expect(await lab.changes(renew)).toEqual([]);
      expect(await lab.line()).toBe(LINE);
    },
    renumber: async () => {
      await lab.server.offer({ address: '198.51.100.77' });
      const told = await lab.until(/dhcpcd BOUND/, () => dhcpcd('-N'));
      expect(told).toEqual(['dhcpcd NAK eth1', 'dhcpcd BOUND eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    cable: async () => {
      const told = await lab.until(/dhcpcd EXPIRE/, () => lab.carrier(0, false));
      expect(told).toEqual(['dhcpcd NOCARRIER eth1', 'dhcpcd EXPIRE eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by dhcpcd (EXPIRE)', 1]);
      await lab.until(/dhcpcd REBOOT/, () => lab.carrier(0, true));
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    down: async () => {
      await lab.until(/dhcpcd STOPPED/, () => dhcpcd('-k'));
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by dhcpcd (STOP)', 1]);
    },
    crash: async () => {
      await lab.until(/dhcpcd (?:BOUND|REBOOT)/, () => dhcpcd('-b'));
      await lab.rtr.sh('kill -9 $(pidof dhcpcd)');
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    redial: async () => {
      await lab.until(/dhcpcd REBOOT/, () => dhcpcd('-b'));
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
  });

  hostileTests(
    () => lab,
    async () => {
      await lab.until(/dhcpcd STOPPED/, () => dhcpcd('-k'));
      // Without a lease of before: it would ask for that one.
      await lab.rtr.sh('rm -f /var/lib/dhcpcd/*');
      await lab.until(/dhcpcd BOUND/, () => dhcpcd('-b'));
    },
  );
});
