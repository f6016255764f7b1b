/** Configuration files → the configuration, or every problem at once with file and line. Read from real directories. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { LINK_KEYS } from '../../src/config/keys.ts';
import { loadConfig } from '../../src/config/load.ts';
import { PROBE_DEFAULTS } from '../../src/config/probe-keys.ts';
import { ProblemsError } from '../../src/errors.ts';
import type { Config, LinkConfig } from '../../src/model.ts';
import { scratchDirectory } from '../support/world-scratch.ts';

type Files = Readonly<Record<string, string>>;

function write(files: Files): string {
  const directory = scratchDirectory('etc');
  mkdirSync(join(directory, 'links'), { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  return directory;
}

/** The configuration, or what is wrong as the user reads it. */
function load(files: Files): Config | string[] {
  return read(write(files));
}
function read(directory: string): Config | string[] {
  const { config, problems } = loadConfig(directory);
  const told = new ProblemsError(problems).message.replaceAll(`${directory}/`, '');
  return config ?? told.split('\n');
}

const DSL = 'ID=1\nDEVICE=ppp0\n';
const problemsOf = (files: Files) => {
  const got = load(files);
  if (!Array.isArray(got)) throw new Error(`taken: ${JSON.stringify(got)}`);
  return got;
};
const linkOf = (text: string, main = '') => {
  const got = load({ 'links/dsl.env': text, 'wanhook.env': main });
  if (Array.isArray(got)) throw new Error(got.join('\n'));
  return got.links[0]!;
};

test('a link with nothing but what it must have', () => {
  expect(load({ 'links/dsl.env': DSL })).toEqual({
    balance: 'flow',
    pairTimeout: 1200,
    pairByPort: [],
    clientTimeout: 86_400,
    rebalance: 'never',
    rebalanceQuiet: 600,
    clients: [],
    markMask: 0x3f000000,
    tableBase: 20000,
    prefBase: 20000,
    lan: 'any',
    helpers: [],
    lastResort: 'keep',
    eventTimeout: 30,
    links: [
      {
        name: 'dsl',
        id: 1,
        device: 'ppp0',
        weight: 1,
        tier: 1,
        metered: false,
        failback: 'immediate',
        onDown: 'failover',
        masquerade: true,
        mss: 'auto',
        probe: PROBE_DEFAULTS,
      },
    ],
  });
});

const VALID_LINK_KEYS: readonly (readonly [line: string, want: Partial<LinkConfig>])[] = [
  ['ID=63', { id: 63 }],
  ['PPP_IPPARAM=wan1', { pppIpparam: 'wan1' }],
  ['PPP_IPPARAM=/etc/ppp/peers/dsl', { pppIpparam: '/etc/ppp/peers/dsl' }],
  ['PPP_LINKNAME=dsl-a.b:c@d', { pppLinkname: 'dsl-a.b:c@d' }],
  ['DEVICE=eth0.7', { device: 'eth0.7' }],
  ['DEVICE=fifteen-letters', { device: 'fifteen-letters' }],
  ['GATEWAY=198.51.100.1', { gateway: '198.51.100.1' }],
  ['WEIGHT=1', { weight: 1 }],
  ['WEIGHT=255', { weight: 255 }],
  ['TIER=9', { tier: 9 }],
  ['METERED=yes', { metered: true }],
  ['TUNNEL_SERVER=203.0.113.1', { tunnelServer: '203.0.113.1' }],
  ['TUNNEL_SERVER=vpn.example.org', { tunnelServer: 'vpn.example.org' }],
  ['FAILBACK=immediate', { failback: 'immediate' }],
  ['FAILBACK=manual', { failback: 'manual' }],
  ['FAILBACK=delay:90', { failback: 90 }],
  ['ON_DOWN=block', { onDown: 'block' }],
  ['ON_DOWN=failover', { onDown: 'failover' }],
  ['MASQUERADE=no', { masquerade: false }],
  ['MASQUERADE=yes', { masquerade: true }],
  ['MSS=off', { mss: 'off' }],
  ['MSS=auto', { mss: 'auto' }],
  ['MSS=536', { mss: 536 }],
  ['MSS=9000', { mss: 9000 }],
];

