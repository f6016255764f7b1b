/** NetworkManager's IPv6: it hears advertisements itself, and leases an address. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { addNetworkManager, networkManagerConfig, type NetworkManager } from '../support/client-networkmanager.ts';
import { row6Tests } from '../support/client-table.ts';
import { addDhcp6, type Dhcp6 } from '../support/dhcp6.ts';

let lab: ClientLab;
let six: Dhcp6;
let manager: NetworkManager;
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const LINE6 = 'up 2001:db8:a1::101 via fe80::1';
const OTHER6 = 'up 2001:db8:a1::102 via fe80::1';
const DOWN6 = 'down: eth1 has no IPv6 address';
const line6 = () => six.line6();
/** What it has said of the line, all in all. */
const said = async () => (await lab.hooks()).filter((hook) => /^networkmanager .*eth1/.test(hook));
const UP = ['networkmanager dhcp4-change eth1', 'networkmanager up eth1', 'networkmanager dhcp6-change eth1'];

beforeAll(async () => {
  lab = await createClientLab(networkManagerConfig('method=auto\naddr-gen-mode=eui64'));
  six = await addDhcp6(lab, { managed: true, lease: 6 });
  await lab.server.offer({ lease: 4 });
  manager = await addNetworkManager(lab);
});
afterAll(() => lab.destroy());

describe('NetworkManager', () => {
  row6Tests('NetworkManager', {
    up: async () => {
      await lab.until(/networkmanager dhcp6-change/, () => manager.start(), 15_000);
      expect([await lab.line(), await six.line6(), await said()]).toEqual([LINE, LINE6, UP]);
      expect([await six.lanes6(), await six.prefixes()]).toEqual([2, []]);
    },
    renew: async () => {
      expect(await lab.changes(() => sleep(3500))).toEqual([]);
      expect([await six.line6(), await said()]).toEqual([LINE6, UP]);
    },
    renumber: async () => {
      // It asks for another one only when the old one's time is over.
      await lab.watched(OTHER6, () => six.give(2), line6);
      expect([await lab.line(), await six.lanes6()]).toEqual([LINE, 2]);
    },
    'IPv6 lost': async () => {
      await lab.watched(DOWN6, () => six.silent(), line6);
      expect([await lab.line(), await lab.lanes(), await six.lanes6()]).toEqual([LINE, 2, 1]);
      await lab.watched(LINE6, () => six.give(1), line6);
    },
    'IPv4 lost': async () => {
      const sources = async () => (await six.sources(4)).join();
      await lab.watched('', () => lab.server.offer({ refuse: true }), sources);
      expect([await six.line6(), await lab.lanes(), await six.lanes6()]).toEqual([LINE6, 1, 2]);
    },
    down: async () => {
      expect(await said()).toEqual(UP);
      await lab.until(/networkmanager down/, () => manager.con('down'));
      expect([await lab.line(), await six.line6()]).toEqual(['down: taken down by networkmanager (down)', DOWN6]);
      expect([await lab.lanes(), await six.lanes6()]).toEqual([1, 1]);
    },
  });

  test('up with IPv6 alone, and IPv4 later', async () => {
    await lab.until(/networkmanager up/, () => manager.con('up'));
    expect([await lab.line(), await six.line6()]).toEqual(['down: taken down by networkmanager (down)', LINE6]);
    await lab.until(/networkmanager dhcp4-change/, () => lab.server.offer({ lease: 4 }), 20_000);
    expect([await lab.line(), await six.line6()]).toEqual([LINE, LINE6]);
  });
});
