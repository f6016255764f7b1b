/** S1, S2, S4 as traffic: connections complete on every line, are shared as the weights say, and carry its address. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { chiSquare, CRITICAL } from '../support/chi-square.ts';
import { createRouter, type Router } from '../support/router.ts';

const CONNECTIONS = 1400;

describe.each([1, 2])('with rp_filter=%i set beforehand', (rpFilter) => {
  let router: Router;
  beforeAll(async () => {
    router = await createRouter({
      links: ['ppp', 'ppp', 'dhcp'],
      keys: [{ WEIGHT: 2 }, { WEIGHT: 3 }],
      clients: 3,
      before: `for which in all default eth1 lan0; do echo ${rpFilter} >/proc/sys/net/ipv4/conf/$which/rp_filter; done`,
    });
    await router.up(0);
    await router.up(1);
  });
  afterEach(async () => expect(await router.strays()).toEqual([]));
  afterAll(() => router.destroy());

  /** All connections complete; once in a thousand fair samples are off, so an unlikely one is taken again. */
  async function expectShares(weights: readonly number[], proto: 'tcp' | 'udp'): Promise<void> {
    const addresses = router.lines.slice(0, weights.length).map(({ address }) => address);
    const chis: number[] = [];
    for (let sample = 0; sample < 2 && chis.every((chi) => chi > CRITICAL[weights.length - 1]!); sample++) {
      const got = await router.share({ from: 'lan', proto, count: CONNECTIONS, localAddresses: router.clients });
      expect(got).toMatchObject({ sent: CONNECTIONS, ok: CONNECTIONS, errors: {} });
      expect(Object.keys(got.sources).sort()).toEqual(addresses.toSorted());
      const counts = addresses.map((address) => got.sources[address]!);
      chis.push(chiSquare(counts, weights));
      const chi = chis.at(-1)!.toFixed(2);
      console.log(`rp_filter=${rpFilter} LAN ${proto} ${weights.join(':')} → ${counts.join(':')} (chi² ${chi})`);
    }
    expect(Math.min(...chis)).toBeLessThan(CRITICAL[weights.length - 1]!);
  }

  /** A socket bound to a line's address leaves by that line; what is not bound, the kernel spreads. */
  async function expectOwnTraffic(lines: number, proto: 'tcp' | 'udp'): Promise<void> {
    const addresses = router.lines.slice(0, lines).map(({ address }) => address);
    const bound = await router.share({ from: 'rtr', proto, count: 40 * lines, localAddresses: addresses });
    expect(bound).toMatchObject({ ok: 40 * lines, errors: {} });
    expect(bound.byClient).toEqual(Object.fromEntries(addresses.map((address) => [address, { [address]: 40 }])));
    const unbound = await router.share({ from: 'rtr', proto, count: 600 });
    expect(unbound).toMatchObject({ ok: 600, errors: {} });
    const split = addresses.map((address) => unbound.sources[address] ?? 0);
    expect(split.reduce((sum, count) => sum + count, 0)).toBe(600);
    console.log(`rp_filter=${rpFilter} router's own unbound ${proto} → ${split.join(':')}`);
  }

  test.each(['tcp', 'udp'] as const)('two ppp lines with one peer share %s 2:3', (proto) =>
    expectShares([2, 3], proto),
  );

  test.each(['tcp', 'udp'] as const)('the router’s own %s, bound and unbound, on two lines', (proto) =>
    expectOwnTraffic(2, proto),
  );

  test('three lines take new weights from the next event', async () => {
    const links = [1, 2, 4].map((WEIGHT, index) => ({
      ID: index + 1,
      DEVICE: router.lines[index]!.device,
      WEIGHT,
    }));
    await router.configure(links);
    await router.up(2);
    expect(await router.plan()).toEqual([]);
    await expectShares([1, 2, 4], 'tcp');
    await expectShares([1, 2, 4], 'udp');
  });

  test.each(['tcp', 'udp'] as const)('the router’s own %s, bound and unbound, on three lines', (proto) =>
    expectOwnTraffic(3, proto),
  );

  test('a connection to each of several servers completes, whichever line it takes', async () => {
    const to = router.servers;
    const got = await router.share({ from: 'lan', count: to.length * 20, to, localAddresses: router.clients });
    expect(got).toMatchObject({ ok: to.length * 20, errors: {} });
  });
});
