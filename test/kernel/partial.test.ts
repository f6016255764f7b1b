/** Somebody edits our nftables tables by hand, in part: who notices, how soon, and that our own changes are no such thing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMonitor, type Monitor } from '../support/router-monitor.ts';
import { createRouter, type Router } from '../support/router.ts';

let router: Router;
let whole = '';
const tables = () =>
  router.rtr.sh('for table in wanhook wanhook_kept; do nft.real -s -t list table inet $table || :; done 2>&1');
beforeAll(async () => {
  router = await createRouter({
    links: ['ppp', 'dhcp'],
    keys: [{ ON_DOWN: 'block', PROBE: 'none' }, { PROBE: 'none' }],
  });
  for (const { index } of router.lines) await router.up(index);
  whole = await tables();
});
afterAll(() => router.destroy());

/** The last rule of a chain. */
const ruleOf = (table: string, chain: string) =>
  `nft.real delete rule inet ${table} ${chain} handle "$(nft.real -a list chain inet ${table} ${chain} | sed -n 's/.* # handle //p' | tail -1)"`;

const EDITS: [string, string][] = [
  ['a rule', ruleOf('wanhook', 'prerouting')],
  ['a rule more', 'nft.real add rule inet wanhook prerouting drop'],
  ['an element', 'nft.real delete element inet wanhook wan { eth1 }'],
  ['the elements of a set', 'nft.real flush set inet wanhook wan'],
  ['the rules of a chain', 'nft.real flush chain inet wanhook postrouting'],
  ['only the table of fail-closed flows', 'nft.real delete table inet wanhook_kept'],
  ['a rule in it', ruleOf('wanhook_kept', 'keep_1')],
  ['the rules of a chain in it', 'nft.real flush chain inet wanhook_kept refusal'],
];

describe('with the monitor', () => {
  let monitor: Monitor;
  beforeAll(async () => {
    monitor = await startMonitor(router);
  });
  afterAll(() => monitor.stop());

  test.each(EDITS)('%s: made good at once', async (_, edit) => {
    // The last repair is over: what somebody changes between our load and our listing of it passes for ours.
    await monitor.settled();
    await router.rtr.sh(edit);
    for (let n = 0; n < 40 && (await tables()) !== whole; n++) await sleep(50);
    expect(await tables()).toBe(whole);
    expect((await router.journal()).at(-1)!.cause.join()).toMatch(/^kernel: firewall/);
  });

  test('what we load ourselves makes it look once more, and no more than that', async () => {
    await sleep(500);
    const before = await monitor.commands();
    await router.rtr.sh('nft.real delete element inet wanhook wan { eth1 }');
    await sleep(1500);
    const looks = (await monitor.commands()) - before;
    console.log(`one foreign edit: ${looks} commands`);
    // A loop would be 40 and more.
    expect(looks).toBeLessThanOrEqual(24);
  });
});

describe('without it', () => {
  test.each(EDITS)('%s: made good by the next apply', async (_, edit) => {
    await router.rtr.sh(edit);
    await router.must('apply');
    expect(await tables()).toBe(whole);
  });

  /** A hook does not look closely at a table that may hold 65,000 flows. */
  test.each(EDITS.filter(([what]) => !what.endsWith(' in it')))('%s: made good by the next hook', async (_, edit) => {
    await router.rtr.sh(edit);
    await router.ppp('ip-up', 0);
    expect(await tables()).toBe(whole);
  });
});
