/** `wanhook init`: what machines say, as tables; and what is proposed for them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { machineOf } from '../../src/cli/init.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Surveyed } from '../../src/kernel/look-around.ts';
import { parseLeases } from '../../src/survey/leases.ts';
import { parseDefaults, parseDevices, parseIdle, parseManaged } from '../../src/survey/listings.ts';
import type { SeenDevice, SeenPeer } from '../../src/survey/machine.ts';
import { parsePeer } from '../../src/survey/peers.ts';
import { propose, type Known } from '../../src/survey/propose.ts';
import { createTestWorld } from '../support/world.ts';

const PEER: SeenPeer = {
  name: 'dsl1',
  kind: 'ppp',
  takesDefault: false,
  refusesDefault: false,
  replacesDefault: false,
  redials: false,
};

const PEERS: Record<string, [text: string, want: Partial<SeenPeer> | string]> = {
  'pppoeconf’s': [
    'noipdefault\ndefaultroute\nreplacedefaultroute\nhide-password\nnoauth\npersist\nplugin rp-pppoe.so eth1\nuser "me@isp"\nusepeerdns',
    { kind: 'PPPoE', over: 'eth1', takesDefault: true, replacesDefault: true, redials: true },
  ],
  'named, and without the default route': [
    'plugin pppoe.so\nnic-enp3s0\nipparam dsl1\nlinkname "line one"\nnodefaultroute',
    { kind: 'PPPoE', over: 'enp3s0', ipparam: 'dsl1', linkname: 'line one', refusesDefault: true },
  ],
  'by rp-pppoe’s own program': [
    'pty "/usr/sbin/pppoe -p /var/run/ppp -I eth2 -T 80 -U -m 1412"\nmtu 1492',
    { kind: 'PPPoE', over: 'eth2' },
  ],
  'PPTP by pty': [
    'pty "pptp vpn.example.org --nolaunchpppd --nohostroute"\nremotename PPTP\nipparam vpn',
    { kind: 'PPTP', server: 'vpn.example.org', ipparam: 'vpn' },
  ],
  'PPTP by plugin': ['plugin pptp.so\npptp_server 192.0.2.9', { kind: 'PPTP', server: '192.0.2.9' }],
  L2TP: ['plugin pppol2tp.so\nipparam l2', { kind: 'L2TP', ipparam: 'l2' }],
  'a user called defaultroute, with a password called persist': [
    'user defaultroute\npassword persist\nname ipparam',
    {},
  ],
  'several options in a line, comments, a quoted hash': [
    'persist maxfail 0 # ipparam no\nipparam "a#b" #persist\nlinkname c\\ d',
    { redials: true, ipparam: 'a#b', linkname: 'c d' },
  ],
  'options that begin like a card’s name': ['plugin rp-pppoe.so\nendpoint\nlock\nlocal', { kind: 'PPPoE' }],
  'a server that is none': ['pty "pptp $(reboot) --nolaunchpppd"', { kind: 'PPTP' }],
  'Debian’s example': ['user "myusername@realm"\n/dev/modem\n115200', 'Debian’s example, not filled in'],
  'only comments': ['# nothing\n', 'empty'],
};
test.each(Object.entries(PEERS))('peers file: %s', (_, [text, want]) => {
  expect(parsePeer('dsl1', text)).toEqual(typeof want === 'string' ? want : { ...PEER, ...want });
});
test.each(['dsl1~', 'dsl1.bak', 'dsl1.dpkg-old', '.dsl1.swp', 'README'])('%s is no peers file', (name) => {
  expect(parsePeer(name, 'persist')).toBe('a copy');
});
test('user names and passwords do not get any further', () => {
  const peer = parsePeer('dsl1', 'user "me@isp"\npassword "s3cret"\nplugin rp-pppoe.so eth1\nremotename hush');
  expect(JSON.stringify(peer)).not.toMatch(/isp|s3cret|hush/);
});

const device = (name: string, index = 7, kind = 'ether', ...addresses: string[]): SeenDevice => {
  return { name, index, kind, addresses };
};
const NOW = Date.parse('2026-05-01T00:00:00Z');
const UUID = '0f1e2d3c-0000-1111-2222-333344445555';
const dhclient = (routers: string, expire: string) =>
  `lease {\n  interface "eth1";\n  fixed-address 192.0.2.7;\n${routers}  expire ${expire};\n}\n`;
const LEASES: Record<string, [path: string, text: string, want: object[]]> = {
  'dhclient: the last one counts': [
    '/var/lib/dhcp/dhclient.leases',
    dhclient('  option routers 192.0.2.254;\n', '5 2026/04/30 10:00:00') +
      dhclient('  option routers 192.0.2.1,192.0.2.2;\n', '6 2026/05/02 10:00:00'),
    [{ device: 'eth1', client: 'dhclient', router: '192.0.2.1', expired: false }],
  ],
  'dhclient: expired, without routers': [
    '/var/lib/dhcp/dhclient.eth1.leases',
    dhclient('', '5 2026/04/30 10:00:00'),
    [{ device: 'eth1', client: 'dhclient', expired: true }],
  ],
  'dhclient: never expires; a router nobody can have': [
    '/var/lib/dhcp/dhclient.leases',
    dhclient('  option routers 0.0.0.0;\n', 'never'),
    [{ device: 'eth1', client: 'dhclient', expired: false }],
  ],
  'dhclient: cut off': ['/var/lib/dhcp/dhclient.leases', 'lease {\n  interface "eth1";\n', []],
  networkd: [
    '/run/systemd/netif/leases/7',
    '# private\nADDRESS=192.0.2.7\nROUTER=192.0.2.1 192.0.2.2\n',
    [{ device: 'eth1', client: 'systemd-networkd', router: '192.0.2.1', expired: false }],
  ],
  'networkd: of a device that is gone': ['/run/systemd/netif/leases/9', 'ROUTER=192.0.2.1\n', []],
  'NetworkManager’s own': [
    `/var/lib/NetworkManager/internal-${UUID}-eth1.lease`,
    'ADDRESS=192.0.2.7\n',
    [{ device: 'eth1', client: 'NetworkManager', expired: false }],
  ],
  'NetworkManager: something else': ['/var/lib/NetworkManager/secret_key', 'ROUTER=192.0.2.1', []],
  dhcpcd: ['/var/lib/dhcpcd/eth1.lease', '\u0002\u0001\u0006', [{ device: 'eth1', client: 'dhcpcd', expired: false }]],
  'dhcpcd, wireless': [
    '/var/lib/dhcpcd/eth1-My SSID.lease',
    '',
    [{ device: 'eth1', client: 'dhcpcd', expired: false }],
  ],
};
test.each(Object.entries(LEASES))('lease: %s', (_, [path, text, want]) => {
  expect(parseLeases({ path, text }, [device('eth1')], NOW)).toEqual(want);
});

test('ip’s and nmcli’s lists', () => {
  const addresses = JSON.stringify([
    {
      ifindex: 1,
      ifname: 'lo',
      link_type: 'loopback',
      addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8 }],
    },
    { ifindex: 2, ifname: 'wg0', link_type: 'none', linkinfo: { info_kind: 'wireguard' }, addr_info: [] },
    {
      ifindex: 3,
      ifname: 'eth0',
      link_type: 'ether',
      addr_info: [{ family: 'inet6', local: 'fe80::1', prefixlen: 64 }],
    },
    { ifindex: 4, ifname: 'a b', link_type: 'ether' },
    {},
  ]);
  expect(parseDevices(addresses)).toEqual([
    device('lo', 1, 'loopback', '127.0.0.1/8'),
    device('wg0', 2, 'wireguard'),
    device('eth0', 3),
  ]);
  const routes = JSON.stringify([
    { dst: 'default', gateway: '192.0.2.1', dev: 'eth1', protocol: 'dhcp', metric: 100 },
    { dst: 'default', dev: 'ppp0', scope: 'link' },
    { dst: 'default', nexthops: [{ gateway: '192.0.2.5', dev: 'eth2' }, { dev: 'eth3' }], metric: 50 },
    { dst: '10.0.0.0/8', dev: 'eth0' },
    { type: 'unreachable', dst: 'default', metric: 9 },
  ]);
  expect(parseDefaults(routes).map(({ device: name, gateway, metric }) => [name, gateway, metric])).toEqual([
    ['ppp0', undefined, 0],
    ['eth2', '192.0.2.5', 50],
    ['eth3', undefined, 50],
    ['eth1', '192.0.2.1', 100],
  ]);
  for (const wrong of ['', '[', 'null', '{}', '[null, 3]']) {
    expect([parseDevices(wrong), parseDefaults(wrong)], wrong).toEqual([[], []]);
  }
  const shown =
    'GENERAL.DEVICE:eth0\nGENERAL.TYPE:ethernet\nGENERAL.CONNECTION:Wired\\: one\nIP4.GATEWAY:192.0.2.1\n\n' +
    'GENERAL.DEVICE:eth1\nGENERAL.TYPE:ethernet\nGENERAL.CONNECTION:\nIP4.GATEWAY:\n\n' +
    'GENERAL.DEVICE:ttyUSB0\nGENERAL.TYPE:gsm\nGENERAL.CONNECTION:LTE\n';
  expect(parseManaged(shown)).toEqual([
    { device: 'eth0', type: 'ethernet', connection: 'Wired: one', gateway: '192.0.2.1' },
    { device: 'ttyUSB0', type: 'gsm', connection: 'LTE' },
  ]);
  expect(parseIdle('802-3-ethernet::Spare\npppoe::My\\: DSL\ngsm:ttyUSB0:LTE\n')).toEqual([
    { type: 'pppoe', name: 'My: DSL' },
  ]);
});

/** A machine in the words of its tools. */
interface Told {
  /** `eth0 10.0.0.1/24`, `wg0:wireguard`. */
  readonly devices?: readonly string[];
  /** `eth1 192.0.2.1 100 dhcp`. */
  readonly routes?: readonly string[];
  readonly peers?: Readonly<Record<string, string>>;
  readonly leases?: Readonly<Record<string, string>>;
  readonly managed?: string;
  readonly connections?: string;
}
function surveyed({ devices = [], routes = [], peers = {}, leases = {}, ...nm }: Told): Surveyed {
  const addresses = devices.map((words, n) => {
    const [[name, kind], address] = [words.split(' ')[0]?.split(':') ?? [], words.split(' ')[1]?.split('/')];
    const addr = address && { family: 'inet', local: address[0], prefixlen: Number(address[1]) };
    return {
      ifname: name,
      ifindex: n + 1,
      link_type: 'ether',
      addr_info: [addr].filter(Boolean),
      ...(kind && { linkinfo: { info_kind: kind } }),
    };
  });
  const defaults = routes.map((words) => {
    const [dev, gateway, metric, protocol] = words.split(' ');
    return { dst: 'default', dev, ...(gateway !== '-' && { gateway }), metric: Number(metric ?? 0), protocol };
  });
  const found = (files: Readonly<Record<string, string>>) =>
    Object.entries(files).map(([path, text]) => ({ path, text: text === 'unreadable' ? undefined : text }));
  return {
    addresses: JSON.stringify(addresses),
    routes: JSON.stringify(defaults),
    peers: found(Object.fromEntries(Object.entries(peers).map(([name, text]) => [`/etc/ppp/peers/${name}`, text]))),
    leases: found(leases),
    managed: nm.managed,
    connections: nm.connections,
  };
}

