/** BALANCE=pair over IPv6: as pair.test.ts, for hosts that no line has given their addresses. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../../src/cli/explain-answer.ts';
import { createRouter, type Router } from '../support/router.ts';
import { addIpv6, type Ipv6 } from '../support/router6.ts';

const CLIENTS = [2, 3, 4, 5].map((n) => `fd00:1::${n}`);
const PAIR = { LAN: 'lan0', BALANCE: 'pair', PAIR_BY_PORT: '7001' };
const keys = [1, 2, 3].map((ID) => ({ ID, PPP_IPPARAM: `line${ID}` }));

let router: Router;
let six: Ipv6;
/** The third line has IPv4 alone. */
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'ppp'] });
  await router.configure(keys, PAIR);
  six = await addIpv6(router);
  await router.lan.sh(
    CLIENTS.slice(1)
      .map((one) => `ip -6 addr add ${one}/64 dev eth0 nodad\n`)
      .join(''),
  );
  for (const index of [0, 1, 2]) await router.up(index);
  for (const index of [0, 1]) {
    await six.pppUp(index);
    await six.delegate(index);
  }
  await router.serve('net', { tcp: [7001, 7002], udp: [7001] });
});
beforeEach(async () => {
  await router.must('pins', 'flush');
});
afterAll(async () => {
  try {
    expect(await six.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});

type Lines = Record<string, string[]>;
const lineOf = (source: string) => `line${/^2001:db8:a(\d):/.exec(source)?.[1] ?? source}`;
const linesOf = (sources: Readonly<Record<string, number>>) =>
  [...new Set(Object.keys(sources).map(lineOf))].toSorted();

/** Each client to each server, `times` connections: the lines they came by, by "client>server". */
async function pairs(times: number, port = 7002): Promise<Lines> {
  const found: Lines = {};
  for (const client of CLIENTS) {
    const count = six.servers.length * times;
    const seen = await router.share({ from: 'lan', localAddresses: [client], to: six.servers, count, port });
    expect(seen).toMatchObject({ ok: count, errors: {} });
    for (const [server, sources] of Object.entries(seen.byServer)) found[`${client}>${server}`] = linesOf(sources);
  }
  return found;
}

async function own(times: number): Promise<Lines> {
  const count = six.servers.length * times;
  const seen = await router.share({ from: 'rtr', to: six.servers, count, port: 7002 });
  expect(seen).toMatchObject({ ok: count, errors: {} });
  return Object.fromEntries(Object.entries(seen.byServer).map(([server, sources]) => [server, linesOf(sources)]));
}

interface Pin {
  readonly family: number;
  readonly client: string | null;
  readonly server: string | null;
  readonly link: string;
}
const pins = async () => JSON.parse(await router.must('pins', '--json')) as Pin[];
const linksOf = (found: readonly Pin[]) => found.map(({ link }) => link).toSorted();
const tally = (all: Lines) =>
  ['line1', 'line2']
    .map((link) => ({ link, pins: Object.values(all).filter(([line]) => line === link).length }))
    .filter((one) => one.pins > 0);

test('pairs keep to one line, by port apart, and pins counts them', async () => {
  const plain = await pairs(5);
  expect(Object.values(plain).filter((lines) => lines.length !== 1)).toEqual([]);
  expect(tally(plain)).toHaveLength(2);
  const found = await pins();
  expect(found.map(({ family, client, server }) => [family, client, server])).toEqual(
    Object.keys(plain).map(() => [6, null, null]),
  );
  expect(linksOf(found)).toEqual(tally(plain).flatMap(({ link, pins: count }) => Array<string>(count).fill(link)));
  const apart = await pairs(3, 7001);
  expect(apart).not.toEqual(plain);
  expect(await pairs(2), 'later connections').toEqual(plain);
  expect(await pairs(2, 7001), 'later connections').toEqual(apart);
  expect(await router.must('pins')).toMatch(/^IPv6 pairs, whose addresses .*: \d+ on line1, \d+ on line2\n$/);
  const count = linksOf(await pins()).filter((link) => link === 'line1').length;
  expect(await router.must('pins', 'flush', 'line1')).toBe(`${count} pairs forgotten\n`);
  expect([...new Set(linksOf(await pins()))]).toEqual(['line2']);
  expect((await router.wanhook('pins', 'flush', CLIENTS[0]!)).stderr).toContain('name a link');
});

test('explain: a pin may decide; not for who has a line’s address', async () => {
  const explain = async (from: string) =>
    JSON.parse(await router.must('explain', '--json', '--from', from, `[${six.servers[0]!}]:7002`)) as Answer;
  expect(await explain(CLIENTS[0]!)).toMatchObject({ by: 'balance', why: 'no rule matches' });
  await pairs(1);
  const why = 'its pair may be pinned to a link: IPv6 pairs are kept by hash only';
  expect(await explain(CLIENTS[0]!)).toMatchObject({ by: 'balance', why });
  expect(await explain(six.hostOf(0))).toMatchObject({ by: 'source', verdict: 'link' });
});

test('who has a line’s address has that line, and makes no pin', async () => {
  const seen = await router.share({
    from: 'lan',
    localAddresses: [six.hostOf(1)],
    to: six.servers,
    count: 9,
    port: 7002,
  });
  expect(linesOf(seen.sources)).toEqual(['line2']);
  expect(await pins()).toEqual([]);
});

test('a dead line’s pairs move, only they, and do not move back; the router’s own, too', async () => {
  const before = await pairs(2);
  const mine = await own(6);
  expect(Object.values(mine).filter((lines) => lines.length !== 1)).toEqual([]);
  await router.down(0);
  const moved = await pairs(2);
  expect([...new Set([...Object.values(moved), ...Object.values(await own(2))].flat())]).toEqual(['line2']);
  for (const pair of Object.keys(before)) if (before[pair]![0] === 'line2') expect(moved[pair]).toEqual(before[pair]);
  await router.up(0);
  await six.pppUp(0);
  await six.delegate(0);
  expect(await pairs(2), 'after its return').toEqual(moved);
  expect(new Set(Object.values(await own(4)).flat())).toEqual(new Set(['line2']));
  await router.must('pins', 'flush');
  expect(tally(await pairs(1))).toHaveLength(2);
  expect(await router.plan()).toEqual([]);
});
