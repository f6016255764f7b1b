/**
 * Every recorded hook call (test/support/captures/) and what it means; none may be without a row here. Then what daemons,
 * peers and servers may send but ours never did.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isHook, parseHook } from '../../src/events/hooks.ts';
import { captureFolders, capturesIn, inWords, readCapture } from '../support/world-captures.ts';

/** Hooks that run but are none of ours (pre-up must not be delayed, auth-* is a server's). */
const NOT_OURS = 'no hook of ours';

const CAPTURES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'dhclient-4.4.3-P1-deb12': {
    'BOUND.after-expire-rfc3442': 'up hkc0 10.77.0.100/24 via 10.77.0.2 dns 10.77.0.99',
    'BOUND.enter': 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    BOUND: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    'BOUND.hostile': 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.newline': 'up hkc0 10.77.0.70/24 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.nomask': 'up hkc0 10.77.0.70/32 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.norouter': 'up hkc0 10.77.0.70/24 dns 10.77.0.53',
    'BOUND.routers2': 'up hkc0 10.77.0.70/24 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.slash32': 'up hkc0 10.77.0.70/32 via 10.77.0.1 dns 10.77.0.53',
    'BOUND6.enter': 'check hkc0',
    'BOUND6.enter.pd': 'check hkc0 prefixes added fd77:aaaa:0:ff00::/56',
    BOUND6: 'check hkc0',
    'BOUND6.pd': 'check hkc0 prefixes added fd77:aaaa:0:ff00::/56',
    'DEPREF6.enter': 'ignored: reason "DEPREF6" changes nothing',
    DEPREF6: 'ignored: reason "DEPREF6" changes nothing',
    'EXPIRE.enter': 'down hkc0 10.77.0.50',
    EXPIRE: 'down hkc0 10.77.0.50',
    'EXPIRE6.enter': 'check hkc0',
    EXPIRE6: 'check hkc0',
    'FAIL.enter': 'down hkc0',
    FAIL: 'down hkc0',
    'PREINIT.enter': 'ignored: reason "PREINIT" changes nothing',
    PREINIT: 'ignored: reason "PREINIT" changes nothing',
    'PREINIT6.enter': 'ignored: reason "PREINIT6" changes nothing',
    'PREINIT6.enter.pd': 'ignored: reason "PREINIT6" changes nothing',
    PREINIT6: 'ignored: reason "PREINIT6" changes nothing',
    'PREINIT6.pd': 'ignored: reason "PREINIT6" changes nothing',
    'REBIND6.enter': 'check hkc0',
    REBIND6: 'check hkc0',
    'REBOOT.enter': 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    REBOOT: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    'RELEASE.enter': 'down hkc0 10.77.0.50',
    RELEASE: 'down hkc0 10.77.0.50',
    'RELEASE6.enter': 'check hkc0',
    RELEASE6: 'check hkc0',
    'RENEW.enter': 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    RENEW: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    'RENEW6.enter': 'check hkc0',
    'RENEW6.enter.pd': 'check hkc0 prefixes added fd77:aaaa:0:ff00::/56',
    RENEW6: 'check hkc0',
    'RENEW6.pd': 'check hkc0 prefixes added fd77:aaaa:0:ff00::/56',
    'STOP.enter': 'down hkc0 10.77.0.50',
    STOP: 'down hkc0 10.77.0.50',
    'STOP6.enter.pd': 'check hkc0 prefixes removed fd77:aaaa:0:ff00::/56',
    'STOP6.pd': 'check hkc0 prefixes removed fd77:aaaa:0:ff00::/56',
    'TIMEOUT.enter': 'check hkc0',
    TIMEOUT: 'check hkc0',
  },
  'dhcpcd-9.4.1-deb12': {
    BOUND: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    'BOUND.hostile': 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.newline': 'up hkc0 10.77.0.70/24 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.nomask': 'up hkc0 10.77.0.70/8 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.norouter': 'up hkc0 10.77.0.70/24 dns 10.77.0.53',
    'BOUND.rfc3442': 'up hkc0 10.77.0.100/24 via 10.77.0.2 dns 10.77.0.99',
    'BOUND.routers2': 'up hkc0 10.77.0.70/24 via 10.77.0.1 dns 10.77.0.53',
    'BOUND.slash32': 'up hkc0 10.77.0.70/32 via 10.77.0.1 dns 10.77.0.53',
    BOUND6: 'check hkc0 prefixes fd77:aaaa:0:ff00::/56',
    CARRIER: 'check hkc0',
    DELEGATED6: 'check hkl0',
    DEPARTED: 'down hkc0',
    EXPIRE: 'down hkc0 10.77.0.50',
    'EXPIRE.after-nak-reboot': 'down hkc0',
    'EXPIRE.carrier-lost': 'down hkc0 10.77.0.50',
    EXPIRE6: 'check hkc0 prefixes none',
    INFORM: 'up hkc0 10.77.0.33/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    'IPV4LL.added': 'check hkc0',
    'IPV4LL.removed': 'check hkc0',
    NAK: 'down hkc0',
    NOCARRIER: 'down hkc0',
    PREINIT: 'ignored: reason "PREINIT" changes nothing',
    REBIND: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    REBOOT: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    RECONFIGURE: 'check hkc0',
    RENEW: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    RENEW6: 'check hkc0 prefixes fd77:aaaa:0:ff00::/56',
    ROUTERADVERT: 'check hkc0',
    'ROUTERADVERT.expired': 'check hkc0',
    'ROUTERADVERT.router-lifetime-0': 'check hkc0',
    STATIC: 'up hkc0 10.77.0.222/24 via 10.77.0.1 dns 10.77.0.53',
    STOP: 'down hkc0 10.77.0.50',
    STOPPED: 'check hkc0',
    'STOPPED.nopersist': 'check hkc0',
    TIMEOUT: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
  },
  'ifupdown-0.8.41-deb12': {
    'post-down.inet.dhcp': 'down hkc0',
    'post-down.inet.static': 'down hkc0',
    'post-down.inet6.static': 'check hkc0',
    'post-up.inet.dhcp': 'check hkc0',
    'post-up.inet.loopback': 'check lo',
    'post-up.inet.static': 'up hkc0 10.77.0.30/24 via 10.77.0.1',
    'post-up.inet6.static': 'check hkc0',
    'post-up.meta.none': 'ignored: all devices are done: each has told for itself',
    'pre-down.inet.dhcp': 'ignored: phase "pre-down" changes nothing',
    'pre-down.inet.static': 'ignored: phase "pre-down" changes nothing',
    'pre-down.inet6.static': 'ignored: phase "pre-down" changes nothing',
    'pre-up.inet.dhcp': 'ignored: phase "pre-up" changes nothing',
    'pre-up.inet.loopback': 'ignored: phase "pre-up" changes nothing',
    'pre-up.inet.static': 'ignored: phase "pre-up" changes nothing',
    'pre-up.inet6.static': 'ignored: phase "pre-up" changes nothing',
    'pre-up.meta.none': 'ignored: all devices are done: each has told for itself',
  },
  'networkd-dispatcher-2.2.3-deb12': {
    carrier: 'ignored: state "carrier" changes nothing',
    'carrier.lo': 'ignored: state "carrier" changes nothing',
    configured: 'up hkc0 10.77.0.50 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    configuring: 'ignored: state "configuring" changes nothing',
    degraded: 'down hkc0',
    'degraded.already-readdressed': 'up hkc0 10.77.0.100 via 10.77.0.2 dns 10.77.0.99',
    'no-carrier': 'down hkc0',
    off: 'down hkc0',
    routable: 'up hkc0 10.77.0.50 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
  },
  'networkmanager-1.42.4-deb12': {
    'connectivity-change': 'ignored: "connectivity-change" is of no device',
    'dhcp4-change.before-up-no-ip': 'check hkc0',
    down: 'down hkc0',
    'down.carrier-lost': 'down hkc0',
    'down.late-while-up-again': 'down hkc0',
    'pre-down': 'ignored: "pre-down" changes nothing',
    'pre-up': 'ignored: "pre-up" changes nothing',
    reapply: 'check hkc0',
    up: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    'up.static-dualstack': 'up hkc0 10.77.0.222/24 via 10.77.0.1 dns 10.77.0.53',
  },
  'udhcpc-1.35.0-deb12': {
    bound: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
    'bound.hostile': 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53',
    'bound.newline': 'up hkc0 10.77.0.70/24 via 10.77.0.1 dns 10.77.0.53',
    'bound.nomask': 'up hkc0 10.77.0.70 via 10.77.0.1 dns 10.77.0.53',
    'bound.norouter': 'up hkc0 10.77.0.70/24 dns 10.77.0.53',
    'bound.rfc3442': 'up hkc0 10.77.0.100/24 via 10.77.0.2 dns 10.77.0.99',
    'bound.routers2': 'up hkc0 10.77.0.70/24 via 10.77.0.1 dns 10.77.0.53',
    'bound.slash32': 'up hkc0 10.77.0.70/32 via 10.77.0.1 dns 10.77.0.53',
    deconfig: 'down hkc0',
    'deconfig.lease-lost': 'down hkc0',
    leasefail: 'ignored: "leasefail" changes nothing',
    nak: 'ignored: "nak" changes nothing',
    renew: 'up hkc0 10.77.0.50/24 via 10.77.0.1 dns 10.77.0.53,10.77.0.54',
  },
  'pppd-2.4.9-deb12': {
    'auth-down': NOT_OURS,
    'auth-up': NOT_OURS,
    'ip-down.demand': 'down ppp-a 192.0.2.10 ipparam dm',
    'ip-down': 'down ppp-wan1 192.0.2.10 ipparam my-param linkname lnk1',
    'ip-down.lcp-timeout-persist': 'down ppp-wan1 192.0.2.10',
    'ip-down.minimal': 'down ppp0 192.0.2.10',
    'ip-down.nic-down': 'down ppp0 192.0.2.13',
    'ip-down.sighup-persist': 'down ppp-wan1 198.51.100.20',
    'ip-pre-up.demand': NOT_OURS,
    'ip-pre-up': NOT_OURS,
    'ip-pre-up.lcp-timeout-persist': NOT_OURS,
    'ip-pre-up.minimal': NOT_OURS,
    'ip-pre-up.reconnect-new-addr-stale-dns': NOT_OURS,
    'ip-pre-up.sighup-persist': NOT_OURS,
    'ip-up.demand': 'up ppp-a 192.0.2.10/32 peer 192.0.2.1 dns 192.0.2.53 ipparam dm',
    'ip-up': 'up ppp-wan1 192.0.2.10/32 peer 192.0.2.1 dns 192.0.2.53,192.0.2.54 ipparam my-param linkname lnk1',
    'ip-up.flap-swallowed': 'up ppp-wan1 192.0.2.12/32 peer 192.0.2.1',
    'ip-up.lcp-timeout-persist': 'up ppp-wan1 192.0.2.10/32 peer 192.0.2.1 dns 192.0.2.53,192.0.2.54',
    'ip-up.minimal': 'up ppp0 192.0.2.10/32 peer 192.0.2.1',
    'ip-up.reconnect-new-addr-stale-dns': 'up ppp-wan1 198.51.100.20/32 peer 198.51.100.1 dns 192.0.2.53,192.0.2.54',
    'ip-up.sighup-persist': 'up ppp-wan1 198.51.100.21/32 peer 198.51.100.1 dns 192.0.2.53,192.0.2.54',
    'ipv6-down': 'down ppp-wan1 fe80::793c:c885:dd39:66c6 ipparam my-param linkname lnk1',
    'ipv6-down.lcp-timeout-persist': 'down ppp-wan1 fe80::21da:d983:3f17:458c',
    'ipv6-down.sighup-persist': 'down ppp-wan1 fe80::45cb:b6fb:1724:9b67',
    'ipv6-up': 'up ppp-wan1 fe80::793c:c885:dd39:66c6 via fe80::e438:bba2:46a2:21a3 ipparam my-param linkname lnk1',
    'ipv6-up.lcp-timeout-persist': 'up ppp-wan1 fe80::21da:d983:3f17:458c via fe80::82b:d829:9a13:319d',
    'ipv6-up.reconnect-new-addr-stale-dns': 'up ppp-wan1 fe80::45cb:b6fb:1724:9b67 via fe80::5c8:fd28:5339:7c2a',
    'ipv6-up.sighup-persist': 'up ppp-wan1 fe80::8d:a970:157:2e6f via fe80::5d05:90e4:cb67:fd47',
  },
  'pppd-2.4.9-deb12-runparts': {
    'ip-down': 'down ppp7 192.0.2.11 ipparam wan1',
    'ip-pre-up': NOT_OURS,
    'ip-up': 'up ppp7 192.0.2.11/32 peer 192.0.2.1 dns 192.0.2.53,192.0.2.54 ipparam wan1',
    'ip-up.ipparam-metachars': 'up ppp-a 192.0.2.10/32 peer 192.0.2.1',
    'ip-up.unprivileged-user-set-env': 'up ppp0 192.0.2.10/32 peer 192.0.2.1 dns 6.6.6.6',
    'ipv6-down': 'down ppp7 fe80::ccc9:e9fa:ec5:5cb ipparam wan1',
    'ipv6-up': 'up ppp7 fe80::ccc9:e9fa:ec5:5cb via fe80::18a2:9b34:6a25:2372 ipparam wan1',
  },
  'pptp-1.10.0-pppd-2.4.9': {
    'ip-down': 'down ppp-pptp 192.0.2.30 ipparam pptp1',
    'ip-down.server': 'down ppp0 192.0.2.1 ipparam 10.9.0.2',
    'ip-pre-up': NOT_OURS,
    'ip-up': 'up ppp-pptp 192.0.2.30/32 peer 192.0.2.1 dns 192.0.2.53 ipparam pptp1',
    'ip-up.server': 'up ppp0 192.0.2.1/32 peer 192.0.2.30 ipparam 10.9.0.2',
  },
  'xl2tpd-1.3.18-pppd-2.4.9': {
    'ip-down': 'down ppp-l2tp 192.0.2.10',
    'ip-down.lns': 'down ppp0 192.0.2.1',
    'ip-pre-up': NOT_OURS,
    'ip-up': 'up ppp-l2tp 192.0.2.10/32 peer 192.0.2.1 dns 192.0.2.53',
    'ip-up.lns': 'up ppp0 192.0.2.1/32 peer 192.0.2.10',
    'ipv6-down': 'down ppp-l2tp fe80::cdfc:aad5:7b62:766',
    'ipv6-up': 'up ppp-l2tp fe80::95f2:14ca:c9eb:7cf0 via fe80::a8ac:a3d:ba04:a869',
  },
};

