/** systemd-networkd's IPv6: it hears advertisements itself, leases an address and is delegated a prefix. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { firstOf, startBus } from '../support/client-bus.ts';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { row6Tests } from '../support/client-table.ts';
import { addDhcp6, type Dhcp6 } from '../support/dhcp6.ts';

let lab: ClientLab;
let six: Dhcp6;
const CONFIG = `mount -o remount,ro /sys
rm -rf /etc/systemd/network/* /usr/lib/systemd/network/*
mkdir -p /run/systemd/netif; chown systemd-network: /run/systemd/netif
cat >/etc/systemd/network/10-wan.network <<'END'
[Match]
Name=eth1
[Network]
DHCP=yes
LinkLocalAddressing=ipv6
IPv6AcceptRA=yes
[IPv6AcceptRA]
UseAutonomousPrefix=no
DHCPv6Client=always
[DHCPv6]
PrefixDelegationHint=::/56
[DHCPv4]
ClientIdentifier=mac
END
cat >/etc/systemd/network/20-lan.network <<'END'
[Match]
Name=lan0
[Network]
KeepConfiguration=yes
DHCPPrefixDelegation=yes
IPv6AcceptRA=no
[DHCPPrefixDelegation]
SubnetId=5
UplinkInterface=eth1
Announce=no
END`;
const start = () =>
  Promise.resolve(lab.rtr.spawn([firstOf('/usr/lib/systemd/systemd-networkd', '/lib/systemd/systemd-networkd')]));
const networkctl = (...args: string[]) => lab.rtr.run(['networkctl', ...args]);
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const LINE6 = 'up 2001:db8:a1::101 via fe80::1';
const line6 = () => six.line6();
const silent = () => six.silent();
const OTHER6 = 'up 2001:db8:a1::102 via fe80::1';

/** The line's file says what networkd does not; where to read it. */
async function saidByHand(): Promise<void> {
  const prefix = '2001:db8:a1:100::/56';
  const host = '2001:db8:a1:100::2';
  const file = '/etc/wanhook/links/line1.env';
  expect(await lab.rtr.sh('ip -6 route show type unreachable proto dhcp')).toContain(`unreachable ${prefix} `);
  expect(await six.hostsOf(1)).not.toEqual([host]);
  await lab.rtr.sh(`cp ${file} /run/line1.before; echo PREFIXES=${prefix} >>${file}`);
  await lab.must('apply');
  expect([await six.line6(), await six.prefixes(), await six.hostsOf(1)]).toEqual([LINE6, [prefix], [host]]);
  await lab.rtr.sh(`cat /run/line1.before >${file}`);
  await lab.must('apply');
  expect([await six.line6(), await six.prefixes()]).toEqual([LINE6, []]);
}

beforeAll(async () => {
  lab = await createClientLab(CONFIG);
  six = await addDhcp6(lab);
  await startBus(lab.rtr);
  const dispatcher = lab.rtr.spawn(['sh', '-c', 'exec networkd-dispatcher -v 2>&1']);
  await dispatcher.waitLine(/Startup complete/);
});
afterAll(() => lab.destroy());

describe('systemd-networkd', () => {
  row6Tests('systemd-networkd', {
    up: async () => {
      await lab.watched(LINE6, start, line6);
      expect([await lab.line(), await six.lanes6(), await six.prefixes()]).toEqual([LINE, 2, []]);
      await saidByHand();
    },
    renew: async () => {
      const before = await lab.hooks();
      expect(await lab.changes(() => sleep(5000))).toEqual([]);
      expect(await lab.hooks()).toEqual(before);
      expect(await six.line6()).toBe(LINE6);
    },
    renumber: async () => {
      // It asks for another one only when the old one's time is over.
      await lab.watched(OTHER6, () => six.give(2), line6);
      expect([await lab.line(), await six.lanes6(), await six.prefixes()]).toEqual([LINE, 2, []]);
    },
    'IPv6 lost': async () => {
      expect(await lab.watched('down: eth1 has no IPv6 address', silent, line6)).toEqual([]);
      expect([await lab.line(), await lab.lanes(), await six.lanes6()]).toEqual([LINE, 2, 1]);
      await lab.watched(LINE6, () => six.give(1), line6);
    },
    'IPv4 lost': async () => {
      const refused = async () => {
        await lab.server.offer({ refuse: true });
        await networkctl('renew', 'eth1');
      };
      const sources = async () => (await six.sources(4)).join();
      expect(await lab.watched('', refused, sources)).toEqual([]);
      expect([await six.line6(), await lab.lanes(), await six.lanes6()]).toEqual([LINE6, 1, 2]);
      await lab.until(/networkd configured eth1/, () => lab.server.offer({}), 20_000);
      expect(await lab.line()).toBe(LINE);
    },
    down: async () => {
      await lab.until(/networkd off/, () => networkctl('down', 'eth1'));
      expect([await lab.line(), await six.line6()]).toEqual([
        'down: taken down by networkd (off)',
        'down: eth1 is administratively down',
      ]);
      expect([await lab.lanes(), await six.lanes6()]).toEqual([1, 1]);
    },
  });
});
