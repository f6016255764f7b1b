/**
 * Nothing takes unbounded time: every reader of what strangers send is given pieces of its own language over and over, where a
 * regular expression that goes back and forth would not come to an end. 1 MB in `npm run fuzz`, 48 kB otherwise.
 */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { rulesetOf } from '../../src/doctor/foreign.ts';
import { parseHook } from '../../src/events/hooks.ts';
import { keptCondition } from '../../src/kernel/kept-check.ts';
import { verify } from '../../src/kernel/memory-check.ts';
import { parseMaps } from '../../src/kernel/memory.ts';
import { normalListing, parseIp6Batch, parseIpBatch } from '../../src/kernel/observe.ts';
import { lineReader, readNftLine } from '../../src/monitor/kernel-lines.ts';
import { readCounters } from '../../src/monitor/passive-table.ts';
import { arpAnswer } from '../../src/monitor/probe/gateway.ts';
import { readHttp } from '../../src/monitor/probe/http.ts';
import { readFping, readFpingOnce, readPing } from '../../src/monitor/probe/icmp.ts';
import { readDropped } from '../../src/state/dropped.ts';
import { usable, withoutComments } from '../../src/state/good-config.ts';
import { decodeEvent } from '../../src/state/inbox.ts';
import { parseLeases } from '../../src/survey/leases.ts';
import { parseDefaults, parseDevices, parseIdle, parseManaged } from '../../src/survey/listings.ts';
import { parsePeer } from '../../src/survey/peers.ts';
import { onlyClearErrors } from '../support/fuzz.ts';
import { OUTPUTS } from '../support/fuzz-outputs.ts';

const BYTES = process.env['FUZZ_RUNS'] === undefined ? 48 * 1024 : 1024 * 1024;
/** Linear work on a megabyte takes some 50 ms here; the square of it an hour. */
const LONGEST_MS = BYTES / 256;
/** A busy machine is slow once, and not three times. */
const TRIES = 3;

const env = (name: string, more: Record<string, string>) => (text: string) =>
  parseHook(name, { args: ['ppp0', text, text, text, text, text], env: { ...more, ...everyVariable(text) } });
function everyVariable(text: string): Record<string, string> {
  const names = ['new_subnet_mask', 'new_routers', 'new_domain_name_servers', 'new_rfc3442_classless_static_routes'];
  names.push(
    'new_classless_static_routes',
    'new_ip6_prefix',
    'router',
    'dns',
    'staticroutes',
    'IP4_NAMESERVERS',
    'json',
  );
  return Object.fromEntries(
    [...names, 'IP4_ADDRESS_0', 'IP4_GATEWAY', 'IF_GATEWAY', 'LINKNAME', 'DNS1'].map((name) => [name, text]),
  );
}
const ADDRESS = { interface: 'eth1', reason: 'BOUND', new_ip_address: '198.51.100.2', ip: '198.51.100.2' };

