/** `wanhook doctor`: what is judged from given facts, and how the facts are read. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { exitCode, findings, managed } from '../../src/doctor/doctor.ts';
import type { Facts, Finding, FileOption } from '../../src/doctor/facts.ts';
import { foreignRules, rulesetOf } from '../../src/doctor/foreign.ts';
import { pppOptions } from '../../src/ppp-options.ts';
import { clientsOf } from '../../src/doctor/processes.ts';

const { config } = parseConfig({
  links: [
    { path: '/etc/wanhook/links/dsl.env', name: 'dsl', text: 'ID=1\nPPP_IPPARAM=dsl' },
    { path: '/etc/wanhook/links/cable.env', name: 'cable', text: 'ID=2\nDEVICE=eth1\nPROBE=none' },
  ],
});
const dsl = config!.links[0]!;
const cable = config!.links[1]!;

const peer = (text: string) => pppOptions(text).map((option) => ({ file: '/etc/ppp/peers/dsl', ...option }));

/** A machine with nothing to complain of. */
const WELL: Facts = {
  now: Date.parse('2026-01-02'),
  configuration: { config: config!, problems: [], warnings: [] },
  routing: {
    statuses: [
      { up: true, link: dsl, device: 'ppp0', mtu: 1492, address: '192.0.2.1', onlink: false },
      { up: true, link: cable, device: 'eth1', mtu: 1500, address: '198.51.100.2', gateway: '198.51.100.1', onlink: false },
    ],
    stopped: false,
    pending: 0,
    probesBlocked: [],
  },
  tools: [{ name: 'ip', package: 'iproute2', path: '/usr/sbin/ip' }],
  node: { version: '20.20.2', path: '/usr/bin/node', owner: 0 },
  features: [{ name: 'x', there: true, without: '', wanted: true }],
  installed: [{ path: '/etc/ppp/ip-up.d/wanhook', mode: '755', sum: 'a', found: { mode: '755', owner: 0, sum: 'a', modified: Date.parse('2026-01-01') } }],
  hiders: [],
  hooked: new Map([['pppd', ['/etc/ppp/ip-up.d/wanhook']], ['dhclient', ['zz-wanhook']], ['NetworkManager', []]]),
  clients: [
    { client: 'pppd', pid: 7, device: 'ppp0' },
    { client: 'dhclient', pid: 8, device: 'eth1' },
  ],
  managers: [{ client: 'ifupdown', device: 'eth1' }],
  pppOptions: peer('ipparam dsl\nnodefaultroute'),
  sysctls: { 'net/ipv4/conf/all/rp_filter': '0', 'net/ipv4/conf/eth1/rp_filter': '2' },
  sysctlLines: [],
  foreign: { rules: [], routes: [], nexthops: [], flowtables: [], marks: [], hiddenMarks: [] },
  conntrack: { count: 1, max: 100 },
  services: { systemd: true, bootEnabled: true, monitorRuns: true },
  refusedScripts: [],
}; // prettier-ignore

test('a machine that is well: nothing, exit code 0', () => {
  expect(findings({ ...WELL, hooked: new Map([...WELL.hooked, ['ifupdown', ['wanhook']]]) })).toEqual([]);
  expect(exitCode([])).toBe(0);
});

const file = WELL.installed![0]!;
const rule = (json: Record<string, unknown>) => ({ ...WELL.foreign, rules: foreignRules([json], '201') });
const option = (word: string): FileOption => ({ file: '/etc/ppp/peers/dsl', line: 3, option: word });

