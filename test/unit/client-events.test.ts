/** What daemons, servers and people may say through each client's hook but did not when it was recorded. */
import { expect, test } from 'vitest';
import { isDelegated } from '../../src/events/prefixes.ts';
import { inWords } from '../support/world-captures.ts';
import { parseHook } from '../../src/events/hooks.ts';

type Env = Readonly<Record<string, string | undefined>>;
interface Call {
  readonly args?: readonly string[];
  readonly env: Env;
}

/** A plain `up` of each; rows below change it. */
const PLAIN: Readonly<Record<string, Call>> = {
  dhcpcd: {
    env: {
      reason: 'BOUND',
      interface: 'eth1',
      new_ip_address: '198.51.100.2',
      new_subnet_mask: '255.255.255.0',
      new_routers: '198.51.100.1',
    },
  },
  udhcpc: {
    args: ['bound'],
    env: { interface: 'eth1', ip: '198.51.100.2', subnet: '255.255.255.0', router: '198.51.100.1' },
  },
  networkmanager: {
    args: ['eth1', 'up'],
    env: {
      DEVICE_IFACE: 'eth1',
      DEVICE_IP_IFACE: 'eth1',
      IP4_ADDRESS_0: '198.51.100.2/24 198.51.100.1',
      IP4_GATEWAY: '198.51.100.1',
    },
  },
  networkd: {
    env: { IFACE: 'eth1', STATE: 'routable', IP_ADDRS: '198.51.100.2', json: '{"Gateway":["198.51.100.1"]}' },
  },
  ifupdown: {
    env: {
      IFACE: 'eth1',
      PHASE: 'post-up',
      ADDRFAM: 'inet',
      METHOD: 'static',
      IF_ADDRESS: '198.51.100.2',
      IF_NETMASK: '255.255.255.0',
      IF_GATEWAY: '198.51.100.1',
    },
  },
};
/** Without the prefix, which networkd's dispatcher does not tell. */
const UP = 'up eth1 198.51.100.2/24 via 198.51.100.1';

function said(client: string, change: Env = {}, args = PLAIN[client]!.args ?? []): string {
  return inWords(parseHook(client, { args, env: { ...PLAIN[client]!.env, ...change } }));
}

test.each(Object.keys(PLAIN))('%s: a plain line', (client) => {
  expect(said(client)).toBe(client === 'networkd' ? UP.replace('/24', '') : UP);
});

const NO_LINE = 'is an address no line can have (0/8, 127/8, multicast or reserved)';
const NASTY = '198.51.100.2\n$(reboot)\u001b[2J';
const SHOWN = '"198.51.100.2\\n$(reboot)\\u001b[2J"';

