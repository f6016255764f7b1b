/** Where tunnels' servers and resolvers are reached, and what only commands find out. */
import { expect, test } from 'vitest';
import { learn } from '../../src/cli/learn.ts';
import { GLOBAL_DEFAULTS, LINK_DEFAULTS } from '../../src/config/keys.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { resolverRules, tunnelRules, type Memory } from '../../src/desired/destinations.ts';
import { firewall } from '../../src/desired/firewall.ts';
import type { Config, LinkConfig, LinkStatus } from '../../src/model.ts';

const a: LinkConfig = { ...LINK_DEFAULTS, name: 'a', id: 1 };
const b: LinkConfig = { ...LINK_DEFAULTS, name: 'b', id: 2 };
const late: LinkConfig = { ...LINK_DEFAULTS, name: 'late', id: 3, tier: 2 };
const vpn: LinkConfig = { ...LINK_DEFAULTS, name: 'vpn', id: 9, tunnelServer: '203.0.113.1' };
const up = (link: LinkConfig): LinkStatus => ({
  ...{ up: true, link, device: `ppp${link.id}`, mtu: 1492, address: `192.0.2.${link.id}`, onlink: false },
});
const down = (link: LinkConfig): LinkStatus => ({ up: false, link, present: false, pointToPoint: true, reason: 'x' });
const config = (...links: LinkConfig[]): Config => ({ ...GLOBAL_DEFAULTS, links });
const EMPTY: Memory = { links: {}, verdicts: {} };

/** The tables to which the tunnel's server is sent; `-` is the refusal behind them. */
const over = (tunnel: LinkConfig, statuses: LinkStatus[], memory = EMPTY) =>
  tunnelRules(config(tunnel), [...statuses, up(tunnel)], memory).map(({ table, type }) => (type ? '-' : table));

test.each<[string, Partial<LinkConfig>, LinkStatus[], (number | string)[]]>([
  ['the first of the list', { tunnelOver: ['b', 'a'] }, [up(a), up(b)], [20002, '-']],
  ['the next when that is down', { tunnelOver: ['b', 'a'] }, [up(a), down(b)], [20001, '-']],
  ['no other than those listed', { tunnelOver: ['b'] }, [up(a), down(b)], ['-']],
  ['of a worse tier, if it is listed', { tunnelOver: ['late'] }, [up(a), up(late)], [20003, '-']],
  ['balance: who shares', { tunnelOver: 'balance' }, [up(a), up(late)], [20001, '-']],
  ['balance: by default', {}, [down(a), up(late)], [20003, '-']],
  ['balance: never the tunnel itself', {}, [down(a)], ['-']],
  ['balance: never another tunnel', {}, [up({ ...a, tunnelServer: '203.0.113.9' })], ['-']],
])('a tunnel goes over %s', (_, keys, statuses, want) => expect(over({ ...vpn, ...keys }, statuses)).toEqual(want));

test('several tunnels spread over the balance by weight, and only those of a lost line move', () => {
  const tunnels = Array.from({ length: 60 }, (_, n) => ({ ...vpn, id: n + 4, name: `t${n}` }));
  const lines = [up({ ...a, weight: 1 }), up({ ...b, weight: 3 }), up({ ...late, tier: 1, weight: 1 })];
  const all = tunnels.map((tunnel) => over(tunnel, lines)[0]);
  const count = (table: number) => all.filter((each) => each === table).length;
  expect(count(20002)).toBeGreaterThan(count(20001));
  expect(count(20002)).toBeGreaterThan(count(20003));
  expect(Math.min(count(20001), count(20003))).toBeGreaterThan(3);
  const less = tunnels.map((tunnel) => over(tunnel, [down(a), ...lines.slice(1)])[0]);
  all.forEach((table, n) => expect(less[n] === table || table === 20001).toBe(true));
});

test('a name is what it was last resolved to, and nothing before', () => {
  const named = { ...vpn, tunnelServer: 'vpn.example.org' };
  expect(tunnelRules(config(named), [up(a)], EMPTY)).toEqual([]);
  const learned = { names: { 'vpn.example.org': ['203.0.113.5', '203.0.113.6'] }, helpers: [] };
  const rules = tunnelRules(config(named), [up(a)], { ...EMPTY, learned });
  expect(rules.map(({ to, table }) => [to, table])).toEqual([
    ['203.0.113.5', 20001],
    ['203.0.113.5', undefined],
    ['203.0.113.6', 20001],
    ['203.0.113.6', undefined],
  ]);
});

