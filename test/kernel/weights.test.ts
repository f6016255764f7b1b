/** BALANCE=flow: the shares of new connections are the weights, by Pearson's chi-square test. */
import { afterEach, describe, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';
import { chiSquare, CRITICAL } from '../support/chi-square.ts';

const CONNECTIONS = 2400;
const CASES = [
  ['1:1', [1, 1]],
  ['2:3', [2, 3]],
  ['1:2:4', [1, 2, 4]],
  ['eight lines, 1 to 8', [1, 2, 3, 4, 5, 6, 7, 8]],
] as const;

describe.each(CASES)('%s', (name, weights) => {
  let router: Router;
  afterEach(async () => {
    try {
      expect(await router.strays()).toEqual([]);
    } finally {
      await router.destroy();
    }
  });

  test('LAN and router, TCP and UDP', async () => {
    router = await createRouter({
      links: weights.map(() => 'ppp' as const),
      keys: weights.map((WEIGHT) => ({ WEIGHT })),
      clients: 4,
    });
    for (const { index } of router.lines) await router.up(index);
    const addresses = router.lines.map(({ address }) => address);
    for (const [from, proto] of [
      ['lan', 'tcp'],
      ['lan', 'udp'],
      ['rtr', 'tcp'],
      ['rtr', 'udp'],
    ] as const) {
      const chis: number[] = [];
      // Once in a thousand a fair sample is off: an unlikely one is taken again, once.
      for (let sample = 0; sample < 2 && chis.every((chi) => chi > CRITICAL[weights.length - 1]!); sample++) {
        const local = from === 'lan' ? { localAddresses: router.clients } : {};
        const got = await router.share({
          from,
          proto,
          count: CONNECTIONS,
          to: router.servers,
          ...local,
          concurrency: 20,
        });
        expect(got).toMatchObject({ ok: CONNECTIONS, errors: {} });
        const counts = addresses.map((address) => got.sources[address] ?? 0);
        chis.push(chiSquare(counts, weights));
        const measured = `${counts.join(':')} (chi² ${chis.at(-1)!.toFixed(2)} < ${CRITICAL[weights.length - 1]})`;
        console.log(`${name}: ${from} ${proto} → ${measured}`);
        if (from === 'rtr')
          console.log(`${name}: rtr ${proto} by server → ${JSON.stringify(Object.values(got.byServer)[0])}`);
      }
      expect(Math.min(...chis)).toBeLessThan(CRITICAL[weights.length - 1]!);
    }
  });
});
