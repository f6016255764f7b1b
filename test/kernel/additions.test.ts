/** A line with a device that our table did not know: by additions, and the table is then as a reload would have made it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { normalListing } from '../../src/kernel/observe.ts';
import { listingInOrder } from '../support/fake-kernel-nft.ts';
import { createRouter, type Router } from '../support/router.ts';

let router: Router;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'] });
  await router.up(0);
});
afterAll(() => router.destroy());

const table = async () =>
  listingInOrder(normalListing(await router.rtr.sh('/usr/sbin/nft.real -s list table inet wanhook'))).split(ITEM);
const ITEM = / (?=(?:set|map|chain) \S+ \{)/;
const loads = async () =>
  (await router.journal()).flatMap(({ changed }) => changed.filter((op) => op.startsWith('nft -f -'))).slice(-1);
const lastLoads = async () => (await router.journal()).at(-1)!.changed.filter((op) => op.startsWith('nft -f -'));
const TWICE = ['nft -f - (table inet wanhook, additions)', 'nft -f - (table inet wanhook)'];

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

/** Line 1 comes up, and just before our first change somebody else has done this with nft(8). */
async function upWhile(stranger: string): Promise<void> {
  await router.fake(
    'nft',
    `case "$*" in "-f -") [ -e /run/once ] || { : >/run/once; $REAL ${stranger}; } ;; esac\nexec $REAL "$@"`,
  );
  await router.up(1);
  await router.fake('nft', undefined);
  expect(await router.rtr.sh('ls /run/once')).toBe('/run/once\n');
}

test('all of nftables is flushed between look and addition: the table is whole again', async () => {
  await withoutLine();
  const whole = await table();
  await upWhile('flush ruleset'); // as "systemctl restart nftables" does
  expect(await lastLoads()).toEqual(TWICE);
  expect(await router.plan()).toEqual([]);
  const now = await table();
  expect(now.filter((item) => item.startsWith('chain'))).toEqual(
    expect.arrayContaining(whole.filter((item) => item.startsWith('chain'))),
  );
});

test('a chain is taken away between look and addition: the table is whole again', async () => {
  await withoutLine();
  await upWhile('flush chain inet wanhook srcnat');
  expect(await lastLoads()).toEqual(TWICE);
  expect(await router.rtr.sh('/usr/sbin/nft.real list chain inet wanhook srcnat')).toContain('masquerade');
  expect(await router.plan()).toEqual([]);
});