/** Folders with one hook for all their reasons; in pppd's, a file's name is its hook's. */
const CLIENTS: Readonly<Record<string, string>> = {
  dhclient: 'dhclient',
  dhcpcd: 'dhcpcd',
  udhcpc: 'udhcpc',
  networkmanager: 'networkmanager',
  'networkd-dispatcher': 'networkd',
  ifupdown: 'ifupdown',
};

function hookOf(folder: string, name: string): string {
  const client = Object.keys(CLIENTS).find((prefix) => folder.startsWith(prefix));
  return client === undefined ? name.replace(/\..*/, '') : CLIENTS[client]!;
}

function meaning(folder: string, name: string): string {
  const hook = hookOf(folder, name);
  return isHook(hook) ? inWords(parseHook(hook, readCapture(folder, name))) : NOT_OURS;
}

test.each(captureFolders())('%s: every recorded call means what the table says', (folder) => {
  const got = Object.fromEntries(capturesIn(folder).map((name) => [name, meaning(folder, name)]));
  expect(got).toEqual(CAPTURES[folder]);
});

const SHIM = readFileSync(new URL('../../hooks/run-hook.sh', import.meta.url), 'utf8');
const HANDED = /^case \$\{hook-\$1\} in$[^]*?^esac$/m.exec(SHIM)?.[0] ?? 'exit 1';
const handedBy = (hook: string): string[] =>
  execFileSync('sh', ['-c', `hook=${hook}\n${HANDED}\necho "$handed"`], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);