const CASES: readonly (readonly [name: string, facts: Partial<Facts>, want: Partial<Record<keyof Finding, string>>])[] = [
  ['a tool is missing', { tools: [{ name: 'nft', package: 'nftables' }] }, { severity: 'error', about: 'nft', mend: 'apt install nftables' }],
  ['a tool for one thing', { tools: [{ name: 'ss', package: 'iproute2', only: 'this' }] }, { severity: 'warning', about: 'ss', problem: 'this does not work' }],
  ['Node is too old', { node: { version: '18.20.1', path: '/usr/bin/node', owner: 0 } }, { severity: 'error', problem: '20.19 is the oldest' }],
  ['Node is a user’s', { node: { version: '22.1.0', path: '/home/u/node', owner: 1000 } }, { severity: 'warning', problem: 'belongs to user 1000' }],
  ['the kernel lacks what is wanted', { features: [{ name: 'reject', there: false, without: 'no block', wanted: true }] }, { severity: 'error', problem: 'has no reject: no block' }],
  ['the kernel lacks what is not', { features: [{ name: 'reject', there: false, without: 'no block', wanted: false }] }, { severity: 'note' }],
  ['a hook is gone', { installed: [{ path: file.path, mode: '755', sum: 'a' }] }, { severity: 'error', about: file.path, mend: 'run install.sh again' }],
  ['a hook is not executable', { installed: [{ ...file, found: { ...file.found!, mode: '644' } }] }, { severity: 'error', problem: 'is not executable', mend: `chmod 755 ${file.path}` }],
  ['a hook is somebody’s', { installed: [{ ...file, found: { ...file.found!, owner: 33 } }] }, { severity: 'error', mend: `chown root:root ${file.path}` }],
  ['a hook was edited', { installed: [{ ...file, found: { ...file.found!, sum: 'b' } }] }, { severity: 'warning', problem: 'is not what was installed' }],
  ['a script is refused', { refusedScripts: ['/etc/wanhook/events.d/x is not executable (chmod +x): not run'] }, { severity: 'warning', about: '/etc/wanhook/events.d/x' }],
  ['the clock is behind', { now: Date.parse('2025-12-30') }, { severity: 'warning', about: 'clock', problem: '2 days behind' }],
  ['not at boot', { services: { ...WELL.services, bootEnabled: false } }, { severity: 'warning', mend: 'systemctl enable wanhook.service' }],
  ['no monitor', { services: { ...WELL.services, monitorRuns: false } }, { severity: 'note', about: 'wanhook-monitor' }],
  ['stopped', { routing: { ...WELL.routing!, stopped: true } }, { severity: 'warning', mend: 'wanhook apply' }],
  ['conntrack is nearly full', { conntrack: { count: 90, max: 100 } }, { severity: 'warning', about: 'nf_conntrack', problem: '90 of 100' }],
  ['no configuration', { configuration: { problems: [{ file: '/etc/wanhook/links/a.env', line: 2, message: 'bad' }], warnings: [] } }, { severity: 'error', about: '/etc/wanhook/links/a.env:2', problem: 'bad' }],
  ['no links', { configuration: { config: { ...config!, links: [] }, problems: [], warnings: [] } }, { severity: 'error', about: '/etc/wanhook/links' }],
  ['not applied', { routing: { ...WELL.routing!, pending: 3 } }, { severity: 'warning', problem: '3 changes pending' }],
  ['a link is down', { routing: { ...WELL.routing!, statuses: [{ up: false, link: dsl, present: false, pointToPoint: true, reason: 'never seen' }] } }, { severity: 'warning', about: 'link dsl', problem: 'never seen' }],
  ['a link lacks its gateway', { routing: { ...WELL.routing!, statuses: [{ up: false, link: cable, present: true, pointToPoint: false, reason: 'no gateway', lacksGateway: true }] } }, { mend: 'GATEWAY= in /etc/wanhook/links/cable.env' }],
  ['probes are blocked', { routing: { ...WELL.routing!, probesBlocked: ['dsl'] } }, { severity: 'warning', about: 'link dsl', mend: 'hook output' }],
  ['a trial', { trial: 'a try is running: 9 s left' }, { severity: 'warning', about: 'wanhook try', problem: '9 s left' }],
  ['two managers', { managers: [{ client: 'NetworkManager', device: 'eth1' }], hooked: new Map() }, { severity: 'warning', about: 'eth1', problem: 'NetworkManager and dhclient', mend: 'nmcli device set' }],
  ['two of one client', { clients: [...WELL.clients, { client: 'dhclient', pid: 9, device: 'eth1' }] }, { severity: 'warning', about: 'eth1', problem: '2 processes of dhclient (pids 8, 9)', mend: 'kill 9' }],
  ['two of both families', { clients: [8, 9].map((pid) => ({ client: 'dhcpcd', pid, device: 'eth1' })), hooked: new Map() }, { problem: '2 processes of dhcpcd (pids 8, 9)' }],
  ['one of both, and one', { clients: [{ client: 'dhcpcd', pid: 8, device: 'eth1' }, { client: 'dhcpcd', pid: 9, device: 'eth1', family: 6 }], hooked: new Map() }, { problem: '2 processes of dhcpcd (pids 8, 9)' }],
  ['a client without hook', { clients: [{ client: 'NetworkManager', pid: 1 }] }, { severity: 'error', about: 'NetworkManager', mend: 'run install.sh again' }],
  ['ip-up.local hides', { hiders: ['/etc/ppp/ip-up.local'] }, { severity: 'error', about: '/etc/ppp/ip-up.local', mend: '/etc/ppp/ip-up.d/wanhook "$@"' }],
  ['defaultroute', { pppOptions: [...WELL.pppOptions, option('defaultroute')] }, { severity: 'warning', about: '/etc/ppp/peers/dsl:3', mend: 'nodefaultroute' }],
  ['replacedefaultroute', { pppOptions: [...WELL.pppOptions, option('replacedefaultroute')] }, { severity: 'warning', problem: 'is lost with the line' }],
  ['no ipparam', { pppOptions: peer('ipparam other') }, { severity: 'warning', about: 'link dsl', mend: 'ipparam dsl' }],
  ['strict rp_filter', { sysctls: { 'net/ipv4/conf/all/rp_filter': '1', 'net/ipv4/conf/ppp0/rp_filter': '0', 'net/ipv4/conf/eth1/rp_filter': '2' } }, { severity: 'error', about: 'ppp0', problem: 'strict' }],
  ['rp_filter at boot', { sysctlLines: [{ file: '/etc/sysctl.conf', line: 4, key: 'net.ipv4.conf.all.rp_filter', value: '1' }] }, { severity: 'note', about: '/etc/sysctl.conf:4' }],
  ['flow offload', { foreign: { ...WELL.foreign, flowtables: ['inet fw f'] } }, { severity: 'warning', about: 'flowtable inet fw f', mend: 'nft delete flowtable inet fw f' }],
  ['a rule before all of ours', { foreign: rule({ priority: 10, src: 'all', table: '100' }) }, { severity: 'error', about: 'rule 10: from all lookup 100', problem: 'before wanhook' }],
  ['a rule among ours', { foreign: rule({ priority: 20100, src: '10.0.0.0', srclen: 8, table: '100' }) }, { severity: 'warning', problem: 'among our rules (20000 to 20900)', mend: 'PREF_BASE' }],
  ['a rule into our table', { foreign: rule({ priority: 30000, src: '10.0.0.0', srclen: 8, table: '20002' }) }, { severity: 'note', problem: 'a table of ours' }],
  ['a rule with all bits', { foreign: rule({ priority: 30000, src: 'all', fwmark: '0x1', table: '100' }) }, { severity: 'warning', mend: 'fwmark VALUE/0xc0ffffff' }],
  ['a route in our table', { foreign: { ...WELL.foreign, routes: ['table 20001: default dev eth9'] } }, { severity: 'warning', mend: 'TABLE_BASE' }],
  ['our nexthop id', { foreign: { ...WELL.foreign, nexthops: [20001] } }, { severity: 'error', about: 'nexthop 20001' }],
  ['our mark bits', { foreign: { ...WELL.foreign, marks: [{ where: 'ip fw c handle 4', bits: 0xff000000 }] } }, { severity: 'warning', problem: '0x3f000000' }],
  ['marks of iptables', { foreign: { ...WELL.foreign, hiddenMarks: ['ip mangle'] } }, { severity: 'note', mend: 'iptables-save' }],
]; // prettier-ignore