test.each(VALID_LINK_KEYS)('%s, in a link’s file and as the default for all', (line, want) => {
  const key = line.replace(/=.*/, '');
  const rest = DSL.split('\n')
    .filter((each) => !each.startsWith(`${key}=`))
    .join('\n');
  expect(linkOf(`${rest}\n${line}\n`)).toMatchObject(want);
  expect(linkOf(rest, line)).toMatchObject(want);
});

const NUMBER = (low: number, high: number) => `a whole number from ${low} to ${high}`;
const NAME = 'letters, digits and _ . : @ / + - (at most 64)';
const DEVICE_NAME = 'a device name such as ppp0 or eth1 (at most 15 characters)';
const MSS = 'auto, off, or bytes from 536 to 9000';
const GATEWAY = 'an IPv4 address a gateway can have';
const PORTS = 'none, or port numbers from 1 to 65535, at most 64, separated by spaces or commas';
const MASK = 'a contiguous run of 1 to 31 bits in hexadecimal, such as 0x3f000000';
const LAN = 'any, none, or device names separated by spaces or commas';

const INVALID_LINK_KEYS: readonly (readonly [line: string, expected: string])[] = [
  ['ID=0', NUMBER(1, 63)],
  ['ID=64', NUMBER(1, 63)],
  ['ID=-1', NUMBER(1, 63)],
  ['ID=1.5', NUMBER(1, 63)],
  ['ID=0x1', NUMBER(1, 63)],
  ['ID=one', NUMBER(1, 63)],
  ['ID=99999999999999999999', NUMBER(1, 63)],
  ['DEVICE=ppp0;id', DEVICE_NAME],
  ['DEVICE=-ppp0', DEVICE_NAME],
  ['DEVICE=.', DEVICE_NAME],
  ['DEVICE=sixteen-letters-', DEVICE_NAME],
  ['DEVICE=a/b', DEVICE_NAME],
  ['PPP_IPPARAM=a b', NAME],
  ['PPP_LINKNAME=$(id)', NAME],
  ['GATEWAY=127.0.0.1', GATEWAY],
  ['GATEWAY=fe80::1', GATEWAY],
  ['GATEWAY=198.51.100', GATEWAY],
  ['WEIGHT=0', NUMBER(1, 255)],
  ['WEIGHT=256', NUMBER(1, 255)],
  ['TIER=10', NUMBER(1, 9)],
  ['METERED=1', 'yes or no'],
  ...['0.0.0.0', '10.0.0', '1.2.3.4.5', '300.1.1.1', 'a_b', '-a', 'a..b', 'x;y'].map(
    (value) => [`TUNNEL_SERVER=${value}`, 'an IPv4 address a server can have, or its name'] as const,
  ),
  ...['delay', 'delay:', 'delay:0', 'delay:86401', 'delay:1m', 'later'].map(
    (value) => [`FAILBACK=${value}`, 'immediate, manual, or delay:SECONDS with 1 to 86400 seconds'] as const,
  ),
  ['ON_DOWN=Block', 'failover or block'],
  ['MASQUERADE=true', 'yes or no'],
  ['MASQUERADE=constructor', 'yes or no'],
  ['MSS=535', MSS],
  ['MSS=9001', MSS],
  ['MSS=on', MSS],
];

test.each(INVALID_LINK_KEYS)('%s is refused', (line, expected) => {
  const [key = '', value = ''] = line.split('=');
  const message = `${key}=${JSON.stringify(value)} is not valid: expected ${expected}`;
  const rest = DSL.split('\n')
    .filter((each) => !each.startsWith(`${key}=`))
    .join('\n');
  const known = rest.trim().split('\n').length + 1;
  expect(problemsOf({ 'links/dsl.env': `${rest.trim()}\n${line}` })).toEqual([`links/dsl.env:${known}: ${message}`]);
  expect(problemsOf({ 'links/dsl.env': DSL, 'wanhook.env': line })).toEqual([`wanhook.env:1: ${message}`]);
});

