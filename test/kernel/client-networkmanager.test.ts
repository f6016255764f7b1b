/** NetworkManager and its dispatcher themselves, on a bus of their own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostileTests } from '../support/client-hostile.ts';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { addNetworkManager, networkManagerConfig, type NetworkManager } from '../support/client-networkmanager.ts';
import { rowTests } from '../support/client-table.ts';

let lab: ClientLab;
let manager: NetworkManager;
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const OTHER = 'up eth1 198.51.100.77 via 198.51.100.1';
const start = () => manager.start();

beforeAll(async () => {
  lab = await createClientLab(networkManagerConfig('method=disabled'));
  await lab.server.offer({ lease: 4 });
  manager = await addNetworkManager(lab);
});
afterAll(() => lab.destroy());

describe('NetworkManager', () => {
  rowTests('NetworkManager', {
    up: async () => {
      const told = await lab.until(/networkmanager up/, start);
      // 01-ifupdown runs if-up.d, too: the same event from two.
      expect(told.filter((line) => line.endsWith('eth1'))).toEqual([
        'networkmanager dhcp4-change eth1',
        'ifupdown post-up eth1',
        'networkmanager up eth1',
      ]);
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    },
    renew: async () => {
      const requests = () => lab.server.got().filter((message) => message === 'REQUEST').length;
      const before = requests();
      const changed = await lab.changes(async () => {
        while (requests() < before + 2) await sleep(100);
      });
      expect(changed).toEqual([]);
      expect(await lab.line()).toBe(LINE);
    },
    renumber: async () => {
      // NetworkManager 1.42 tells nobody of an address that a NAK has changed.
      const told = await lab.watched('up eth1 198.51.100.77 via 198.51.100.1', () =>
        lab.server.offer({ address: '198.51.100.77', lease: 4 }),
      );
      expect(told).toEqual([]);
      expect(await lab.lanes()).toBe(2);
    },
    cable: async () => {
      await lab.server.offer({ address: '198.51.100.77' });
      await lab.until(/networkmanager down/, () => lab.carrier(0, false), 20_000);
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by networkmanager (down)', 1]);
      await lab.until(/networkmanager up/, () => lab.carrier(0, true));
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    down: async () => {
      await lab.until(/networkmanager down/, () => manager.con('down'));
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by networkmanager (down)', 1]);
    },
    crash: async () => {
      await lab.until(/networkmanager up/, () => manager.con('up'));
      await lab.rtr.sh('kill -9 $(pidof NetworkManager)');
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    redial: async () => {
      await lab.until(/networkmanager up/, start);
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
  });

  test('activated again while it is up: whatever order its words come in, the line is up', async () => {
    await lab.until(/networkmanager up/, () => manager.con('up'));
    await lab.until(/networkmanager up/, () => manager.con('up'));
    expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
  });

  test('another address by "reapply", whose variables are of before', async () => {
    await lab.until(/networkmanager reapply/, () =>
      manager.nmcli('device', 'modify', 'eth1', '+ipv4.addresses', '198.51.100.88/24'),
    );
    expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
  });

  hostileTests(
    () => lab,
    async () => {
      await lab.until(/networkmanager down/, () => manager.con('down'));
      await lab.rtr.sh('rm -f /var/lib/NetworkManager/*.lease');
      await lab.until(/networkmanager up/, () => manager.con('up'));
    },
    // It takes no such address; and of such a gateway it says nothing new: the one that was known goes on.
    [
      'a loopback address',
      'a multicast address',
      'our own address for a router',
      'loopback for a router',
      'no mask',
      'classless routes, which overrule the router',
    ],
  );
});