const pppoe = (n: number, more = '') => `plugin rp-pppoe.so eth${n}\npersist\nnodefaultroute\n${more}`;
const EIGHT = [1, 2, 3, 4, 5, 6, 7, 8];
interface Case {
  readonly told: Told;
  readonly existing?: readonly Known[];
  /** `NAME: KEY=VALUE …`, without WEIGHT. */
  readonly links: readonly string[];
  readonly lan?: readonly string[];
  /** Each must be in one of the notes. */
  readonly notes?: readonly RegExp[];
  readonly next?: readonly RegExp[];
}
const CASES: Record<string, Case> = {
  'nothing at all': { told: { devices: ['lo:loopback 127.0.0.1/8'] }, links: [] },
  'one static line': {
    told: { devices: ['eth0 10.0.0.1/24', 'eth1 192.0.2.7/24'], routes: ['eth1 192.0.2.1'] },
    links: ['eth1: ID=1 DEVICE=eth1 GATEWAY=192.0.2.1'],
    lan: ['eth0'],
    notes: [/eth1: no DHCP lease was found, so it is taken for static/],
  },
  'two PPPoE lines': {
    told: {
      devices: ['lan0 192.168.1.1/24', 'eth1', 'eth2', 'ppp0:ppp 203.0.113.7/32'],
      routes: ['ppp0 -'],
      peers: { dsl1: pppoe(1, 'ipparam dsl1'), dsl2: 'plugin rp-pppoe.so eth2\nreplacedefaultroute' },
    },
    links: ['dsl1: ID=1 PPP_IPPARAM=dsl1', 'dsl2: ID=2 PPP_IPPARAM=dsl2'],
    lan: ['lan0'],
    notes: [/ppp0: is up, and one of the lines of/],
    next: [
      /^in \/etc\/ppp\/peers\/dsl2: add "ipparam dsl2", remove "replacedefaultroute", add "nodefaultroute", add "persist" and "maxfail 0"; then redial: poff dsl2; pon dsl2$/,
    ],
  },
  'a peer whose name no link can have': {
    told: { devices: ['eth1'], peers: { constructor: pppoe(1, 'ipparam constructor') } },
    links: ['constructor-2: ID=1 PPP_IPPARAM=constructor'],
  },
  'PPPoE and DHCP, whose default route another one hides': {
    told: {
      devices: ['eth0 10.0.0.1/24', 'eth1', 'eth2 192.168.100.20/24'],
      peers: { dsl: pppoe(1, 'linkname dsl'), provider: 'user "myusername@realm"' },
      leases: { '/run/systemd/netif/leases/3': 'ROUTER=192.168.100.1\n' },
    },
    links: ['dsl: ID=1 PPP_LINKNAME=dsl', 'eth2: ID=2 DEVICE=eth2'],
    lan: ['eth0'],
    notes: [/provider: left out: Debian’s example/],
  },
  'by NetworkManager, one connection not up': {
    told: {
      devices: ['enp1s0 192.168.1.5/24', 'wwan0 10.9.8.7/30'],
      routes: ['enp1s0 192.168.1.1 100 dhcp'],
      managed:
        'GENERAL.DEVICE:enp1s0\nGENERAL.TYPE:ethernet\nGENERAL.CONNECTION:Wired\nIP4.GATEWAY:192.168.1.1\n\n' +
        'GENERAL.DEVICE:wwan0\nGENERAL.TYPE:gsm\nGENERAL.CONNECTION:LTE\nIP4.GATEWAY:10.9.8.6\n',
      connections: 'pppoe::Old DSL\n',
    },
    links: ['enp1s0: ID=1 DEVICE=enp1s0', 'wwan0: ID=2 DEVICE=wwan0'],
    notes: [/connection "Old DSL" \(pppoe\) is not up/],
  },
  'a tunnel of PPTP; a VPN that took the default route': {
    told: {
      devices: ['wg0:wireguard 10.5.0.2/24', 'eth1'],
      routes: ['wg0 -'],
      peers: { vpn: 'pty "pptp vpn.example.org --nolaunchpppd"\nipparam vpn\npersist\nnodefaultroute' },
    },
    links: ['vpn: ID=1 PPP_IPPARAM=vpn TUNNEL_SERVER=vpn.example.org'],
    notes: [/wg0: has a default route, but is a tunnel \(wireguard\)/],
  },
  'ppp without a peers file': {
    told: { devices: ['ppp0:ppp 192.0.2.7/32'], routes: ['ppp0 -'] },
    links: ['ppp0: ID=1 DEVICE=ppp0'],
    notes: [/no peers file names this line/],
  },
  'some are configured: their IDs and names are taken': {
    told: {
      devices: ['eth0 10.0.0.1/24', 'eth1 192.0.2.7/24', 'eth2 192.0.2.9/24'],
      routes: ['eth1 192.0.2.1', 'eth2 192.0.2.5 200'],
      peers: { dsl1: pppoe(3, 'ipparam dsl1'), dsl2: pppoe(4, 'ipparam dsl2') },
    },
    existing: [
      { id: 1, name: 'eth2', device: 'eth1' },
      { id: 3, name: 'first', pppIpparam: 'dsl1' },
    ],
    links: ['dsl2: ID=2 PPP_IPPARAM=dsl2', 'eth2-2: ID=4 DEVICE=eth2 GATEWAY=192.0.2.5'],
    lan: ['eth0'],
    notes: [/dsl1: is link first already/, /eth1: is link eth2 already/],
  },
  'eight lines': {
    told: {
      devices: EIGHT.map((n) => `eth${n} 192.0.2.${n}/24`),
      routes: EIGHT.slice(0, 4).map((n) => `eth${n} 192.0.2.254 ${n} dhcp`),
      peers: Object.fromEntries(EIGHT.slice(4).map((n) => [`line${n}`, pppoe(n, `ipparam line${n}`)])),
    },
    links: [
      ...EIGHT.slice(4).map((n, at) => `line${n}: ID=${at + 1} PPP_IPPARAM=line${n}`),
      ...EIGHT.slice(0, 4).map((n, at) => `eth${n}: ID=${at + 5} DEVICE=eth${n}`),
    ],
  },
  'names that are none; two of one name; what cannot be read': {
    told: {
      devices: ['eth1.100 192.0.2.7/24', 'br-0123456789ab 172.17.0.1/16', 'virbr0 192.168.122.1/24'],
      routes: ['eth1.100 192.0.2.1 0 dhcp', 'eth1.100 192.0.2.2 5 dhcp'],
      peers: {
        'my line': pppoe(1),
        'a-very-long-name-for-a-line': pppoe(1, 'ipparam one'),
        zwei: pppoe(2, 'ipparam one'),
        locked: 'unreadable',
      },
    },
    links: ['a-very-long-nam: ID=1 PPP_IPPARAM=one', 'eth1-100: ID=2 DEVICE=eth1.100'],
    notes: [
      /my line: neither its ipparam nor its name/,
      /zwei: has the same ipparam/,
      /locked: cannot be read/,
      /eth1\.100: has default routes over 192\.0\.2\.1 and 192\.0\.2\.2/,
      /its device eth1 is not there/,
    ],
  },
  'a lease of a card that is out': {
    told: {
      devices: ['eth0 10.0.0.1/24'],
      leases: { '/var/lib/dhcp/dhclient.leases': dhclient('  option routers 192.0.2.1;\n', 'never') },
    },
    links: [],
    lan: ['eth0'],
    notes: [/eth1: has a DHCP lease, but is not there now/],
  },
};