const GLOBAL_KEYS: readonly (readonly [line: string, want: Partial<Config> | string])[] = [
  ['BALANCE=flow', { balance: 'flow' }],
  ['BALANCE=pair', { balance: 'pair' }],
  ['BALANCE=both', 'expected flow or pair or client'],
  ['BALANCE=client', { balance: 'client' }],
  ['CLIENT_TIMEOUT=59', `expected ${NUMBER(60, 2_592_000)}`],
  ['CLIENT_TIMEOUT=3600', { clientTimeout: 3600 }],
  ['REBALANCE=gradual', { rebalance: 'gradual' }],
  ['REBALANCE=yes', 'expected never or return or gradual'],
  ['REBALANCE_QUIET=60', { rebalanceQuiet: 60 }],
  ['PAIR_TIMEOUT=600', { pairTimeout: 600 }],
  ['PAIR_TIMEOUT=0', `expected ${NUMBER(1, 604_800)}`],
  ['PAIR_BY_PORT=443,80, 80', { pairByPort: [80, 443] }],
  ['PAIR_BY_PORT=80,http', `expected ${PORTS}`],
  ['PAIR_BY_PORT=none', { pairByPort: [] }],
  ['PAIR_BY_PORT=65536', `expected ${PORTS}`],
  ['EVENT_TIMEOUT=1', { eventTimeout: 1 }],
  ['EVENT_TIMEOUT=0', 'expected a whole number from 1 to 3600'],
  ['METRICS_FILE=none', {}],
  ['METRICS_FILE=/var/lib/node_exporter/wanhook.prom', { metricsFile: '/var/lib/node_exporter/wanhook.prom' }],
  ['METRICS_FILE=wanhook.prom', 'expected none, or the absolute path of a file *.prom'],
  ['METRICS_FILE=/etc/passwd', 'expected none, or the absolute path of a file *.prom'],
  ['METRICS_FILE=/var/../x.prom', 'expected none, or the absolute path of a file *.prom'],
  ['METRICS_FILE="/var/a b.prom"', 'expected none, or the absolute path of a file *.prom'],
  ['MARK_MASK=0x3f000000', { markMask: 0x3f000000 }],
  ['MARK_MASK=0x1', { markMask: 1 }],
  ['MARK_MASK=0x80000000', { markMask: 0x80000000 }],
  ['MARK_MASK=0xFFFFFFFE', { markMask: 0xfffffffe }],
  ['MARK_MASK=0xffffffff', `expected ${MASK}`],
  ['MARK_MASK=0x0', `expected ${MASK}`],
  ['MARK_MASK=0xf0f', `expected ${MASK}`],
  ['MARK_MASK=63', `expected ${MASK}`],
  ['MARK_MASK=0x3f0000000', `expected ${MASK}`],
  ['TABLE_BASE=256', { tableBase: 256 }],
  ['TABLE_BASE=2000000000', { tableBase: 2e9 }],
  ['TABLE_BASE=255', `expected ${NUMBER(256, 2e9)}`],
  ['PREF_BASE=1', { prefBase: 1 }],
  ['PREF_BASE=31000', { prefBase: 31000 }],
  ['PREF_BASE=31001', `expected ${NUMBER(1, 31000)}`],
  ['LAN=none', { lan: 'none' }],
  ['LAN=any', { lan: 'any' }],
  ['LAN=lan0', { lan: ['lan0'] }],
  ['LAN="lan0, wlan0 br-lan"', { lan: ['lan0', 'wlan0', 'br-lan'] }],
  ['LAN=lan0;id', `expected ${LAN}`],
  ['LAST_RESORT=block', { lastResort: 'block' }],
  ['LAST_RESORT=never', 'expected keep or block'],
];

test.each(GLOBAL_KEYS)('wanhook.env: %s', (line, want) => {
  const got = load({ 'wanhook.env': `${line}\n`, 'links/dsl.env': DSL });
  if (typeof want === 'string') {
    expect(got).toEqual([expect.stringMatching(/^wanhook\.env:1: .* is not valid: /)]);
    expect(got).toEqual([expect.stringContaining(want)]);
  } else expect(got).toMatchObject(want);
});

