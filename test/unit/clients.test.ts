/** Who gets which link: loads, the order of the next clients, fixed assignments, and what survives a reboot. */
import { mkdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { baseFor, clientOrder, fixedFor, fixedRanges, linkOf, loadsOf, nextLinks } from '../../src/desired/clients.ts';
import { GLOBAL_DEFAULTS } from '../../src/config/keys.ts';
import type { LinkLoad } from '../../src/model.ts';
import { loadClients, saveClients } from '../../src/state/clients.ts';
import { scratchDirectory } from '../support/world-scratch.ts';

/** `1x5=2`: link 1, weight 5, two clients. */
const loads = (text: string): LinkLoad[] =>
  text.split(' ').map((word) => {
    const [id = 0, weight = 0, clients = 0] = word.split(/[x=]/).map(Number);
    return { id, weight, clients };
  });

test.each([
  ['1x1=0 2x1=0', 4, [1, 2, 1, 2]],
  ['1x1=0 2x3=0', 8, [2, 1, 2, 2, 2, 1, 2, 2]],
  ['1x1=3 2x1=0', 5, [2, 2, 2, 1, 2]],
  ['1x2=4 2x1=0', 4, [2, 2, 1, 2]],
  ['7x9=100', 2, [7, 7]],
])('%s: the next %i clients go to %j', (base, count, want) => {
  expect(nextLinks(loads(base), count)).toEqual(want);
});

test('without a link there is no order', () => expect(clientOrder([])).toEqual({ first: [], round: [] }));

test.each([1, 2, 3, 5, 8])('%i links: never more than one client away from fair', (links) => {
  const base = Array.from({ length: links }, (_, n) => ({ id: n + 1, weight: 1 + ((n * 7) % 5), clients: 0 }));
  const whole = base.reduce((sum, { weight }) => sum + weight, 0);
  const went = nextLinks(base, 128);
  for (const { id, weight } of base) {
    expect(Math.abs(went.filter((each) => each === id).length - (128 * weight) / whole)).toBeLessThan(links);
  }
});

/** Where `count` clients go, the kernel's way: the order once, then its round for ever. */
function arrivals(base: readonly LinkLoad[], count: number): number[] {
  const { first, round } = clientOrder(base);
  return Array.from({ length: count }, (_, n) => first[n] ?? round[(n - first.length) % round.length]!);
}

/** How far the worst link is from its fair share, in clients, after these have gone there. */
function unfairness(base: readonly LinkLoad[], went: readonly number[]): number {
  const counts = base.map(({ id, clients }) => clients + went.filter((each) => each === id).length);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const whole = base.reduce((sum, { weight }) => sum + weight, 0);
  return Math.max(...base.map(({ weight }, n) => Math.abs(counts[n]! - (all * weight) / whole)));
}

test.each([
  ['nobody', '1x1=0 2x2=0 3x4=0', 300],
  ['equal', '1x1=0 2x1=0 3x1=0', 1000],
  ['one empty', '1x1=0 2x1=60', 500],
  ['one empty, by weight', '1x1=10 2x2=20 3x4=0', 500],
  ['primes', '1x3=7 2x5=0 3x7=2', 1000],
  ['large weights', '1x100=0 2x50=0', 1000],
  ['one link', '4x9=3', 300],
])('%s (%s): also the client after the prepared ones goes to the least loaded link', (_, base, count) => {
  expect(arrivals(loads(base), count)).toEqual(nextLinks(loads(base), count));
});

test.each([
  ['1x1=0 2x1=900', 3000],
  ['1x255=0 2x254=0 3x253=0 4x1=0', 3000],
])('%s: what cannot be caught up or is too fine is at least shared', (base, count) => {
  const went = arrivals(loads(base), count);
  const before = unfairness(loads(base), []);
  for (let each = 100; each <= count; each += 100) {
    expect(unfairness(loads(base), went.slice(0, each))).toBeLessThanOrEqual(before + 4 + each / 256);
  }
});

test.each([
  ['came as prepared', '1x1=0 2x1=0', '1x1=2 2x1=2', true],
  ['one went elsewhere', '1x1=0 2x1=0', '1x1=3 2x1=1', true],
  ['two went elsewhere', '1x1=0 2x1=0', '1x1=4 2x1=0', false],
  ['somebody has gone', '1x1=4 2x1=4', '1x1=4 2x1=3', false],
  ['another weight', '1x1=0 2x1=0', '1x1=0 2x2=0', false],
  ['another link', '1x1=0 2x1=0', '1x1=0 3x1=0', false],
  ['a link more', '1x1=0', '1x1=0 2x1=0', false],
  ['half of the order is used up', '1x1=0 2x1=0', '1x1=33 2x1=33', false],
])('%s: is the prepared order kept?', (_, old, now, kept) => {
  expect(baseFor(loads(old), loads(now))).toEqual(loads(kept ? old : now));
});

test('the first order is made from what is there', () =>
  expect(baseFor(undefined, loads('1x1=5'))).toEqual(loads('1x1=5')));

describe('who is where', () => {
  const bindings = {
    client: new Map([
      ['a', 1],
      ['b', 1],
      ['c', 2],
    ]),
    away: new Map([
      ['a', 2],
      ['b', 3],
    ]),
  };
  test.each([
    ['never', [1, 2], { a: 1, b: 1, c: 2 }],
    ['never', [2, 3], { a: undefined, b: undefined, c: 2 }],
    ['return', [1, 2], { a: 1, b: 1, c: 2 }],
    ['return', [2, 3], { a: 2, b: 3, c: 2 }],
    ['return', [2], { a: 2, b: undefined, c: 2 }],
    ['gradual', [1, 2], { a: 2, b: 1, c: 2 }],
    ['gradual', [], { a: undefined, b: undefined, c: undefined }],
  ] as const)('%s, with %j', (rebalance, sharing, want) => {
    const got = ['a', 'b', 'c'].map((each) => [each, linkOf({ rebalance }, bindings, each, new Set(sharing))] as const);
    expect(Object.fromEntries(got)).toEqual(want);
    const config = { ...GLOBAL_DEFAULTS, rebalance, links: [] };
    const links = sharing.map((id) => ({
      ...{ id, name: `l${id}`, weight: id, tier: 1 },
      ...({ onDown: 'failover', masquerade: true, mss: 'auto' } as const),
    }));
    expect(loadsOf(config, bindings, links as unknown as Parameters<typeof loadsOf>[2])).toEqual(
      sharing.map((id) => ({ id, weight: id, clients: Object.values(want).filter((link) => link === id).length })),
    );
  });
});

const FIXED = [
  { name: 'lan', client: '10.0.0.0/24', link: 'a' },
  { name: 'room', client: '10.0.0.8/30', link: 'b' },
  { name: 'nas', client: '10.0.0.9', link: 'c' },
  { name: 'phone', client: '02:00:00:00:00:01', link: 'c' },
  { name: 'far', client: '10.9.0.0/16', link: 'b' },
  { name: 'lan6', client: 'fd00:1::/64', link: 'a' },
  { name: 'nas6', client: 'fd00:1::9', link: 'c' },
  { name: 'last', client: 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:0/112', link: 'b' },
];

test('the narrowest assignment wins, and nft gets ranges that do not overlap', () => {
  const found = ['10.0.0.9', '10.0.0.10', '10.0.0.12', '10.9.255.255', '10.1.0.0'].map(
    (each) => fixedFor(FIXED, each)?.name,
  );
  expect(found).toEqual(['nas', 'room', 'lan', 'far', undefined]);
  const ranges = (family: 4 | 6) => fixedRanges(FIXED, family).map(({ range, link }) => `${range} ${link}`);
  expect(ranges(4)).toEqual([
    '10.0.0.0-10.0.0.7 a',
    '10.0.0.8 b',
    '10.0.0.9 c',
    '10.0.0.10-10.0.0.11 b',
    '10.0.0.12-10.0.0.255 a',
    '10.9.0.0-10.9.255.255 b',
  ]);
  expect(ranges(6)).toEqual([
    'fd00:1::-fd00:1::8 a',
    'fd00:1::9 c',
    'fd00:1::a-fd00:1::ffff:ffff:ffff:ffff a',
    'fdff:ffff:ffff:ffff:ffff:ffff:ffff:0-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff b',
  ]);
  expect(fixedRanges([], 4)).toEqual([]);
  const six = ['fd00:1::9', 'FD00:1::0:9', 'fd00:1::8', 'fd00:2::', '::a00:9', '02:00:00:00:00:01'];
  expect(six.map((each) => fixedFor(FIXED, each)?.name)).toEqual(['nas6', 'nas6', 'lan6', ...Array<undefined>(3)]);
});

const EXPECTED = 'expected an address, a prefix such as 192.168.1.64/26 or fd00:1::/64, or a MAC address';
const parsed = (...texts: string[]) =>
  parseConfig({
    links: [{ path: 'links/a.env', name: 'a', text: 'ID=1\nDEVICE=ppp0' }],
    clients: texts.map((text, n) => ({ path: `clients/${n}.env`, name: String(n), text })),
  });

test.each([
  ['10.0.0.9', '10.0.0.9'],
  ['10.0.0.0/24', '10.0.0.0/24'],
  ['0A:00:00:00:00:01', '0a:00:00:00:00:01'],
  ['2001:DB8:0::9', '2001:db8::9'],
  ['fd00:1:0:0::/64', 'fd00:1::/64'],
  ['fd00:1::9/128', 'fd00:1::9'],
])('CLIENT=%s', (given, client) => {
  expect(parsed(`CLIENT=${given}\nLINK=a`).config?.clients).toEqual([{ name: '0', client, link: 'a' }]);
});

test.each([
  ['CLIENT=10.0.0.9/24\nLINK=a', `:1: CLIENT="10.0.0.9/24" is not valid: ${EXPECTED}`],
  ['CLIENT=10.0.0.0/0\nLINK=a', `:1: CLIENT="10.0.0.0/0" is not valid: ${EXPECTED}`],
  ['CLIENT=fd00:1::9/64\nLINK=a', `:1: CLIENT="fd00:1::9/64" is not valid: ${EXPECTED}`],
  ['CLIENT=fd00:1::9-fd00:1::a\nLINK=a', `:1: CLIENT="fd00:1::9-fd00:1::a" is not valid: ${EXPECTED}`],
  ['CLIENT=fe80::1\nLINK=a', `:1: CLIENT="fe80::1" is not valid: ${EXPECTED}`],
  ['CLIENT=::/0\nLINK=a', `:1: CLIENT="::/0" is not valid: ${EXPECTED}`],
  ['CLIENT=printer\nLINK=a', `:1: CLIENT="printer" is not valid: ${EXPECTED}`],
  ['CLIENT=10.0.0.9', ': LINK is missing: expected the name of a link'],
  ['LINK=a', `: CLIENT is missing: ${EXPECTED}`],
  ['CLIENT=10.0.0.9\nLINK=b', ': LINK=b: there is no links/b.env'],
  ['CLIENT=10.0.0.9\nLINK=a\nID=2', ':3: unknown key ID; known here: CLIENT, LINK'],
])('%j is refused', (text, want) => {
  const { config, problems } = parsed(text);
  expect(config).toBeUndefined();
  const [problem] = problems;
  expect(problems).toHaveLength(1);
  const line = problem!.line === undefined ? '' : `:${problem!.line}`;
  expect(`${line}: ${problem!.message}`).toBe(want);
});

test('one client in two files', () => {
  const twice = parsed('CLIENT=0a:00:00:00:00:01\nLINK=a', 'CLIENT=0A:00:00:00:00:01\nLINK=a');
  expect(twice.problems.map(({ message }) => message)).toEqual([
    'CLIENT=0a:00:00:00:00:01 is already given by clients/0.env',
  ]);
});

test('one client in two files, written in two ways', () => {
  const twice = parsed('CLIENT=fd00:1::9\nLINK=a', 'CLIENT=FD00:1:0::9/128\nLINK=a');
  expect(twice.problems.map(({ message }) => message)).toEqual(['CLIENT=fd00:1::9 is already given by clients/0.env']);
});

test('what survives a reboot: whole, written once, and damaged parts left out', () => {
  const directory = join(scratchDirectory('lib'), 'wanhook');
  expect(loadClients(directory)).toEqual({ clients: new Map() });
  const clients = new Map([
    ['10.0.0.10', 2],
    ['10.0.0.9', 1],
  ]);
  saveClients(directory, clients);
  expect(loadClients(directory)).toEqual({ clients });
  const file = join(directory, 'clients.json');
  const { ino, mode } = statSync(file);
  expect(mode & 0o777).toBe(0o600);
  saveClients(directory, clients);
  expect(statSync(file).ino, 'not written again').toBe(ino);
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, '{"version":1,"clients":{"10.0.0.9":1,"x":1,"10.0.0.8":"1","10.0.0.7":-1,"10.0.0.6":1.5}}');
  expect(loadClients(directory)).toEqual({ clients: new Map([['10.0.0.9', 1]]) });
  for (const text of ['', '{', '[]', '{"version":2,"clients":{"10.0.0.9":1}}', '{"version":1}']) {
    writeFileSync(file, text);
    expect(loadClients(directory)).toEqual({
      clients: new Map(),
      damaged: `${file} is damaged: clients are assigned anew`,
    });
  }
});

test('what is no file of ours is not read, told once, and replaced', () => {
  const directory = scratchDirectory('lib');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'clients.json');
  symlinkSync('/dev/zero', file);
  expect(loadClients(directory).damaged).toBe(`${file} is no regular file: clients are assigned anew`);
  saveClients(directory, new Map([['10.0.0.9', 1]]));
  expect(loadClients(directory)).toEqual({ clients: new Map([['10.0.0.9', 1]]) });
  truncateSync(file, 2 ** 32);
  expect(loadClients(directory).damaged).toBe(`${file} is larger than 4194304 bytes: clients are assigned anew`);
  saveClients(directory, new Map([['10.0.0.8', 1]]));
  expect(loadClients(directory)).toEqual({ clients: new Map([['10.0.0.8', 1]]) });
});