test.each(Object.entries(CASES))(
  'proposed: %s',
  (_, { told, existing = [], links, lan = [], notes = [], next = [] }) => {
    const got = propose(machineOf(surveyed(told), NOW), existing);
    const short = got.links.map(
      ({ name, text }) =>
        `${name}: ${text
          .split('\n')
          .filter((line) => /^(?!#|WEIGHT).+/.test(line))
          .join(' ')}`,
    );
    expect(short).toEqual(links);
    expect(got.lan).toEqual(lan);
    for (const note of notes) expect(got.notes).toContainEqual(expect.stringMatching(note));
    expect(got.next).toEqual(next.map((step) => expect.stringMatching(step) as string));
    const files = got.links.map(({ name, text }) => ({ path: `links/${name}.env`, name, text }));
    expect(parseConfig({ links: files }).problems, 'wanhook takes its own proposals').toEqual([]);
  },
);

const scratch = mkdtempSync(join(tmpdir(), 'wanhook-init-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const TWO = surveyed({
  devices: ['eth0 10.0.0.1/24', 'eth2 192.0.2.9/24'],
  routes: ['eth2 192.0.2.1 0 dhcp'],
  peers: { dsl: 'plugin rp-pppoe.so eth1\npassword s3cret\n' },
});

/** The command, below a directory of its own. */
async function init(name: string, answer: string | undefined, ...argv: string[]) {
  const directory = join(scratch, name);
  mkdirSync(join(directory, 'links'), { recursive: true });
  const world = createTestWorld();
  const said = { out: '', err: '' };
  const context = world.context({
    configDirectory: directory,
    openWorld: (voice) => ({ ...world, ...voice, loadConfig: () => loadConfig(directory) }),
    lookAround: () => Promise.resolve(TWO),
    ask: answer === 'no terminal' ? undefined : () => Promise.resolve(answer),
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
  });
  const code = await runProgram(['init', ...argv], context);
  return { code, ...said, files: readdirSync(join(directory, 'links')), directory };
}

