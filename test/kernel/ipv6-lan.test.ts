/** A prefix delegated by a real DHCPv6 server to ISC's dhclient, and what the LAN is told of it; and one that nobody tells of. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { addIpv6, type Ipv6 } from '../support/router6.ts';

let lab: ClientLab;
let six: Ipv6;

const SERVER = `subnet6 2001:db8:a1::/64 { prefix6 2001:db8:a1:100:: 2001:db8:a1:100:: /56; }`;
const DHCLIENT = 'dhclient -6 -P -lf /run/d6.leases -pf /run/d6.pid';
const PREFIX = '2001:db8:a1:100::/56';

beforeAll(async () => {
  lab = await createClientLab();
  six = await addIpv6(lab);
  await six.advertised(0);
  await six.advertised(1);
  await lab.isps[0]!.sh(`cat >/run/dhcpd6.conf; : >/run/dhcpd6.leases`, { stdin: SERVER });
  const files = ['-cf', '/run/dhcpd6.conf', '-lf', '/run/dhcpd6.leases', '-pf', '/run/dhcpd6.pid'];
  lab.isps[0]!.spawn(['dhcpd', '-6', '-f', ...files, 'line']);
});
afterAll(() => lab.destroy());

const ofPrefix = () => lab.rtr.sh(`{ ip -6 rule; ip -6 route; } | grep ${PREFIX} || :`);

test('dhclient -6 -P: the prefix has its rule, and nobody’s part of it ends here', async () => {
  await lab.until(/dhclient BOUND6 eth1/, () => lab.rtr.sh(`${DHCLIENT} eth1`));
  expect(await ofPrefix()).toMatch(/from 2001:db8:a1:100::\/56 lookup \S+[^]*unreachable 2001:db8:a1:100::\/56/);
  const got = await lab.share({ from: 'lan', count: 20, to: six.servers, localAddresses: [six.hostOf(0)] });
  expect(got.sources).toEqual({ [six.hostOf(0)]: 20 });
  expect(await lab.plan()).toEqual([]);
});

test('50-prefixes.example: hosts stop using the prefix of a line that is gone, and take it again', async () => {
  const example = readFileSync(new URL('../../etc/wanhook/events.d/50-prefixes.example', import.meta.url), 'utf8');
  const file = '/etc/wanhook/events.d/50-prefixes';
  await lab.rtr.sh(`cat >${file}; chmod 755 ${file} /etc/wanhook/events.d`, { stdin: example });
  const options = ['--conf-file=/dev/null', '--port=0', '--user=root', '--pid-file=/run/lan-ra', '--interface=lan0'];
  const range = '--dhcp-range=::,constructor:lan0,ra-only,64,600';
  lab.rtr.spawn(['dnsmasq', '-k', ...options, '--enable-ra', '--ra-param=lan0,4,1800', range]);
  // A device that comes up asks for routers at once; the next advertisement to all comes when it comes.
  const ask = 'ip link set eth0 addrgenmode none; ip link set eth0 addrgenmode eui64; sleep 0.5';
  const hosts = () => lab.lan.sh(`${ask}; ip -6 -o addr show dev eth0 dynamic to 2001:db8:a1:100::/56`);
  const poll = () => expect.poll(hosts, { timeout: 30_000, interval: 300 });
  await poll().toMatch(/2001:db8:a1:100:/);
  await six.withdraw(0);
  await expect.poll(() => lab.rtr.sh('ip -6 route show default dev eth1')).toBe('');
  await lab.must('apply');
  await poll().toMatch(/deprecated/);
  await six.advertised(0);
  await lab.must('apply');
  await poll().not.toMatch(/deprecated/);
});

test('the prefix given back: no rule, no route', async () => {
  await lab.until(/dhclient RELEASE6 eth1/, () => lab.rtr.sh(`${DHCLIENT} -r eth1`));
  expect(await ofPrefix()).toBe('');
});

test('PREFIXES: a static line with a routed prefix, and nobody who tells of it', async () => {
  await lab.rtr.sh('sysctl -qw net.ipv6.conf.eth2.autoconf=0');
  await six.withdraw(1);
  await expect.poll(() => lab.rtr.sh('ip -6 route show default dev eth2')).toBe('');
  const keys = `GATEWAY6=fe80::1\nPREFIXES=${six.delegated(1)}`;
  await lab.rtr.sh(
    `ip -6 addr flush dev eth2 scope global; ip -6 addr add 2001:db8:a2::2/64 dev eth2 nodad
    echo '${keys}' >>/etc/wanhook/links/line2.env`,
  );
  await lab.must('apply');
  expect(await lab.plan()).toEqual([]);
  const hosts = { from: 'lan', count: 20, to: six.servers, localAddresses: [six.hostOf(1)] } as const;
  expect((await lab.share(hosts)).sources).toEqual({ [six.hostOf(1)]: 20 });
  const unused = await lab.net.run(['ping', '-6', '-c1', '-W1', '2001:db8:a2:1ff::9'], { check: false });
  expect(unused.stdout + unused.stderr).toContain('Destination unreachable');
  expect(await six.strays()).toEqual([]);
});