type Row = [client: string, name: string, change: Env, want: string, args?: readonly string[]];
const ROWS: readonly Row[] = [
  ['dhcpcd', 'no mask', { new_subnet_mask: undefined }, 'up eth1 198.51.100.2 via 198.51.100.1'],
  ['dhcpcd', 'no router', { new_routers: undefined }, 'up eth1 198.51.100.2/24'],
  [
    'dhcpcd',
    'a hostile address',
    { new_ip_address: NASTY },
    `problem: variable new_ip_address is not an IPv4 address: ${SHOWN}`,
  ],
  ['dhcpcd', 'loopback', { new_ip_address: '127.0.0.1' }, `problem: variable new_ip_address ${NO_LINE}: 127.0.0.1`],
  [
    'dhcpcd',
    'classless routes',
    { new_classless_static_routes: '203.0.113.0/24 198.51.100.9 0.0.0.0/0 198.51.100.7' },
    'up eth1 198.51.100.2/24 via 198.51.100.7',
  ],
  [
    'dhcpcd',
    'classless without default',
    { new_classless_static_routes: '203.0.113.0/24 198.51.100.9' },
    'up eth1 198.51.100.2/24',
  ],
  [
    'dhcpcd',
    'classless, cut off',
    { new_classless_static_routes: '0.0.0.0/0' },
    'problem: variable new_classless_static_routes is not a list of classless routes: "0.0.0.0/0"',
  ],
  [
    'dhcpcd',
    'classless, /33',
    { new_classless_static_routes: '0.0.0.0/33 198.51.100.7' },
    'problem: variable new_classless_static_routes is not a list of classless routes: "0.0.0.0/33 198.51.100.7"',
  ],
  [
    'dhcpcd',
    'no reason, no device',
    { reason: '', interface: '' },
    'problem: variable reason is missing: expected BOUND, RENEW, EXPIRE, …\nproblem: variable interface is missing: expected a device name',
  ],
  ['dhcpcd', 'an option for a device', { interface: '-4' }, 'problem: variable interface is not a device name: "-4"'],
  ['dhcpcd', 'if_up and if_down lie', { if_up: 'false', if_down: 'true' }, UP],
  ['dhcpcd', 'EXPIRE of an address nobody can have', { reason: 'EXPIRE', old_ip_address: '0.0.0.0' }, 'down eth1'],
  ['dhcpcd', 'a reason nobody knows', { reason: 'HELLO\n' }, 'ignored: reason "HELLO\\n" changes nothing'],
  [
    'dhcpcd',
    'two prefixes, one of them no prefix',
    {
      reason: 'BOUND6',
      new_dhcp6_ia_pd1_prefix1: '2001:DB8:1::',
      new_dhcp6_ia_pd1_prefix1_length: '56',
      new_dhcp6_ia_pd2_prefix1: '2001:db8::',
      new_dhcp6_ia_pd2_prefix1_length: '8',
    },
    'check eth1 prefixes 2001:db8:1::/56',
  ],
  ['dhcpcd', 'no prefix, and never one', { reason: 'BOUND6' }, 'check eth1'],
  [
    'dhcpcd',
    'no prefix any more',
    { reason: 'RENEW6', old_dhcp6_ia_pd1_prefix1: '2001:db8:1::' },
    'check eth1 prefixes none',
  ],
  [
    'dhcpcd',
    'empty, as the shim gives what is not there',
    { reason: 'RENEW6', new_dhcp6_ia_pd1_prefix1: '', old_dhcp6_ia_pd1_prefix1: '' },
    'check eth1',
  ],
  ['udhcpc', 'no mask', { subnet: undefined }, 'up eth1 198.51.100.2 via 198.51.100.1'],
  [
    'udhcpc',
    'a hostile router',
    { router: NASTY },
    `problem: variable router has no usable gateway: ${SHOWN.replace('\\n', ' ')}`,
  ],
  [
    'udhcpc',
    'our own address as router',
    { router: '198.51.100.2' },
    'problem: variable router has no usable gateway: "198.51.100.2"',
  ],
  [
    'udhcpc',
    'classless routes',
    { staticroutes: '0.0.0.0/0 198.51.100.7' },
    'up eth1 198.51.100.2/24 via 198.51.100.7',
  ],
  ['udhcpc', 'deconfig', { ip: undefined }, 'down eth1', ['deconfig']],
  [
    'udhcpc',
    'nothing',
    { interface: undefined },
    'problem: argument 1 is missing: expected bound, renew, deconfig, …\nproblem: variable interface is missing: expected a device name',
    [],
  ],
  ['udhcpc', 'an action nobody knows', {}, 'ignored: "x\\u001b" changes nothing', ['x\u001b']],
  ['networkmanager', 'no gateway', { IP4_GATEWAY: '0.0.0.0' }, 'up eth1 198.51.100.2/24'],
  ['networkmanager', 'no variable for it', { IP4_GATEWAY: undefined }, 'up eth1 198.51.100.2/24'],
  [
    'networkmanager',
    'a hostile gateway',
    { IP4_GATEWAY: NASTY },
    `problem: variable IP4_GATEWAY is no usable gateway: ${SHOWN}`,
  ],
  [
    'networkmanager',
    'a hostile address',
    { IP4_ADDRESS_0: NASTY },
    `problem: variable IP4_ADDRESS_0 is not an IPv4 address: ${SHOWN}\nproblem: variable IP4_ADDRESS_0 has no prefix length: ${SHOWN}`,
  ],
  ['networkmanager', 'IPv6 alone', { IP4_ADDRESS_0: undefined, IP6_ADDRESS_0: '2001:db8::2/64 ::' }, 'check eth1'],
  [
    'networkmanager',
    'pppd below, on a network card',
    { DEVICE_IFACE: 'eth1', DEVICE_IP_IFACE: 'ppp0', IP4_ADDRESS_0: '198.51.100.2/32 198.51.100.1' },
    'up ppp0 198.51.100.2/32 via 198.51.100.1',
  ],
  ['networkmanager', 'no IP device', { DEVICE_IP_IFACE: '' }, UP],
  ['networkmanager', 'down', {}, 'down eth1', ['eth1', 'down']],
  ['networkmanager', 'dhcp6-change', {}, 'check eth1', ['eth1', 'dhcp6-change']],
  ['networkmanager', 'connectivity of one device', {}, 'check eth1', ['eth1', 'connectivity-change']],
  ['networkmanager', 'a VPN', {}, 'ignored: "vpn-up" changes nothing', ['tun0', 'vpn-up']],
  [
    'networkmanager',
    'the hostname',
    { DEVICE_IP_IFACE: undefined },
    'ignored: "hostname" is of no device',
    ['', 'hostname'],
  ],
  [
    'networkmanager',
    'nothing',
    { DEVICE_IP_IFACE: undefined },
    'problem: argument 1 (device) is missing: expected a device name\nproblem: argument 2 is missing: expected up, down, dhcp4-change, …',
    [],
  ],
  [
    'networkd',
    'the maker of the gateway',
    { json: '{"Gateway":["fe80::1 (Evil)","198.51.100.1 (Example Ltd)"],"DNS":["192.0.2.53"]}' },
    'up eth1 198.51.100.2 via 198.51.100.1 dns 192.0.2.53',
  ],
  ['networkd', 'no gateway', { json: '{}' }, 'up eth1 198.51.100.2'],
  [
    'networkd',
    'a gateway that is no list',
    { json: '{"Gateway":{"0":"198.51.100.1"},"DNS":[1,null]}' },
    'up eth1 198.51.100.2',
  ],
  ['networkd', 'no JSON', { json: NASTY }, `problem: variable json is not networkctl's status of eth1: ${SHOWN}`],
  ['networkd', 'null', { json: 'null' }, `problem: variable json is not networkctl's status of eth1: "null"`],
  [
    'networkd',
    'JSON as deep as Python allows',
    { json: '['.repeat(1e5) },
    `problem: variable json is not networkctl's status of eth1: "${'['.repeat(80)}…"`,
  ],
  [
    'networkd',
    'a link-local address first',
    { IP_ADDRS: '169.254.3.4 198.51.100.2' },
    'up eth1 198.51.100.2 via 198.51.100.1',
  ],
  ['networkd', 'no IPv4', { IP_ADDRS: '' }, 'check eth1'],
  ['networkd', 'configured without IPv4', { STATE: 'configured', IP_ADDRS: '' }, 'check eth1'],
  ['networkd', 'no carrier, but an address', { STATE: 'no-carrier' }, 'check eth1'],
  [
    'networkd',
    'nothing',
    { STATE: '', IFACE: '' },
    'problem: variable STATE is missing: expected routable, degraded, no-carrier, off\nproblem: variable IFACE is missing: expected a device name',
  ],
  [
    'ifupdown',
    'a length in the address',
    { IF_ADDRESS: '198.51.100.2/25', IF_NETMASK: undefined },
    'up eth1 198.51.100.2/25 via 198.51.100.1',
  ],
  ['ifupdown', 'a length for a mask', { IF_NETMASK: '25' }, 'up eth1 198.51.100.2/25 via 198.51.100.1'],
  ['ifupdown', 'no mask, no gateway', { IF_NETMASK: undefined, IF_GATEWAY: undefined }, 'up eth1 198.51.100.2'],
  [
    'ifupdown',
    'all wrong',
    { IF_ADDRESS: 'a', IF_NETMASK: '33', IF_GATEWAY: 'c' },
    'problem: variable IF_ADDRESS is not an IPv4 address: "a"\nproblem: variable IF_NETMASK is no netmask: "33"\nproblem: variable IF_GATEWAY is no usable gateway: "c"',
  ],
  ['ifupdown', 'a method of its own', { METHOD: 'manual' }, 'check eth1'],
  ['ifupdown', 'before the address goes', { PHASE: 'pre-down' }, 'ignored: phase "pre-down" changes nothing'],
  [
    'ifupdown',
    'nothing',
    { IFACE: '', PHASE: '' },
    'problem: variable PHASE is missing: expected post-up or post-down\nproblem: variable IFACE is missing: expected a device name',
  ],
];

