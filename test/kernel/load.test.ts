/** load.cjs, which every installed hook goes through: the code that V8 made of a bundle is kept, and never another's. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

const LOADER = path.resolve(import.meta.dirname, '../../src/lean/load.cjs');
const HOOKS = '/usr/lib/wanhook';
const KEPT = '/run/wanhook/ip-up.code';

let router: Router;
beforeEach(async () => {
  router = await createRouter({ links: ['ppp', 'ppp'] });
  await router.rtr.sh(`cat >${HOOKS}/load.cjs`, { stdin: readFileSync(LOADER, 'utf8') });
  await router.lineUp(0);
});
afterEach(() => router.destroy());

/** The hook as run-hook.sh starts it. */
const hook = (device: string, ipparam: string) =>
  router.hook('load', ['ip-up', device, '/dev/pts/7', '115200', router.lines[0]!.address, '192.0.2.254', ipparam], {});
const kept = () => router.rtr.sh(`stat -c '%i %y %a' ${KEPT} 2>/dev/null || echo none`);
/** What those have done that it was made of. */
const runs = async () => (await router.rtr.sh(`head -n 1 ${KEPT}`)).trim().split(' ').slice(5);
const isUp = async () => /^line1 +up /m.test(await router.must('status'));

test('kept after the first event, used by the next ones; a device that is not ours leaves nothing', async () => {
  await router.rtr.sh('mkdir -m 700 /run/wanhook');
  await hook('ppp9', 'other');
  expect(await router.rtr.sh('ls -A /run/wanhook')).toBe('');
  await hook('ppp0', 'line1');
  expect(await isUp()).toBe(true);
  const first = await kept();
  expect(first).toMatch(/ 600\n$/);
  // Other functions run where nothing is to be done: with them it is kept once more, and that is all.
  await hook('ppp0', 'line1');
  const both = await kept();
  expect(both).not.toBe(first);
  expect(await runs()).toEqual(['changed', 'unchanged']);
  await hook('ppp0', 'line1');
  await router.rtr.sh('ip rule del pref 20300');
  await hook('ppp0', 'line1');
  expect(await router.plan()).toEqual([]);
  expect(await kept()).toBe(both);
});

test.each([
  ['cut off', `head -c 5000 ${KEPT} >/run/cut; cat /run/cut >${KEPT}`],
  ['without code', `head -n 1 ${KEPT} >/run/cut; cat /run/cut >${KEPT}`],
  ['rubbish', `head -n 1 ${KEPT} >/run/cut; head -c 9000 /dev/urandom >>/run/cut; cat /run/cut >${KEPT}`],
  [
    'of another Node.js',
    `n=$(head -n 1 ${KEPT} | wc -c); printf '\\377' | dd of=${KEPT} bs=1 seek=$((n + 5)) conv=notrunc 2>&1`,
  ],
  [
    'of a bundle of the same length',
    `sed -i 's/no hook is called/no hook is kalled/' ${HOOKS}/ip-up.cjs; grep -q kalled ${HOOKS}/ip-up.cjs`,
  ],
])('kept code that is %s is not used, and made anew', async (_, spoil) => {
  await hook('ppp0', 'line1');
  await router.rtr.sh(spoil);
  const spoilt = await kept();
  await router.rtr.sh('ip rule del pref 20300');
  await hook('ppp0', 'line1');
  expect(await router.plan()).toEqual([]);
  expect(await kept()).not.toBe(spoilt);
  expect(await router.syslog()).toBe('');
});

test('it cannot be kept: the hook does its work all the same', async () => {
  await router.rtr.sh(`mkdir -m 700 /run/wanhook; mkdir ${KEPT}`);
  await hook('ppp0', 'line1');
  expect(await isUp()).toBe(true);
  expect(await router.syslog()).toBe('');
});