/** A link's file as text → WEIGHT, or the problem. */
const TEXTS: readonly (readonly [name: string, text: string, want: number | string])[] = [
  ['comments and empty lines', `# WEIGHT=9\n\n   \n\t# x\n${DSL}WEIGHT=2`, 2],
  ['a comment behind a value', `${DSL}WEIGHT=2 # twice`, 2],
  ['spaces round the sign', `${DSL} WEIGHT = 2 `, 2],
  ['export', `${DSL}export WEIGHT=2`, 2],
  ['double quotes', `${DSL}WEIGHT="2"`, 2],
  ['single quotes', `${DSL}WEIGHT='2' # x`, 2],
  ['backquotes', `${DSL}WEIGHT=\`2\``, 2],
  ['lines that end as on Windows', `${DSL}WEIGHT=2\n`.replaceAll('\n', '\r\n'), 2],
  ['no newline at the end', `${DSL}WEIGHT=2`, 2],
  ['a byte order mark', `\ufeff${DSL}WEIGHT=2`, 2],
  ['a quote that never closes', `${DSL}WEIGHT="2`, ':3: WEIGHT: the quote " is never closed'],
  ['a half-written line', `${DSL}WEI`, ':3: not understood: "WEI"; expected KEY=VALUE or a # comment'],
  ['a half-written value', `${DSL}WEIGHT=`, ':3: WEIGHT is empty: give it a value, or remove the line'],
  ['an empty quoted value', `${DSL}WEIGHT=""`, ':3: WEIGHT is empty: give it a value, or remove the line'],
  [
    'a shell line',
    `${DSL}. /etc/default/x`,
    ':3: not understood: ". /etc/default/x"; expected KEY=VALUE or a # comment',
  ],
  ['a key twice', `${DSL}WEIGHT=2\nWEIGHT=2`, ':4: WEIGHT is given twice (first on line 3)'],
  ['a control character', `${DSL}WEIGHT=2\u0007`, ':3: WEIGHT: control characters, or not UTF-8'],
  ['an escaped newline', `${DSL}WEIGHT="2\\nID=3"`, ':3: WEIGHT: control characters, or not UTF-8'],
  ['not UTF-8', `${DSL}PPP_IPPARAM=\ufffd`, ':3: PPP_IPPARAM: control characters, or not UTF-8'],
  ['no expansion', `${DSL}PPP_IPPARAM=$HOME`, `:3: PPP_IPPARAM="$HOME" is not valid: expected ${NAME}`],
  ['an unknown key', `${DSL}WIEGHT=2`, `:3: unknown key WIEGHT; known here: ${Object.keys(LINK_KEYS).join(', ')}`],
  [
    'a key in small letters',
    `${DSL}weight=2`,
    `:3: unknown key weight; known here: ${Object.keys(LINK_KEYS).join(', ')}`,
  ],
  [
    'a key every object has',
    `${DSL}constructor=2`,
    `:3: unknown key constructor; known here: ${Object.keys(LINK_KEYS).join(', ')}`,
  ],
  ['a key of wanhook.env', `${DSL}TABLE_BASE=300`, ":3: TABLE_BASE belongs in wanhook.env, not in a link's file"],
  ['no ID', 'DEVICE=ppp0', `: ID is missing: expected ${NUMBER(1, 63)}, unique among the links`],
  ['nothing that says which line', 'ID=1', ': no DEVICE, PPP_IPPARAM or PPP_LINKNAME: nothing says which line this is'],
];

test.each(TEXTS)('%s', (_, text, want) => {
  if (typeof want === 'number') expect(linkOf(text).weight).toBe(want);
  else expect(problemsOf({ 'links/dsl.env': text })).toEqual([`links/dsl.env${want}`]);
});