test.each([...ROWS])('%s: %s', (client, _, change, want, args) => {
  expect(said(client, change, args)).toBe(want);
});

test.each([
  ['2001:db8::/32', true],
  ['2001:db8:1:ff00::/56', true],
  ['fd77:aaaa:0:ff00::/56', true],
  ['::/0', false],
  ['2000::/3', false],
  ['2001:db8::/15', false],
  ['2001:db8::/129', false],
  ['2001:db8::', false],
  ['2001:db8::/56/56', false],
  ['2001:db8::/056', false],
  ['2001:db8::%eth0/56', false],
  ['2001:db8::\n/56', false],
  ['fe80::/64', false],
  ['ff02::/16', false],
  ['192.0.2.0/24', false],
  ['$(id)/56', false],
])('may somebody be delegated %s: %s', (prefix, want) => {
  expect(isDelegated(prefix)).toBe(want);
});

test('no message carries a control byte on', () => {
  const nasty = '\u0000\n\r\u001b[2J\u007f\u009b';
  for (const client of Object.keys(PLAIN)) {
    const env = Object.fromEntries(Object.keys(PLAIN[client]!.env).map((key) => [key, nasty]));
    for (const change of [env, { ...env, reason: 'BOUND', PHASE: 'post-up', STATE: 'routable', IFACE: 'eth1' }]) {
      for (const line of said(client, change, [nasty, nasty]).split('\n')) {
        // eslint-disable-next-line no-control-regex -- what must not be there
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }
    }
  }
});
