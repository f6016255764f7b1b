/** A line with a device that our table did not know: by additions, and the table is then as a reload would have made it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

let router: Router;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'] });
  await router.up(0);
});
afterAll(() => router.destroy());

/** Chains and elements in an order of their own. */
const table = async () => {
  const listing = (await router.rtr.sh('/usr/sbin/nft.real -s list table inet wanhook')).replace(/\s+/g, ' ');
  const inOrder = (_: string, all: string) => `{${all.trim().split(/ ?, ?/).toSorted().join()}}`;
  return listing
    .replace(/ \} $/, '')
    .replace(/elements = \{([^{}]*)\}/g, inOrder)
    .split(/ (?=(?:set|map|chain) \S+ \{)/)
    .toSorted();
};
const loads = async () =>
  (await router.journal()).flatMap(({ changed }) => changed.filter((op) => op.startsWith('nft -f -'))).slice(-1);

test('the second line, and the third, add to it', async () => {
  for (const line of [1, 2]) {
    await router.up(line);
    expect(await loads()).toEqual(['nft -f - (table inet wanhook, additions)']);
    expect(await router.plan()).toEqual([]);
  }
  const grown = await table();
  await router.rtr.sh('/usr/sbin/nft.real delete table inet wanhook');
  await router.must('apply');
  expect(await loads()).toEqual(['nft -f - (table inet wanhook)']);
  expect(await table()).toEqual(grown);
});