test.each(CASES)('%s', (_, facts, want) => {
  const found = findings({ ...WELL, hooked: new Map([...WELL.hooked, ['ifupdown', ['x']]]), ...facts });
  const fits = found.filter((finding) =>
    Object.entries(want).every(([key, text]) => finding[key as keyof Finding].includes(text)),
  );
  expect(fits, JSON.stringify(found, null, 1)).toHaveLength(1);
  expect(fits[0]!.mend).not.toBe('');
});

test('the worst first, and it is the exit code', () => {
  const found = findings({
    ...WELL,
    hiders: ['/etc/ppp/ip-up.local'],
    pppOptions: [...WELL.pppOptions, option('defaultroute')],
  });
  expect(found.map(({ severity }) => severity)).toEqual(['error', 'warning']);
  expect(exitCode(found)).toBe(2);
  expect(exitCode(found.filter(({ severity }) => severity !== 'error'))).toBe(1);
  expect(exitCode([{ severity: 'note', about: '', problem: '', mend: '' }])).toBe(0);
});

test('marks of others that cannot touch ours are nobody’s business', () => {
  const marks = [{ where: 'x', bits: 0xc0ffffff }];
  const rules = foreignRules([{ priority: 32764, not: null, src: 'all', fwmark: '0xca6c', table: '51820' }], '201');
  expect(findings({ ...WELL, managers: [], foreign: { ...WELL.foreign, marks, rules } })).toEqual([]);
});

