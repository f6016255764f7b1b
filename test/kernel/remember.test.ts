/** The table of pairs and clients, when somebody works on it: what events and commands notice, and how long that takes. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';

let router: Router;
const keys: LinkKeys[] = [
  { ID: 1, PPP_IPPARAM: 'line1' },
  { ID: 2, PPP_IPPARAM: 'line2' },
];
const mode = async (BALANCE: string, more: LinkKeys = {}) => {
  await router.configure(keys, { LAN: 'lan0', BALANCE, ...more });
  await router.must('apply');
};

beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp'], clients: 2 });
  await router.up(0);
  await router.up(1);
});
afterEach(async () => expect(await router.strays()).toEqual([]));
afterAll(() => router.destroy());

const chains = async () =>
  [...(await router.rtr.sh('nft list table inet wanhook_memory')).matchAll(/\tchain (\w+) \{\n((?:\t\t.*\n)*)/g)]
    .filter(([, , body]) => body!.split('\n').some((line) => line !== '' && !line.startsWith('\t\ttype ')))
    .map(([, name]) => name!);
const nft = (...argv: string[]) => router.rtr.run(['nft', ...argv]);

/** Chains that lead nowhere, or where others lead, too: flushed alone, only commands find them. */
const LEAVES = { pair: 7, client: 8 };

test.each(['pair', 'client'] as const)(
  '%s: every flushed chain is found, the ways in by the next event',
  async (balance) => {
    await mode(balance, { REBALANCE: 'return' });
    expect(await router.plan()).toEqual([]);
    const left: string[] = [];
    for (const chain of await chains()) {
      await nft('flush', 'chain', 'inet', 'wanhook_memory', chain);
      await router.ppp('ip-up', 0);
      if (!(await chains()).includes(chain)) {
        expect(await router.plan(), chain).not.toEqual([]);
        await router.must('apply');
        expect(await chains()).toContain(chain);
        left.push(chain);
      }
    }
    expect(left).toHaveLength(LEAVES[balance]);
    expect(left).not.toContain('prerouting');
    await nft('flush', 'table', 'inet', 'wanhook_memory');
    await router.ppp('ip-up', 0);
    expect(await router.plan()).toEqual([]);
  },
);

test('more saved clients than a map holds: those that fit are known', async () => {
  await mode('flow');
  const clients = Array.from({ length: 20_000 }, (_, n) => [`10.88.${n >> 8}.${n & 255}`, 1 + (n % 2)] as const);
  const stdin = JSON.stringify({ version: 1, clients: Object.fromEntries(clients) });
  await router.rtr.sh('mkdir -p /var/lib/wanhook; cat >/var/lib/wanhook/clients.json', { stdin });
  await mode('client');
  expect(JSON.parse(await router.must('clients', '--json'))).toHaveLength(8192);
  expect(await router.plan()).toEqual([]);
  await mode('flow');
  await router.rtr.sh('rm -r /var/lib/wanhook');
});

test('another MARK_MASK: pins are forgotten, clients keep their links, and traffic goes on', async () => {
  const connect = async () => {
    const got = await router.share({ from: 'lan', localAddresses: router.clients, count: 20 });
    expect(got.ok).toBe(20);
    return got.byClient;
  };
  const moved = { MARK_MASK: '0x7e000000', TABLE_BASE: 30_000 };
  await mode('pair');
  await connect();
  expect(await router.must('pins')).toContain('line');
  await mode('pair', moved);
  expect(await router.must('pins')).toBe('no pairs are remembered\n');
  expect(await router.plan()).toEqual([]);
  await mode('client');
  const before = await connect();
  await mode('client', moved);
  expect(await router.plan()).toEqual([]);
  expect(Object.entries(await connect()).map(([client, sources]) => [client, Object.keys(sources)])).toEqual(
    Object.entries(before).map(([client, sources]) => [client, Object.keys(sources)]),
  );
  await mode('flow');
});

test('a foreign rule and another policy are found by commands', async () => {
  await mode('pair');
  for (const words of [
    ['insert', 'rule', 'inet', 'wanhook_memory', 'pick', 'accept'],
    ['chain', 'inet', 'wanhook_memory', 'prerouting', '{ policy drop; }'],
  ]) {
    await nft(...words);
    expect(await router.plan(), words.join(' ')).not.toEqual([]);
    await router.must('apply');
    expect(await router.plan(), words.join(' ')).toEqual([]);
  }
});

test('what a full memory costs: hooks read no pairs', async () => {
  const took = async (work: () => Promise<unknown>, times = 3) => {
    const all: number[] = [];
    for (let n = 0; n < times; n++) {
      const started = performance.now();
      await work();
      all.push(performance.now() - started);
    }
    return all.toSorted((a, b) => a - b)[Math.floor(times / 2)]!;
  };
  await mode('flow');
  const flow = await took(() => router.ppp('ip-up', 0));
  const idle: Record<string, number> = {};
  for (const [balance, map, key] of [
    ['pair', 'pair', ' . 203.0.113.10'],
    ['client', 'client', ''],
  ] as const) {
    // prettier-ignore
    await mode(balance);
    for (const count of [0, balance === 'pair' ? 65_536 : 8000]) {
      const elements = Array.from(
        { length: count },
        (_, n) => `10.99.${n >> 8}.${n & 255}${key} timeout 600s : 0x01000000`,
      );
      const stdin = `add element inet wanhook_memory ${map} { ${elements.join(',\n')} }\n`;
      if (count > 0) await router.rtr.run(['nft', '-f', '-'], { stdin });
      await router.ppp('ip-up', 0);
      const nothing = await took(() => router.ppp('ip-up', 0));
      await router.lineHangup(0);
      const drop = await took(() => router.ppp('ip-down', 0), 1);
      await router.lineUp(0);
      await router.ppp('ip-up', 0);
      const plan = await took(() => router.plan(), 1);
      idle[`${balance} ${count}`] = nothing;
      console.log(`${balance}, ${count} elements: hook without a change ${nothing.toFixed(0)} ms (flow ${flow.toFixed(0)}), hook of a line that drops ${drop.toFixed(0)} ms, plan ${plan.toFixed(0)} ms`); // prettier-ignore
    }
  }
  expect(idle['pair 65536']!).toBeLessThan(3 * idle['pair 0']! + 50);
});