const named = (text: string) => [{ path: 'x', name: '10-x', text }];
const listing = (stdout: string) => ({ run: () => Promise.resolve({ code: 0, stdout, stderr: '' }) });

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  'ip-up': env('ip-up', {}),
  'ipv6-up': env('ipv6-up', {}),
  dhclient: env('dhclient', ADDRESS),
  dhclient6: env('dhclient', { ...ADDRESS, reason: 'BOUND6' }),
  dhcpcd: env('dhcpcd', ADDRESS),
  udhcpc: (text) => parseHook('udhcpc', { args: ['bound'], env: { ...ADDRESS, ...everyVariable(text) } }),
  networkmanager: (text) => parseHook('networkmanager', { args: ['eth1', 'up'], env: everyVariable(text) }),
  networkd: (text) =>
    parseHook('networkd', {
      args: [],
      env: { IFACE: 'eth1', STATE: 'routable', IP_ADDRS: `${text} 192.0.2.1`, json: text },
    }),
  ifupdown: (text) =>
    parseHook('ifupdown', {
      args: [],
      env: { IFACE: 'eth1', PHASE: 'post-up', ADDRFAM: 'inet', METHOD: 'static', IF_ADDRESS: text },
    }),
  link: (text) => parseConfig({ links: [{ path: 'x', name: 'x', text }] }),
  values: (text) =>
    parseConfig({
      main: { path: 'x', text: `LAN=${text}\nHELPERS=${text}\nMETRICS_FILE=${text}\nPROBE=${text}\n` },
      links: [],
    }),
  rule: (text) => parseConfig({ links: [], rules: named(`FROM=${text}\nTO=${text}\nDPORT=${text}\nDSCP=${text}\n`) }),
  set: (text) => parseConfig({ links: [], sets: [{ path: 'x', name: 'x', text }] }),
  client: (text) => parseConfig({ links: [], clients: named(`CLIENT=${text}\nLINK=${text}`) }),
  'good configuration': (text) =>
    usable(JSON.parse(JSON.stringify(withoutComments({ links: [{ path: 'x', name: 'x', text }] })))),
  'dropped hook': readDropped,
  event: decodeEvent,
  'ip -j': (text) => onlyClearErrors(() => parseIpBatch(text)),
  'ip -6 -j': (text) => onlyClearErrors(() => parseIp6Batch(text)),
  'nft list table': normalListing,
  'nft list map': parseMaps,
  'nft -t list': (text) => verify(listing(text), text),
  'nft list kept': (text) => keptCondition(listing(text), text, true),
  'nft -j ruleset': rulesetOf,
  'nft -j counters': readCounters,
  'ip monitor': (text) => lineReader()(text),
  'ip monitor, an address': (text) => lineReader()(`[ADDR]3: eth1 ${text}`),
  'ip monitor, a link': (text) => lineReader()(`[LINK]3: ${text}`),
  'nft monitor': readNftLine,
  fping: readFping,
  'fping once': readFpingOnce,
  ping: (text) => readPing(text, '192.0.2.1'),
  arp: (text) => arpAnswer(text, '192.0.2.1', 'eth1'),
  http: (text) => readHttp(text, '/'),
  leases: (text) => parseLeases({ path: '/var/lib/dhcp/dhclient.leases', text }, [], 0),
  'NetworkManager’s leases': (text) => parseLeases({ path: '/var/lib/NetworkManager/x.lease', text }, [], 0),
  peers: (text) => parsePeer('x', text),
  nmcli: (text) => [parseManaged(text), parseIdle(text)],
  'ip for init': (text) => [parseDevices(text), parseDefaults(text)],
};

/** Pieces of their languages, and what makes patterns go back. */
const PIECES = [
  ...[
    'a',
    '0',
    ' ',
    '\n',
    '\t',
    '.',
    ':',
    '::',
    '-',
    '/',
    ',',
    '"',
    "'",
    '`',
    '\\',
    '#',
    '=',
    '{',
    '}',
    '[',
    ';',
    '\0',
    'é',
  ],
  ...[
    '1.',
    '1 ',
    '0 ',
    '1.2.3.4 ',
    '1.2.3.4,',
    '2001:db8::/56 ',
    '255.',
    '0:',
    'a.',
    'a-',
    'a=',
    'A=1\n',
    '# x\n',
    '\r\n',
    '\\"',
    '""',
    "''",
  ],
  ...[
    'map a {',
    '\tmap a {\n',
    'elements = {',
    'elements = { a,',
    'flags dynamic ',
    'flags dynamic elements = { ',
    ' chain a {\n  x\n',
    '\tchain a {\n\t\tx\n',
  ],
  ...[
    'lease {\n',
    'lease {\n interface "a";\n',
    'ROUTER=',
    'option routers ',
    'GENERAL.DEVICE:',
    'location: ',
    'location:\n',
    'HTTP/1.1 ',
  ],
  ...[
    'pppoe:',
    'pppoe:\\',
    'pty pptp -a ',
    'pty "pptp ',
    '-I ',
    '[ADDR]',
    '1: a ',
    'inet6 ',
    'a inet6 a peer ',
    'ICMP a from ',
    ' from 1 for ICMP Echo sent to ',
    ': [',
  ],
  ...[
    '[{"a":',
    '{"a":',
    '[]\n[',
    '"a",',
    'a%',
    '1%a',
    'From 1 icmp_seq=1 ',
    '64 bytes from 1: icmp_seq=1 time=',
    'icmp://1.1.1.1,',
    '@a,',
    '1-',
    'x_',
    '@',
  ],
];

test.each(Object.entries(READERS))(
  '%s comes to an end',
  async (name, read) => {
    const starts = ['', ...Object.values(OUTPUTS).flatMap(([first]) => first.slice(0, 60))];
    for (const piece of PIECES) {
      for (const start of [starts[PIECES.indexOf(piece) % starts.length] ?? '']) {
        const text = start + piece.repeat(Math.ceil(BYTES / piece.length));
        let took = Infinity;
        for (let n = 0; n < TRIES && took > LONGEST_MS; n++) {
          const began = performance.now();
          await read(text);
          took = performance.now() - began;
        }
        expect(took, `${name}: ${JSON.stringify(start + piece)} over and over`).toBeLessThan(LONGEST_MS);
      }
    }
  },
  600_000,
);