test.each(captureFolders())('%s: what run-hook.sh hands on of it means the same, and decides alone', (folder) => {
  const lists = new Map<string, readonly string[]>();
  for (const name of capturesIn(folder)) {
    const hook = hookOf(folder, name);
    if (!isHook(hook)) continue;
    const list = lists.get(hook) ?? handedBy(hook);
    lists.set(hook, list);
    const { args, env } = readCapture(folder, name);
    const handed = Object.entries(env).filter(([key]) => list.includes(key));
    expect(inWords(parseHook(hook, { args, env: Object.fromEntries(handed) })), name).toBe(CAPTURES[folder]?.[name]);
  }
});

test('only arguments are believed: the environment may be stale, or a user’s', () => {
  // In the capture the environment says IPLOCAL=9.9.9.9 and DNS1=6.6.6.6: resolvers are advice, the address is not.
  const { args, env } = readCapture('pppd-2.4.9-deb12-runparts', 'ip-up.unprivileged-user-set-env');
  expect(inWords(parseHook('ip-up', { args, env }))).toMatch(/^up ppp0 192\.0\.2\.10\//);
});

/** `!` stands for an argument that is not there, `""` for an empty one. */
const ppp = (words: string): string[] => {
  const args = words
    .split(' ')
    .map((word) => (word === '""' ? '' : word.replaceAll('␤', '\n').replaceAll('␛', '\x1b')));
  return args.slice(0, args.includes('!') ? args.indexOf('!') : undefined);
};

/** What ip-up or ip-down is given: device tty speed local remote ipparam → what is made of it. */
const PPP_CALLS: readonly (readonly [hook: string, args: string, want: string])[] = [
  ['ip-up', 'ppp0 "" 0 192.0.2.11 192.0.2.254 dsl', 'up ppp0 192.0.2.11/32 peer 192.0.2.254 ipparam dsl'],
  ['ip-up', 'ppp0 "" 0 192.0.2.11 192.0.2.254 ""', 'up ppp0 192.0.2.11/32 peer 192.0.2.254'],
  ['ip-up', 'ppp0 "" 0 192.0.2.11 !', 'up ppp0 192.0.2.11/32'],
  ['ip-up', 'ppp0 "" 0 192.0.2.11 "" dsl', 'up ppp0 192.0.2.11/32 ipparam dsl'],
  ['ip-up', 'ppp0 "" 0 192.0.2.11 0.0.0.0 dsl', 'up ppp0 192.0.2.11/32 ipparam dsl'],
  ['ip-up', 'ppp0 "" 0 192.0.2.11 127.0.0.1', 'up ppp0 192.0.2.11/32'],
  [
    'ip-up',
    'ppp0 "" 0 192.0.2.11 192.0.2.254 /org/freedesktop/NetworkManager/PPP/3',
    'up ppp0 192.0.2.11/32 peer 192.0.2.254',
  ],
  [
    'ip-up',
    'ppp0 "" 0 192.0.2.11 192.0.2.254 /etc/ppp/peers/dsl',
    'up ppp0 192.0.2.11/32 peer 192.0.2.254 ipparam /etc/ppp/peers/dsl',
  ],
  ['ip-up', 'ppp0 "" 0 192.0.2.11 192.0.2.254 a;b', 'up ppp0 192.0.2.11/32 peer 192.0.2.254'],
  ['ip-up', 'ppp0 "" 0 192.0.2.11 192.0.2.254 $(id)', 'up ppp0 192.0.2.11/32 peer 192.0.2.254'],
  ['ip-up', `ppp0 "" 0 192.0.2.11 192.0.2.254 ${'x'.repeat(65)}`, 'up ppp0 192.0.2.11/32 peer 192.0.2.254'],
  [
    'ip-up',
    '!',
    'problem: argument 1 (device) is missing: expected a device name\nproblem: argument 4 (local address) is missing: expected an IPv4 address',
  ],
  ['ip-up', 'ppp0 "" 0 !', 'problem: argument 4 (local address) is missing: expected an IPv4 address'],
  ['ip-up', 'ppp0 "" 0 "" 192.0.2.254', 'problem: argument 4 (local address) is missing: expected an IPv4 address'],
  [
    'ip-up',
    'ppp0 "" 0 0.0.0.0 192.0.2.254',
    'problem: argument 4 (local address) is an address no line can have (0/8, 127/8, multicast or reserved): 0.0.0.0',
  ],
  [
    'ip-up',
    'ppp0 "" 0 127.0.0.1 192.0.2.254',
    'problem: argument 4 (local address) is an address no line can have (0/8, 127/8, multicast or reserved): 127.0.0.1',
  ],
  [
    'ip-up',
    'ppp0 "" 0 224.0.0.1 192.0.2.254',
    'problem: argument 4 (local address) is an address no line can have (0/8, 127/8, multicast or reserved): 224.0.0.1',
  ],
  [
    'ip-up',
    'ppp0 "" 0 255.255.255.255 192.0.2.254',
    'problem: argument 4 (local address) is an address no line can have (0/8, 127/8, multicast or reserved): 255.255.255.255',
  ],
  ['ip-up', 'ppp0 "" 0 192.0.2 192.0.2.254', 'problem: argument 4 (local address) is not an IPv4 address: "192.0.2"'],
  [
    'ip-up',
    'ppp0 "" 0 0300.0.2.11 192.0.2.254',
    'problem: argument 4 (local address) is not an IPv4 address: "0300.0.2.11"',
  ],
  [
    'ip-up',
    'ppp0 "" 0 192.0.2.011 192.0.2.254',
    'problem: argument 4 (local address) is not an IPv4 address: "192.0.2.011"',
  ],
  [
    'ip-up',
    'ppp0 "" 0 192.0.2.256 192.0.2.254',
    'problem: argument 4 (local address) is not an IPv4 address: "192.0.2.256"',
  ],
  [
    'ip-up',
    'ppp0 "" 0 fe80::1 fe80::2',
    'problem: argument 4 (local address) is not an IPv4 address: "fe80::1"\nproblem: argument 5 (remote address) is not an IPv4 address: "fe80::2"',
  ],
  [
    'ip-up',
    'ppp0 "" 0 192.0.2.11␤ 192.0.2.254',
    'problem: argument 4 (local address) is not an IPv4 address: "192.0.2.11\\n"',
  ],
  [
    'ip-up',
    'ppp0 "" 0 192.0.2.11 $(reboot)',
    'problem: argument 5 (remote address) is not an IPv4 address: "$(reboot)"',
  ],
  ['ip-up', 'ppp0;id "" 0 192.0.2.11 192.0.2.254', 'problem: argument 1 (device) is not a device name: "ppp0;id"'],
  ['ip-up', '../x "" 0 192.0.2.11 192.0.2.254', 'problem: argument 1 (device) is not a device name: "../x"'],
  ['ip-up', '-batch "" 0 192.0.2.11 192.0.2.254', 'problem: argument 1 (device) is not a device name: "-batch"'],
  [
    'ip-up',
    'ppp␛[31m "" 0 192.0.2.11 192.0.2.254',
    'problem: argument 1 (device) is not a device name: "ppp\\u001b[31m"',
  ],
  [
    'ip-up',
    'sixteen-letters- "" 0 192.0.2.11 192.0.2.254',
    'problem: argument 1 (device) is not a device name: "sixteen-letters-"',
  ],
  ['ip-down', 'ppp0 "" 0 192.0.2.11 192.0.2.254 dsl', 'down ppp0 192.0.2.11 ipparam dsl'],
  // The line must go down whatever its last address was said to be: the recorded one counts.
  ['ip-down', 'ppp0 "" 0 0.0.0.0 0.0.0.0 dsl', 'down ppp0 ipparam dsl'],
  ['ip-down', 'ppp0 "" 0 $(id) x', 'down ppp0'],
  ['ip-down', 'ppp0 !', 'down ppp0'],
  ['ip-down', '"" "" 0 192.0.2.11', 'problem: argument 1 (device) is missing: expected a device name'],
  ['ipv6-up', 'ppp0 "" 0 fe80::05c8:fd28 fe80::1 dsl', 'up ppp0 fe80::5c8:fd28 via fe80::1 ipparam dsl'],
  ['ipv6-down', 'ppp0 !', 'down ppp0'],
  ['ipv6-up', 'ppp0 "" 0 2001:db8::1 ff02::1 dsl', 'up ppp0 ipparam dsl'],
  ['ipv6-down', '!', 'problem: argument 1 (device) is missing: expected a device name'],
];

test.each(PPP_CALLS)('%s %s', (hook, args, want) => {
  expect(inWords(parseHook(hook, { args: ppp(args), env: {} }))).toBe(want);
});

test('pppd: the linkname is in the environment, and only a name that could be configured is taken', () => {
  const call = (LINKNAME: string) => inWords(parseHook('ip-down', { args: ['ppp0'], env: { LINKNAME } }));
  expect(call('dsl')).toBe('down ppp0 linkname dsl');
  expect(call('dsl; rm -rf /')).toBe('down ppp0');
  expect(call('')).toBe('down ppp0');
});

const LEASE = {
  reason: 'BOUND',
  interface: 'eth1',
  new_ip_address: '198.51.100.2',
  new_subnet_mask: '255.255.255.0',
  new_routers: '198.51.100.1',
};
const NO_LINE = 'is an address no line can have (0/8, 127/8, multicast or reserved)';
const MASK = 'problem: variable new_subnet_mask is not a contiguous netmask:';
const ROUTES = 'problem: variable new_rfc3442_classless_static_routes is not a list of classless routes:';

/** Differences to a plain lease (undefined: the variable is missing) → what is made of it. */
const LEASES: readonly (readonly [name: string, change: Readonly<Record<string, string | undefined>>, want: string])[] =
  [
    ['a plain lease', {}, 'up eth1 198.51.100.2/24 via 198.51.100.1'],
    [
      'everything a shim does not have is empty',
      { exit_status: '', new_rfc3442_classless_static_routes: '', old_ip_address: '' },
      'up eth1 198.51.100.2/24 via 198.51.100.1',
    ],
    [
      'no address',
      { new_ip_address: undefined },
      'problem: variable new_ip_address is missing: expected an IPv4 address',
    ],
    [
      'an empty address',
      { new_ip_address: '' },
      'problem: variable new_ip_address is missing: expected an IPv4 address',
    ],
    [
      'an address with a newline',
      { new_ip_address: '198.51.100.2\n' },
      'problem: variable new_ip_address is not an IPv4 address: "198.51.100.2\\n"',
    ],
    [
      'an address that is a command',
      { new_ip_address: '$(reboot)' },
      'problem: variable new_ip_address is not an IPv4 address: "$(reboot)"',
    ],
    [
      'an address of megabytes',
      { new_ip_address: '1'.repeat(1e6) },
      `problem: variable new_ip_address is not an IPv4 address: "${'1'.repeat(80)}…"`,
    ],
    [
      'an address of this network',
      { new_ip_address: '0.0.0.0' },
      `problem: variable new_ip_address ${NO_LINE}: 0.0.0.0`,
    ],
    ['a loopback address', { new_ip_address: '127.0.0.53' }, `problem: variable new_ip_address ${NO_LINE}: 127.0.0.53`],
    ['a multicast address', { new_ip_address: '239.1.1.1' }, `problem: variable new_ip_address ${NO_LINE}: 239.1.1.1`],
    ['no mask: /32', { new_subnet_mask: undefined }, 'up eth1 198.51.100.2/32 via 198.51.100.1'],
    ['an empty mask: /32', { new_subnet_mask: '' }, 'up eth1 198.51.100.2/32 via 198.51.100.1'],
    ['/32', { new_subnet_mask: '255.255.255.255' }, 'up eth1 198.51.100.2/32 via 198.51.100.1'],
    ['/0', { new_subnet_mask: '0.0.0.0' }, 'up eth1 198.51.100.2/0 via 198.51.100.1'],
    ['/31', { new_subnet_mask: '255.255.255.254' }, 'up eth1 198.51.100.2/31 via 198.51.100.1'],
    ['a mask with a hole', { new_subnet_mask: '255.0.255.0' }, `${MASK} "255.0.255.0"`],
    ['a mask turned round', { new_subnet_mask: '0.0.0.255' }, `${MASK} "0.0.0.255"`],
    ['a mask that is a prefix length', { new_subnet_mask: '24' }, `${MASK} "24"`],
    ['no router', { new_routers: undefined }, 'up eth1 198.51.100.2/24'],
    ['two routers', { new_routers: '198.51.100.1 198.51.100.254' }, 'up eth1 198.51.100.2/24 via 198.51.100.1'],
    [
      'the first router that can be one',
      { new_routers: '0.0.0.0 127.0.0.1 224.0.0.1 198.51.100.7' },
      'up eth1 198.51.100.2/24 via 198.51.100.7',
    ],
    [
      'our own address as router',
      { new_routers: '198.51.100.2' },
      'problem: variable new_routers has no usable gateway: "198.51.100.2"',
    ],
    [
      'a router that is text',
      { new_routers: 'gw.example' },
      'problem: variable new_routers has no usable gateway: "gw.example"',
    ],
    [
      'a router with a control byte',
      { new_routers: '198.51.100.1\u0007' },
      'problem: variable new_routers has no usable gateway: "198.51.100.1\\u0007"',
    ],
    [
      'all at once',
      { new_ip_address: 'a', new_subnet_mask: 'b', new_routers: 'c' },
      `problem: variable new_ip_address is not an IPv4 address: "a"\n${MASK} "b"\nproblem: variable new_routers has no usable gateway: "c"`,
    ],
    [
      'classless routes override the router',
      { new_rfc3442_classless_static_routes: '24 203 0 113 198 51 100 9 0 198 51 100 254' },
      'up eth1 198.51.100.2/24 via 198.51.100.254',
    ],
    [
      'classless routes without a default: no gateway',
      { new_rfc3442_classless_static_routes: '24 203 0 113 198 51 100 9' },
      'up eth1 198.51.100.2/24',
    ],
    [
      'a classless default by our own address',
      { new_rfc3442_classless_static_routes: '0 198 51 100 2' },
      'up eth1 198.51.100.2/24',
    ],
    ['a classless default by nobody', { new_rfc3442_classless_static_routes: '0 0 0 0 0' }, 'up eth1 198.51.100.2/24'],
    ['classless routes cut off', { new_rfc3442_classless_static_routes: '0 198 51 100' }, `${ROUTES} "0 198 51 100"`],
    [
      'classless routes with a prefix of 33',
      { new_rfc3442_classless_static_routes: '33 1 2 3 4 5 6 7 8 9' },
      `${ROUTES} "33 1 2 3 4 5 6 7 8 9"`,
    ],
    [
      'classless routes with an octet of 256',
      { new_rfc3442_classless_static_routes: '8 256 198 51 100 1' },
      `${ROUTES} "8 256 198 51 100 1"`,
    ],
    ['classless routes that are text', { new_rfc3442_classless_static_routes: '$(id)' }, `${ROUTES} "$(id)"`],
    [
      'resolvers: usable ones, each once, at most eight',
      {
        new_domain_name_servers:
          '1.1.1.1 1.1.1.1 127.0.0.1 x 2.2.2.2 3.3.3.3 4.4.4.4 5.5.5.5 6.6.6.6 7.7.7.7 8.8.8.8 9.9.9.9',
      },
      'up eth1 198.51.100.2/24 via 198.51.100.1 dns 1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6,7.7.7.7,8.8.8.8',
    ],
    [
      'no reason, no device',
      { reason: undefined, interface: undefined },
      'problem: variable reason is missing: expected BOUND, RENEW, EXPIRE, …\nproblem: variable interface is missing: expected a device name',
    ],
    [
      'a device that is a path',
      { interface: '../../etc' },
      'problem: variable interface is not a device name: "../../etc"',
    ],
    ['a reason nobody knows', { reason: 'HELLO\n' }, 'ignored: reason "HELLO\\n" changes nothing'],
    ['MEDIUM and NBI', { reason: 'NBI' }, 'ignored: reason "NBI" changes nothing'],
    [
      'TIMEOUT, and the old lease works',
      { reason: 'TIMEOUT', exit_status: '0' },
      'up eth1 198.51.100.2/24 via 198.51.100.1',
    ],
    [
      'TIMEOUT, and it does not',
      { reason: 'TIMEOUT', exit_status: '2', old_ip_address: '198.51.100.2' },
      'down eth1 198.51.100.2',
    ],
    ['TIMEOUT, and nobody says', { reason: 'TIMEOUT', exit_status: '' }, 'check eth1'],
    ['EXPIRE', { reason: 'EXPIRE', old_ip_address: '198.51.100.2' }, 'down eth1 198.51.100.2'],
    ['EXPIRE with an address nobody can have', { reason: 'EXPIRE', old_ip_address: '0.0.0.0' }, 'down eth1'],
    ['FAIL without anything', { reason: 'FAIL', old_ip_address: undefined }, 'down eth1'],
  ];

test.each(LEASES)('dhclient: %s', (_, change, want) => {
  expect(inWords(parseHook('dhclient', { args: [], env: { ...LEASE, ...change } }))).toBe(want);
});

test('no message carries a control byte on', () => {
  const nasty = '\u0000\n\r\u001b[2J\u007f\u009b';
  const said = [
    parseHook('ip-up', { args: [nasty, '', '', nasty, nasty], env: {} }),
    parseHook('dhclient', { args: [], env: { ...LEASE, interface: nasty } }),
    parseHook('dhclient', {
      args: [],
      env: { ...LEASE, new_ip_address: nasty, new_subnet_mask: nasty, new_routers: nasty },
    }),
    parseHook('dhclient', { args: [], env: { ...LEASE, reason: nasty } }),
  ];
  // eslint-disable-next-line no-control-regex -- what must not be there
  const control = /[\u0000-\u001f\u007f-\u009f]/;
  for (const parsed of said) for (const line of inWords(parsed).split('\n')) expect(line).not.toMatch(control);
});