test('a link’s own key wins over the default for all', () => {
  const got = load({
    'wanhook.env': 'WEIGHT=5\nON_DOWN=block\nMASQUERADE=no\n',
    'links/a.env': 'ID=1\nDEVICE=ppp0\nWEIGHT=2\n',
    'links/b.env': 'ID=2\nDEVICE=ppp1\nON_DOWN=failover\nMASQUERADE=yes\n',
  });
  expect(got).toMatchObject({
    links: [
      { name: 'a', weight: 2, onDown: 'block', masquerade: false },
      { name: 'b', weight: 5, onDown: 'failover', masquerade: true },
    ],
  });
});

test('links are in the order of their ids, whatever their files are called', () => {
  const got = load({ 'links/a.env': 'ID=9\nDEVICE=ppp0\n', 'links/b.env': 'ID=3\nDEVICE=ppp1\n' });
  expect(got).toMatchObject({ links: [{ name: 'b' }, { name: 'a' }] });
});

test('everything that is wrong is told at once', () => {
  expect(
    problemsOf({
      'wanhook.env': '# comment\nBALANCE=best\nTABLE_BASE=12\nTABLE_BASE=13\nfoo\nWEIGHT=0\n',
      'links/a.env': 'ID=7\nDEVICE=ppp0\nWEIGHT=lots\nLAN=lan0\n',
      'links/b.env': 'ID=7\nDEVICE=ppp0\nPPP_IPPARAM="x\nMSS=1\n',
      'links/no spaces.env': 'ID=9\nDEVICE=ppp1\n',
      'links/c.env': '',
    }),
  ).toEqual([
    'wanhook.env:4: TABLE_BASE is given twice (first on line 3)',
    'wanhook.env:5: not understood: "foo"; expected KEY=VALUE or a # comment',
    'wanhook.env:2: BALANCE="best" is not valid: expected flow or pair or client',
    `wanhook.env:3: TABLE_BASE="12" is not valid: expected ${NUMBER(256, 2e9)}`,
    `wanhook.env:6: WEIGHT="0" is not valid: expected ${NUMBER(1, 255)}`,
    "links/a.env:4: LAN belongs in wanhook.env, not in a link's file",
    `links/a.env:3: WEIGHT="lots" is not valid: expected ${NUMBER(1, 255)}`,
    'links/b.env:3: PPP_IPPARAM: the quote " is never closed',
    `links/b.env:4: MSS="1" is not valid: expected ${MSS}`,
    `links/c.env: ID is missing: expected ${NUMBER(1, 63)}, unique among the links`,
    'links/c.env: no DEVICE, PPP_IPPARAM or PPP_LINKNAME: nothing says which line this is',
    'links/no spaces.env: a link is named by letters, digits, _ and -, at most 15, then .env',
    'links/b.env: ID=7 is already taken by links/a.env',
    'links/b.env: DEVICE=ppp0 is already taken by links/a.env',
  ]);
});

test('names that every object has: refused where a name is a key, and only there', () => {
  const link = (name: string) => problemsOf({ [`links/${name}.env`]: 'ID=1\nDEVICE=eth1\n' });
  for (const name of ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf', 'toLocaleString']) {
    const message = `a link cannot be called ${name}, which JavaScript has for itself: rename it`;
    expect(link(name)).toEqual([`links/${name}.env: ${message}`]);
    expect(problemsOf({ 'links/dsl.env': `ID=1\nDEVICE=${name}\n` })).toEqual([
      `links/dsl.env:2: DEVICE="${name}" is not valid: expected a device name such as ppp0 or eth1 (at most 15 characters)`,
    ]);
    expect(problemsOf({ 'links/dsl.env': `ID=1\nDEVICE=eth1\nTUNNEL_SERVER=${name}\n` })).toEqual([
      `links/dsl.env:3: TUNNEL_SERVER="${name}" is not valid: expected an IPv4 address a server can have, or its name`,
    ]);
  }
  expect(link('__proto__')[0]).toContain('a link is named by letters, digits');
  expect(problemsOf({ 'links/dsl.env': 'ID=1\nDEVICE=__proto__\n' })).toHaveLength(1);
  expect(load({ 'links/Constructor.env': DSL })).toHaveProperty('links');
});