test('init shows, asks, writes, and says what is next; never a secret', async () => {
  const got = await init('yes', 'y');
  expect(got).toMatchObject({ code: 0, files: ['dsl.env', 'eth2.env'], err: '' });
  expect(got.out).toContain('    ID=2\n    DEVICE=eth2\n');
  expect(got.out).toMatch(/1\. in \/etc\/ppp\/peers\/dsl: add "ipparam dsl".*\n.*LAN=eth0/);
  expect(got.out).not.toContain('s3cret');
  expect(loadConfig(got.directory)).toMatchObject({ problems: [], config: { links: [{ id: 1 }, { id: 2 }] } });
  expect((await init('yes', 'y')).out).toContain('no line but those that are configured: dsl, eth2');
});

test.each([
  ['n', [], 1, 'nothing is written'],
  [undefined, [], 1, 'nothing is written'],
  ['no terminal', [], 2, 'there is no terminal to ask at; --yes writes these 2 files'],
  ['no terminal', ['--yes'], 0, 'all written'],
] as const)('asked, and answered %j with %j: exit %i', async (answer, argv, code, text) => {
  const got = await init(`answer-${String(answer)}-${argv.length}`, answer, ...argv);
  expect(got.code).toBe(code);
  expect(got.out + got.err).toContain(text);
  expect(got.files).toHaveLength(code === 0 ? 2 : 0);
});

test('a file that is there is never written over, and a broken one stops it', async () => {
  const links = join(scratch, 'mine', 'links');
  mkdirSync(links, { recursive: true });
  writeFileSync(join(links, 'dsl.env'), 'ID=9\nDEVICE=ppp9\n');
  const got = await init('mine', 'y');
  expect(got).toMatchObject({ code: 0, files: ['dsl-2.env', 'dsl.env', 'eth2.env'] });
  expect(readFileSync(join(links, 'dsl.env'), 'utf8')).toBe('ID=9\nDEVICE=ppp9\n');
  writeFileSync(join(links, 'bad.env'), 'ID=x\n');
  expect((await init('mine', 'y')).code).toBe(2);
});