test('who manages what', () => {
  expect(managed(WELL)).toEqual([
    { link: 'dsl', device: 'ppp0', clients: ['pppd'] },
    { link: 'cable', device: 'eth1', clients: ['dhclient', 'ifupdown'] },
  ]);
});

test('dhclient -4 beside dhclient -6, as ifupdown starts them: no two of one client', () => {
  const clients = (['-4', '-6'] as const).flatMap((family, n) =>
    clientsOf([{ pid: 611 + n, argv: ['/sbin/dhclient', family, 'eth1'], exe: '/usr/sbin/dhclient', uid: 0 }]),
  );
  expect(clients).toHaveLength(2);
  expect(findings({ ...WELL, hooked: new Map([...WELL.hooked, ['ifupdown', ['wanhook']]]), clients })).toEqual([]);
});

const PROCESSES: readonly (readonly [argv: string, exe: string, want: readonly object[]])[] = [
  ['/usr/sbin/pppd call dsl', 'pppd', [{ client: 'pppd', device: 'ppp3' }]],
  ['/usr/sbin/pppd nodetach plugin /usr/lib/pppd/2.4.9/nm-pppd-plugin.so', 'pppd', [{ client: 'pppd', device: 'ppp3', under: 'NetworkManager' }]],
  ['/sbin/dhclient -4 -v -i -pf /run/dhclient.eth1.pid -lf /var/lib/dhcp/x -df y eth1', 'dhclient', [{ client: 'dhclient', device: 'eth1', family: 4 }]],
  ['/sbin/dhclient -6 eth1', 'dhclient (deleted)', [{ client: 'dhclient', device: 'eth1', family: 6 }]],
  ['/sbin/dhclient -q -sf /usr/lib/NetworkManager/nm-dhcp-helper eth2', 'dhclient', [{ client: 'dhclient', device: 'eth2', family: 4, under: 'NetworkManager' }]],
  ['dhcpcd: eth1 [ip4] [ip6]', 'dhcpcd', [{ client: 'dhcpcd', device: 'eth1' }]],
  ['dhcpcd: eth1 [ip6]', 'dhcpcd', [{ client: 'dhcpcd', device: 'eth1', family: 6 }]],
  ['dhcpcd: [manager] [ip4] [ip6]', 'dhcpcd', [{ client: 'dhcpcd' }]],
  ['dhcpcd: [privileged proxy] eth1 [ip4]', 'dhcpcd', []],
  ['dhcpcd: [BOOTP proxy] 192.0.2.9', 'dhcpcd', []],
  ['udhcpc -i eth3 -s /usr/lib/x', 'busybox', [{ client: 'udhcpc', device: 'eth3', family: 4 }]],
  ['busybox udhcpc --interface=eth4', 'busybox', [{ client: 'udhcpc', device: 'eth4', family: 4 }]],
  ['/usr/sbin/NetworkManager --no-daemon', 'NetworkManager', [{ client: 'NetworkManager' }]],
  ['/lib/systemd/systemd-networkd', 'systemd-networkd', [{ client: 'systemd-networkd' }]],
  ['/usr/bin/sleep 5', 'sleep', []],
  // Whoever only calls himself so.
  ['/sbin/dhclient eth1', 'python3.11', []],
  ['/sbin/dhclient eth1', 'busybox', []],
  ['/sbin/dhclient eth1', '', []],
]; // prettier-ignore
test.each(PROCESSES)('%s, run by %s', (argv, exe, want) => {
  const words = argv.startsWith('dhcpcd:') ? [argv] : argv.split(' ');
  const found = clientsOf([{ pid: 4, argv: words, exe: `/usr/sbin/${exe}`, uid: 0 }], new Map([[4, 'ppp3']]));
  expect(found).toEqual(want.map((one) => ({ pid: 4, ...one })));
});