test('sets, rules and clients may be called as they like', () => {
  const files = {
    'links/dsl.env': 'ID=1\nDEVICE=eth1\nPPP_IPPARAM=toString\n',
    'sets/constructor': '192.0.2.0/24\n',
    'rules/10-constructor.env': 'TO=@constructor\nUSE=dsl\n',
    'clients/constructor.env': 'CLIENT=10.0.0.2\nLINK=dsl\n',
    'clients/__proto__.env': 'CLIENT=10.0.0.3\nLINK=dsl\n',
  };
  const config = load(files);
  expect(config).toHaveProperty('rules.0.match.to.sets', ['constructor']);
  expect(config).toHaveProperty('clients.length', 2);
});

const CONFLICTS: readonly (readonly [name: string, files: Files, want: readonly string[]])[] = [
  [
    'two links with one ipparam, one linkname',
    { 'links/a.env': 'ID=1\nPPP_IPPARAM=x\nPPP_LINKNAME=y', 'links/b.env': 'ID=2\nPPP_IPPARAM=x\nPPP_LINKNAME=y' },
    [
      'links/b.env: PPP_IPPARAM=x is already taken by links/a.env',
      'links/b.env: PPP_LINKNAME=y is already taken by links/a.env',
    ],
  ],
  [
    'three links with one id',
    { 'links/a.env': 'ID=1\nDEVICE=a', 'links/b.env': 'ID=1\nDEVICE=b', 'links/c.env': 'ID=1\nDEVICE=c' },
    ['links/b.env: ID=1 is already taken by links/a.env', 'links/c.env: ID=1 is already taken by links/a.env'],
  ],
  [
    'a default ID for all',
    { 'wanhook.env': 'ID=4', 'links/a.env': 'DEVICE=a', 'links/b.env': 'DEVICE=b' },
    ['links/b.env: ID=4 is already taken by links/a.env'],
  ],
  [
    'an id too big for the mask',
    { 'wanhook.env': 'MARK_MASK=0x700', 'links/a.env': 'ID=7\nDEVICE=a', 'links/b.env': 'ID=8\nDEVICE=b' },
    ['links/b.env: ID=8 does not fit MARK_MASK=0x700: at most 7'],
  ],
  [
    'a link on the LAN',
    { 'wanhook.env': 'LAN=lan0,ppp0', 'links/a.env': DSL },
    ['links/a.env: DEVICE=ppp0 is also named in LAN'],
  ],
];

test.each(CONFLICTS)('%s', (_, files, want) => expect(problemsOf(files)).toEqual(want));

test('the biggest id fits a mask of one run, also at the top', () => {
  expect(load({ 'wanhook.env': 'MARK_MASK=0xfc000000', 'links/a.env': 'ID=63\nDEVICE=a' })).toMatchObject({
    markMask: 0xfc000000,
    links: [{ id: 63 }],
  });
});

test('no links: told what to do; no directory at all is the same', () => {
  const want = ['links: no links are configured: add one file per line, NAME.env (see links/README)'];
  expect(problemsOf({})).toEqual(want);
  expect(read(scratchDirectory('nothing'))).toEqual(want);
});

test('files that are no links are left alone', () => {
  const got = load({
    'links/dsl.env': DSL,
    'links/README': 'x',
    'links/.dsl.env.swp': '',
    'links/.hidden.env': '?',
    'links/dsl.env~': '?',
  });
  expect(got).toMatchObject({ links: [{ name: 'dsl' }] });
});

test('what cannot be read is told like any other problem', () => {
  const directory = write({ 'links/dsl.env': DSL });
  mkdirSync(join(directory, 'wanhook.env'));
  mkdirSync(join(directory, 'links/dir.env'));
  symlinkSync('loop.env', join(directory, 'links/loop.env'));
  expect(read(directory)).toEqual([
    'wanhook.env: is no file',
    'links/dir.env: is no file',
    expect.stringContaining('links/loop.env: cannot read: ELOOP'),
  ]);
  const other = scratchDirectory('etc');
  mkdirSync(other);
  writeFileSync(join(other, 'links'), 'not a directory');
  expect(read(other)).toEqual([expect.stringContaining('links: cannot read: ENOTDIR')]);
});