test('learning: answers are kept while there are none, and strange ones are none', async () => {
  const links = ['one', 'two', 'three', 'four'].map((tunnelServer, n) => ({ ...vpn, id: n + 1, tunnelServer }));
  const answers: Record<string, string[]> = { one: ['203.0.113.9', '203.0.113.2'], two: ['127.0.0.1'] };
  const warnings: string[] = [];
  const before = { names: { one: ['203.0.113.7'], two: ['203.0.113.8'], gone: ['203.0.113.1'] }, helpers: [] };
  const got = await learn(
    { ...config(...links, a), helpers: ['ftp', 'sip'] },
    before,
    {
      resolve: (name) => (answers[name] ? Promise.resolve(answers[name]) : Promise.reject(new Error('no'))),
      accepts: (lines) => Promise.resolve(lines.join('').includes('"ftp"')),
      managesNeighbours: () => Promise.resolve(true),
    },
    (warning) => warnings.push(warning),
  );
  const names = { one: ['203.0.113.2', '203.0.113.9'], two: ['203.0.113.8'] };
  expect(got).toEqual({ names, helpers: ['ftp'], managedNeighbours: true });
  expect(warnings).toEqual([
    'cannot resolve TUNNEL_SERVER two: going on with 203.0.113.8',
    'cannot resolve TUNNEL_SERVER three: it is not pinned',
    'cannot resolve TUNNEL_SERVER four: it is not pinned',
    'HELPERS: this kernel has no helper for sip',
  ]);
});

test('only helpers that are asked for and that the kernel has are in the firewall', () => {
  const text = (known: ('ftp' | 'sip')[]) => firewall({ ...config(a), helpers: ['ftp', 'sip'] }, [up(a)], known);
  expect(text([])).not.toContain('ct helper');
  expect(text(['sip'])).toContain('ct state new udp dport 5060 ct helper set "sip_udp"');
  expect(text(['sip'])).not.toContain('ftp');
});

const record = (...dns: string[]) => ({ source: 'pppd' as const, device: 'ppp', dns });
const at = (since: number, id: number) => ({ up: true, since, reason: 'up', address: `192.0.2.${id}` });
const R = '192.0.2.53';
test.each<[string, LinkStatus[], Memory, (string | number | undefined)[][]]>([
  ['nobody gave one', [up(a)], EMPTY, []],
  [
    'each its own',
    [up(a), up(b)],
    { ...EMPTY, links: { a: record(R), b: record('9.9.9.9') } },
    [
      [R, 20001],
      ['9.9.9.9', 20002],
    ],
  ],
  ['while it is down: the balance', [down(a), up(b)], { ...EMPTY, links: { a: record(R) } }, []],
  ['the better tier', [up(late), up(a)], { ...EMPTY, links: { a: record(R), late: record(R) } }, [[R, 20001]]],
  [
    'the last to come up',
    [up(a), up(b)],
    { links: { a: record(R), b: record(R) }, verdicts: { a: at(1, 1), b: at(2, 2) } },
    [[R, 20002]],
  ],
  [
    'one that has just come up, or with another address',
    [up(a), up(b)],
    { links: { a: record(R), b: record(R) }, verdicts: { a: at(1, 7), b: at(2, 2) } },
    [[R, 20001]],
  ],
])('resolvers: %s', (_, statuses, memory, want) =>
  expect(resolverRules(config(), statuses, memory).map(({ to, table }) => [to, table])).toEqual(want),
);

test('resolvers in a subnet that two lines share are asked for before main', () => {
  const near = { ...up(a), gateway: R, sharedSubnet: '192.0.2.0/24' } as LinkStatus;
  const memory = { ...EMPTY, links: { a: record('192.0.2.53'), b: record('9.9.9.9') } };
  expect(resolverRules(config(), [near, up(b)], memory).map(({ pref, to }) => [pref, to])).toEqual([
    [20002, '192.0.2.53'],
    [20350, '9.9.9.9'],
  ]);
});

const linkFile = (name: string, text: string) => ({ path: `links/${name}.env`, name, text });
test.each([
  ['TUNNEL_OVER=b\n', 'TUNNEL_OVER without TUNNEL_SERVER: which server is to be reached over it?'],
  ['TUNNEL_SERVER=x\nTUNNEL_OVER=b,nobody\n', 'TUNNEL_OVER names no link: "nobody"'],
  ['TUNNEL_SERVER=x\nTUNNEL_OVER=a\n', 'TUNNEL_OVER leads back to a: a tunnel cannot carry itself'],
  ['TUNNEL_SERVER=x\nTUNNEL_OVER=loop\n', 'TUNNEL_OVER leads back to a: a tunnel cannot carry itself'],
])('%j is refused', (keys, message) => {
  const links = [
    linkFile('a', `ID=1\nDEVICE=eth1\n${keys}`),
    linkFile('b', 'ID=2\nDEVICE=eth2\n'),
    linkFile('loop', 'ID=3\nDEVICE=eth3\nTUNNEL_SERVER=y\nTUNNEL_OVER=a\n'),
  ];
  const { problems } = parseConfig({ links });
  expect(problems.find(({ file }) => file === 'links/a.env')).toEqual({ file: 'links/a.env', message });
});