test.each([
  ['dhclient eth1', 'dhclient', 33, 0],
  ['dhclient eth1', 'dhclient', Number.NaN, 0],
  ['dhcpcd: eth1 [ip4]', 'dhcpcd', 105, 1],
  ['dhcpcd: eth1 [ip4]', 'dhcpcd', 1000, 0],
  ['systemd-networkd', 'systemd-networkd', 998, 1],
])('%s of user %s %d: %d', (argv, exe, uid, count) => {
  const words = argv.startsWith('dhcpcd:') ? [argv] : argv.split(' ');
  expect(clientsOf([{ pid: 4, argv: words, exe, uid }])).toHaveLength(count);
});

test('a peers file: comments, quotes, values that look like options, and no password', () => {
  const text = '# defaultroute\nplugin "rp pppoe.so" # replacedefaultroute\nuser defaultroute\npassword "s3cret"\ndefaultroute\nipparam \'dsl\'';
  expect(pppOptions(text).map(({ line, option: word, value }) => [line, word, value])).toEqual([
    [2, 'plugin', 'rp pppoe.so'],
    [3, 'user', 'defaultroute'],
    [4, 'password', undefined],
    [5, 'defaultroute', undefined],
    [6, 'ipparam', 'dsl'],
  ]);
}); // prettier-ignore

/** As nft 1.0.6 prints them. */
const MANGLES: readonly (readonly [text: string, expression: object, bits: number])[] = [
  ['meta mark set meta mark and 0xffffff00 or 1', { key: { meta: { key: 'mark' } }, value: { '|': [{ '&': [{ meta: { key: 'mark' } }, 4294967041] }, 1] } }, 0xff],
  ['meta mark set 1', { key: { meta: { key: 'mark' } }, value: 1 }, 0xffffffff],
  ['ct mark set meta mark', { key: { ct: { key: 'mark' } }, value: { meta: { key: 'mark' } } }, 0xffffffff],
  ['meta mark set ct mark and 0xff', { key: { meta: { key: 'mark' } }, value: { '&': [{ ct: { key: 'mark' } }, 255] } }, 0xffffffff],
  ['ct mark set ct mark or 0x10', { key: { ct: { key: 'mark' } }, value: { '|': [{ ct: { key: 'mark' } }, 16] } }, 0x10],
  ['meta mark set ip saddr map …', { key: { meta: { key: 'mark' } }, value: { map: {} } }, 0xffffffff],
]; // prettier-ignore
const chain = (prio: number) => ({ chain: { family: 'inet', table: 'x', name: 'c', hook: 'prerouting', prio } });
const ruleIn = (table: string, ...expr: object[]) => ({ rule: { family: 'inet', table, chain: 'c', handle: 3, expr } });
const listing = (...objects: object[]) => JSON.stringify({ nftables: [{ metainfo: {} }, ...objects] });

test.each(MANGLES)('%s', (_, mangle, bits) => {
  expect(rulesetOf(listing(chain(0), ruleIn('x', { mangle }))).marks).toEqual([{ where: 'inet x c handle 3', bits }]);
  expect(rulesetOf(listing(ruleIn('wanhook', { mangle }), ruleIn('wanhook_use_12', { mangle }))).marks).toEqual([]);
});

test('the packet’s mark before ours is set, flow tables, and what nft does not show', () => {
  const early = listing(
    chain(-300),
    ruleIn('x', { mangle: MANGLES[1]![1] }),
    { flowtable: { family: 'inet', table: 'x', name: 'f' } },
    ruleIn('x', { xt: { type: 'target', name: 'MARK' } }),
  );
  expect(rulesetOf(early)).toEqual({ marks: [], flowtables: ['inet x f'], hiddenMarks: ['inet x'] });
});
