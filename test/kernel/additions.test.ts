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

/** As if line 1 had never been there. */
async function withoutLine(): Promise<void> {
  await router.lineHangup(1);
  await router.rtr.sh('rm -rf /run/wanhook /run/once; /usr/sbin/nft.real delete table inet wanhook');
  await router.must('apply');
}

test('all of nftables is flushed between look and addition: the table is whole again', async () => {
  await withoutLine();
  const whole = await table();
  // As by "systemctl restart nftables", before the first change.
  await router.fake(
    'nft',
    'case "$*" in "-f -") [ -e /run/once ] || { : >/run/once; $REAL flush ruleset; } ;; esac\nexec $REAL "$@"',
  );
  await router.up(1);
  await router.fake('nft', undefined);
  expect(await router.rtr.sh('ls /run/once')).toBe('/run/once\n');
  expect(await router.plan()).toEqual([]);
  const now = await table();
  expect(now.filter((item) => item.startsWith('chain'))).toEqual(
    expect.arrayContaining(whole.filter((item) => item.startsWith('chain'))),
  );
});

test('a chain is taken away between look and addition: the table is whole again', async () => {
  await withoutLine();
  await router.fake(
    'nft',
    'case "$*" in "-f -") [ -e /run/once ] || { : >/run/once; $REAL flush chain inet wanhook srcnat; } ;; esac\nexec $REAL "$@"',
  );
  await router.up(1);
  await router.fake('nft', undefined);
  expect(await router.rtr.sh('ls /run/once')).toBe('/run/once\n');
  expect(await router.rtr.sh('/usr/sbin/nft.real list chain inet wanhook srcnat')).toContain('masquerade');
  expect(await router.plan()).toEqual([]);
});
