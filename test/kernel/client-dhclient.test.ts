/** dhclient itself, in namespaces; with traffic and real PPP beside it it runs in the VM (test/vm/scenarios/50-dhcp.sh). */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { hostileTests } from '../support/client-hostile.ts';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { rowTests } from '../support/client-table.ts';

let lab: ClientLab;
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const OTHER = 'up eth1 198.51.100.77 via 198.51.100.1';
/** Asked for anew after two seconds. */
const SOON = { options: { 58: '00000002', 59: '00000e10' } };
const FILES = '-pf /run/dhclient.pid -lf /run/dhclient.leases';
const start = () => lab.rtr.sh(`dhclient ${FILES} eth1`);

beforeAll(async () => {
  lab = await createClientLab(`echo 'initial-interval 1; retry 1; timeout 5;' >>/etc/dhcp/dhclient.conf`);
});
afterAll(() => lab.destroy());

describe('dhclient', () => {
  rowTests('dhclient', {
    up: async () => {
      await lab.server.offer(SOON);
      await lab.until(/dhclient BOUND/, start);
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    },
    renew: async () => {
      expect(await lab.changes(() => lab.until(/dhclient RENEW/, () => Promise.resolve()))).toEqual([]);
      expect(await lab.line()).toBe(LINE);
    },
    renumber: async () => {
      const told = await lab.until(/dhclient BOUND/, () => lab.server.offer({ address: '198.51.100.77' }));
      expect(told.filter((line) => !/RENEW|PREINIT/.test(line))).toEqual([
        'dhclient EXPIRE eth1',
        'dhclient BOUND eth1',
      ]);
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    cable: async () => {
      await lab.watched('down: eth1 has no carrier', () => lab.carrier(0, false));
      expect(await lab.lanes()).toBe(1);
      expect(await lab.watched(OTHER, () => lab.carrier(0, true))).toEqual([]);
      expect(await lab.lanes()).toBe(2);
    },
    down: async () => {
      await lab.until(/dhclient RELEASE/, () => lab.rtr.sh(`dhclient -r ${FILES} eth1`));
      // It may name the lease before the last: both are good in its file. The address is gone all the same.
      expect(await lab.line()).toMatch(/^down: (?:taken down by dhclient \(RELEASE\)|eth1 has no IPv4 address)$/);
      expect(await lab.lanes()).toBe(1);
    },
    crash: async () => {
      await lab.until(/dhclient BOUND/, start);
      await lab.rtr.sh('kill -9 $(cat /run/dhclient.pid)');
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    redial: async () => {
      await lab.until(/dhclient REBOOT/, start);
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
  });

  hostileTests(
    () => lab,
    async () => {
      await lab.until(/dhclient (?:RELEASE|STOP)/, () =>
        lab.rtr.sh(`dhclient -r ${FILES} eth1; rm -f /run/dhclient.leases`),
      );
      await lab.until(/dhclient BOUND/, () => lab.rtr.sh(`dhclient -nw ${FILES} eth1`));
    },
  );
});
