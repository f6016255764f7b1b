/** `rules/NN-name.env` and `sets/NAME` → rules, or every problem at once; what shadows and what contradicts. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { parseIpv6, showIpv6, showRange6 } from '../../src/ipv6.ts';
import type { RuleMatch } from '../../src/model.ts';
import { byFamily, covers, parseAnyRange, showAddressRange } from '../../src/ranges.ts';

type Files = Readonly<Record<string, string>>;

const LINKS: Files = { 'links/dsl.env': 'ID=1\nDEVICE=ppp0\n', 'links/lte.env': 'ID=2\nDEVICE=eth1\n' };

function parse(files: Files) {
  const all = Object.entries({ ...LINKS, ...files });
  const named = (folder: string, ending: string) =>
    all
      .filter(([path]) => path.startsWith(`${folder}/`))
      .map(([path, text]) => ({ path, text, name: path.slice(folder.length + 1, path.length - ending.length) }));
  return parseConfig({ links: named('links', '.env'), rules: named('rules', '.env'), sets: named('sets', '') });
}
const told = (found: readonly { file: string; line?: number; message: string }[] | undefined) =>
  found?.map(({ file, line, message }) => `${file}${line === undefined ? '' : `:${line}`}: ${message}`);
const problems = (files: Files) => told(parse(files).problems);
const warnings = (files: Files) => {
  const parsed = parse(files);
  expect(told(parsed.problems)).toEqual([]);
  return told(parsed.warnings);
};
const ip = (text: string) => parseAnyRange(text)!;
const at = (...texts: string[]) => ({ ...byFamily(texts.map(ip)), sets: [] });

const MATCHES: readonly (readonly [line: string, want: RuleMatch])[] = [
  ['FROM=10.0.0.0/8', { from: at('10.0.0.0/8') }],
  ['FROM=10.0.0.1,10.0.0.2 10.0.0.0', { from: at('10.0.0.0-10.0.0.2') }],
  ['TO=192.0.2.5-192.0.2.9', { to: at('192.0.2.5-192.0.2.9') }],
  ['TO=0.0.0.0/0', { to: { four: [[0, 2 ** 32 - 1]], six: [], sets: [] } }],
  ['TO=@video,192.0.2.1', { to: { ...at('192.0.2.1'), sets: ['video'] } }],
  ['SET=video', { to: { ...at(), sets: ['video'] } }],
  ['FROM=2001:DB8:0:0::/64,2001:db8:0:1::/64', { from: at('2001:db8::/63') }],
  ['TO=2001:db8::5-2001:db8::9 10.0.0.1 2001:db8::a', { to: at('2001:db8::5-2001:db8::a', '10.0.0.1') }],
  ['TO=::/0', { to: { four: [], six: [[0n, 2n ** 128n - 1n]], sets: [] } }],
  ['TO=0.0.0.1,::1', { to: at('0.0.0.1', '::1') }],
  ['PROTO=icmpv6', { protocols: [58] }],
  ['PROTO=tcp', { protocols: [6] }],
  ['PROTO=UDP,icmp,47', { protocols: [1, 17, 47] }],
  ['DPORT=443', { protocols: [6, 17], dports: [[443, 443]] }],
  ['DPORT=80,443,5000-5100,5101', { protocols: [6, 17], dports: [[80, 80], [443, 443], [5000, 5101]] }],
  ['SPORT=1-65535', { protocols: [6, 17], sports: [[1, 65535]] }],
  ['IIF=lan0,wlan0', { iifs: ['lan0', 'wlan0'] }],
  ['IIF=lo', { iifs: ['lo'] }],
  ['DSCP=ef,af41,cs1,63', { dscps: [8, 34, 46, 63] }],
]; // prettier-ignore

test.each(MATCHES)('%s', (line, want) => {
  const { config } = parse({ 'rules/10-x.env': `${line}\nUSE=dsl\n`, 'sets/video': '198.51.100.0/24\n' });
  const defaults = { name: '10-x', use: ['dsl'], otherwise: 'balance', sticky: true };
  expect(config?.rules).toEqual([{ ...defaults, match: want }]);
});

test('a rule for everything, an ordered list, ELSE and STICKY', () => {
  const { config } = parse({ 'rules/10-x.env': 'USE="lte, dsl"\nELSE=block\nSTICKY=no\n' });
  expect(config?.rules).toEqual([{ name: '10-x', match: {}, use: ['lte', 'dsl'], otherwise: 'block', sticky: false }]);
});

test('no rules: the configuration says nothing of them', () => {
  expect(parse({ 'sets/video': '192.0.2.1\n' }).config).not.toHaveProperty('rules');
});

const ADDRESSES = 'addresses, prefixes (no host bits), ranges A-B, or @NAME of a file in sets/, separated by commas';
const PORTS = 'ports or ranges such as 80,443,5000-5100';
const INVALID: readonly (readonly [line: string, expected: string])[] = [
  ['FROM=10.0.0.1/8', ADDRESSES],
  ['FROM=2001:db8::1/64', ADDRESSES],
  ['FROM=2001:db8::9-2001:db8::1', ADDRESSES],
  ['FROM=2001:db8::1-192.0.2.1', ADDRESSES],
  ['FROM=192.0.2.1-2001:db8::1', ADDRESSES],
  ['FROM=2001:db8::/32-2001:db9::', ADDRESSES],
  ['FROM=2001:db8::/129', ADDRESSES],
  ['FROM=2001:db8::/032', ADDRESSES],
  ['FROM=2001:db8::1%eth0', ADDRESSES],
  ['FROM=[2001:db8::1]', ADDRESSES],
  ['TO=2001:db8::1,2001:DB8:0::1', ADDRESSES],
  ['FROM=10.0.0.9-10.0.0.1', ADDRESSES],
  ['TO=example.org', ADDRESSES],
  ['TO=@', ADDRESSES],
  ['TO=10.0.0.1,10.0.0.1', ADDRESSES],
  ['TO=10.0.0.0/33', ADDRESSES],
  ['DPORT=0', PORTS],
  ['DPORT=65536', PORTS],
  ['DPORT=90-80', PORTS],
  ['DPORT=http', PORTS],
  [
    'PROTO=tpc',
    'icmp, igmp, ipip, tcp, udp, ipv6, gre, esp, ah, icmpv6, sctp, udplite or numbers to 255, separated by commas',
  ],
  ['IIF=lan0;id', 'device names, or lo for the router itself, separated by commas'],
  ['DSCP=64', 'code points such as ef, af41, cs5 or numbers to 63, separated by commas'],
  ['ELSE=dsl', 'balance or block'],
  ['STICKY=true', 'yes or no'],
];
test.each(INVALID)('%s is refused', (line, expected) => {
  const [key = '', value = ''] = line.split(/=(.*)/);
  expect(problems({ 'rules/10-x.env': `USE=dsl\n${line}\n` })).toEqual([
    `rules/10-x.env:2: ${key}=${JSON.stringify(value)} is not valid: expected ${expected}`,
  ]);
});

const CONTRADICTIONS: readonly (readonly [text: string, want: string])[] = [
  ['FROM=10.0.0.0/8', ': USE is missing: expected balance, block, or names of links in the order of preference'],
  ['USE=dsl,sat', ':1: USE names no link: sat; there are dsl, lte'],
  ['USE=dsl,block', ':1: USE="dsl,block" is not valid: expected balance, block, or names of links in the order of preference'],
  ['USE=dsl\nPROTO=icmp\nDPORT=80', ':2: PROTO=icmp has no ports: DPORT and SPORT could never match'],
  ['USE=dsl\nIIF=ppp0', ':2: IIF=ppp0 is a link: rules are for what comes from the LAN (its device) or the router (lo)'],
  ['USE=block\nELSE=balance', ':2: ELSE says what happens when no link of USE is up, but USE=block names none'],
  ['USE=balance\nSTICKY=no', ':2: STICKY says what happens when another link of USE is chosen, but USE=balance names none'],
  ['USE=dsl\nTO=@nothing', ':2: there is no file sets/nothing'],
  ['USE=dsl\nSET=nothing', ':2: there is no file sets/nothing'],
  ['USE=dsl\nFROM=10.0.0.1\nTO=2001:db8::1', ': FROM is of one family, TO of the other: it could never match'],
  ['USE=dsl\nFROM=2001:db8::1\nPROTO=icmp,igmp', ': PROTO is of one family, the addresses are of the other: it could never match'],
  ['USE=dsl\nTO=10.0.0.1\nPROTO=icmpv6', ': PROTO is of one family, the addresses are of the other: it could never match'],
  ['USE=dsl\nTO=fe80::/64,ff02::1', ': link-local and multicast addresses end at the next router: it could never match'],
  ['USE=dsl\nWEIGHT=3', ':2: unknown key WEIGHT; known here: FROM, TO, SET, PROTO, DPORT, SPORT, IIF, DSCP, USE, ELSE, STICKY'],
]; // prettier-ignore
test.each(CONTRADICTIONS)('%j is refused', (text, want) => {
  expect(problems({ 'rules/10-x.env': text })).toEqual([`rules/10-x.env${want}`]);
});

test('everything that is wrong is told at once, with file and line', () => {
  const found = problems({
    'rules/1-x.env': 'USE=dsl',
    'rules/20-y.env': 'FROM=all\nUSE=nobody\nELSE=maybe',
    'sets/ok': '# a comment\n\n192.0.2.0/24 # office\n192.0.2.9\n',
    'sets/bad': '192.0.2.1/24\n2001:db8::1/32\n10.0.0.1 10.0.0.2\n',
    'sets/empty': '# nothing yet\n',
    'sets/no.dots': '',
  });
  expect(found).toEqual([
    'sets/bad:1: "192.0.2.1/24" is no address, prefix without host bits, or range A-B',
    'sets/bad:2: "2001:db8::1/32" is no address, prefix without host bits, or range A-B',
    'sets/bad:3: "10.0.0.1 10.0.0.2" is no address, prefix without host bits, or range A-B',
    'sets/empty: is empty: a rule that names it would never match',
    'sets/no.dots: a set is named by a letter, then letters, digits, _ and -, at most 31, without an ending',
    'rules/1-x.env: a rule is named by two digits, -, letters, digits, _ and -, then .env',
    `rules/20-y.env:1: FROM="all" is not valid: expected ${ADDRESSES}`,
    'rules/20-y.env:3: ELSE="maybe" is not valid: expected balance or block',
    'rules/20-y.env:2: USE names no link: nobody; there are dsl, lte',
  ]);
});

test('sets are bounded, one by one and together', () => {
  const lines = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => `10.${from}.${n >> 8}.${n & 255}\n`).join('');
  const rules = { 'rules/10-x.env': 'SET=a\nUSE=dsl' };
  const many = parse({ ...rules, 'sets/a': lines(0, 4_096) });
  expect(told(many.problems)).toEqual([]);
  expect(many.config?.addressSets).toEqual({ a: byFamily([ip('10.0.0.0/20')]) });
  const message = 'too many: all sets together may hold 4096 entries';
  expect(problems({ ...rules, 'sets/a': lines(0, 4_097) })?.[0]).toBe(`sets/a: ${message}`);
  expect(problems({ ...rules, 'sets/a': lines(0, 3000), 'sets/b': lines(1, 3000) })).toEqual([`sets/b: ${message}`]);
  expect(problems({ ...rules, 'sets/a': 'x\n'.repeat(100) })).toHaveLength(21);
});

const never = (path: string) => `never decides: ${path} takes everything it matches`;
const SHADOWS: readonly (readonly [name: string, first: string, second: string, want: string | undefined])[] = [
  ['a rule for everything', 'USE=dsl', 'PROTO=tcp\nUSE=lte', never('rules/10-a.env')],
  ['a wider prefix', 'FROM=10.0.0.0/8\nUSE=dsl', 'FROM=10.1.0.0/16\nPROTO=udp\nUSE=lte', never('rules/10-a.env')],
  ['a set that holds the address', 'SET=s\nUSE=dsl', 'TO=192.0.2.7\nUSE=lte', never('rules/10-a.env')],
  ['all ports of both protocols', 'PROTO=tcp,udp\nUSE=dsl', 'DPORT=53\nUSE=lte', never('rules/10-a.env')],
  ['the same twice', 'DPORT=53\nUSE=dsl', 'DPORT=53\nPROTO=udp,tcp\nUSE=dsl', 'says the same as rules/10-a.env'],
  ['a narrower prefix', 'FROM=10.1.0.0/16\nUSE=dsl', 'FROM=10.0.0.0/8\nUSE=lte', undefined],
  ['another device', 'IIF=lan0\nUSE=dsl', 'IIF=lo\nUSE=lte', undefined],
  ['ports that overlap', 'DPORT=80-90\nUSE=dsl', 'DPORT=85-95\nUSE=lte', undefined],
  [
    'a wider IPv6 prefix',
    'TO=2001:db8::/32\nUSE=dsl',
    'TO=2001:db8:1::-2001:db8:2::\nUSE=lte',
    never('rules/10-a.env'),
  ],
  ['IPv4 alone', 'TO=0.0.0.0/0\nUSE=dsl', 'DPORT=53\nUSE=lte', undefined],
  ['all of both families', 'TO=0.0.0.0/0,::/0\nUSE=dsl', 'DPORT=53\nUSE=lte', never('rules/10-a.env')],
  ['the only family there is', 'TO=0.0.0.0/0\nUSE=dsl', 'PROTO=icmp\nUSE=lte', never('rules/10-a.env')],
  ['one of two families', 'FROM=10.0.0.0/8\nUSE=dsl', 'FROM=10.0.0.1,2001:db8::1\nUSE=lte', undefined],
  [
    'the family that both ends have',
    'FROM=10.0.0.0/8\nUSE=dsl',
    'FROM=10.0.0.1,2001:db8::1\nTO=192.0.2.1\nUSE=lte',
    never('rules/10-a.env'),
  ],
  ['the other family', 'SET=s\nUSE=dsl', 'TO=2001:db8::7\nUSE=lte', undefined],
  ['another protocol', 'PROTO=tcp\nDPORT=53\nUSE=dsl', 'DPORT=53\nUSE=lte', undefined],
];
test.each(SHADOWS)('shadows: %s', (_, first, second, want) => {
  const found = warnings({ 'rules/10-a.env': first, 'rules/20-b.env': second, 'sets/s': '192.0.2.0/24\n' });
  expect(found).toEqual(want === undefined ? [] : [`rules/20-b.env: ${want}`]);
});

test('a set of both families', () => {
  const files = {
    'rules/10-x.env': 'SET=s\nUSE=dsl',
    'sets/s': '192.0.2.1\n2001:db8::/33\n2001:DB8:8000::/33 # all\n',
  };
  expect(parse(files).config?.addressSets).toEqual({ s: byFamily(['192.0.2.1', '2001:db8::/32'].map(ip)) });
});

test('with a mistake in a set nobody knows what its rules match', () => {
  const files = { 'rules/10-x.env': 'FROM=10.0.0.1\nSET=s\nUSE=dsl', 'sets/s': '2001:db8::1\n192.0.2.256\n' };
  expect(problems(files)).toEqual(['sets/s:2: "192.0.2.256" is no address, prefix without host bits, or range A-B']);
});

test('two rules for exactly the same that say different things', () => {
  expect(
    problems({
      'rules/10-a.env': 'TO=192.0.2.0/24\nUSE=dsl',
      'rules/20-b.env': 'SET=s\nUSE=dsl\nELSE=block',
      'sets/s': '192.0.2.0/25\n192.0.2.128/25\n',
    }),
  ).toEqual(['rules/20-b.env: contradicts rules/10-a.env: both match exactly the same connections']);
});

test('ranges: merged, covered, shown as nft reads them', () => {
  const show = (...texts: string[]) => {
    const { four, six } = byFamily(texts.map(ip));
    return [...four.map(showAddressRange), ...six.map(showRange6)];
  };
  expect(show('10.0.0.1', '10.0.0.0', '10.0.0.2/31')).toEqual(['10.0.0.0/30']);
  expect(show('10.0.0.1', '10.0.0.2', '10.0.0.9')).toEqual(['10.0.0.1-10.0.0.2', '10.0.0.9']);
  expect(show('0.0.0.0/1', '128.0.0.0/1')).toEqual(['0.0.0.0/0']);
  expect(show('2001:db8::1', '2001:db8::', '2001:db8::2/127', '10.0.0.1')).toEqual(['10.0.0.1', '2001:db8::/126']);
  expect(show('::/1', '8000::/1')).toEqual(['::/0']);
  expect(show('2001:db8::5-2001:db8::9', '2001:db8::a')).toEqual(['2001:db8::5-2001:db8::a']);
  expect(show('ffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')).toEqual(['ffff::/16']);
  expect(show('2001:db8::1-2001:db8::2')).toEqual(['2001:db8::1-2001:db8::2']);
  expect(covers([[1, 5], [7, 9]], [[2, 3], [7, 7]])).toBe(true); // prettier-ignore
  expect(covers([[1, 5]], [[5, 6]])).toBe(false); // prettier-ignore
  expect(covers([], [])).toBe(true);
});

const TEXTS6: readonly (readonly [text: string, want: string | undefined])[] = [
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['::ffff:192.0.2.01', undefined],
  ['192.0.2.1::', undefined],
  ['1:2:3:4:5:6:7:8::', undefined],
  ['1::2::3', undefined],
  [':1::', undefined],
  ['12345::', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['192.0.2.1', undefined],
  ['', undefined],
];
test.each(TEXTS6)('%j is %j', (text, want) => {
  const value = parseIpv6(text);
  expect(value === undefined ? undefined : showIpv6(value)).toBe(want);
});
