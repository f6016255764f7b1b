/**
 * The random walks of test/unit/walk.test.ts on the real kernel, through the built hooks and command, in the lab's
 * router: one `apply` after anything gives what an `apply` gives to a kernel without anything of ours.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normalListing } from '../../src/kernel/observe.ts';
import type { State } from '../../src/model.ts';
import { createRouter, type Router } from '../support/router.ts';
import { dumpLines, dumpLines6, parseDump, READ_ALL, READ_ALL6 } from '../support/world-dump.ts';
import { labSteps } from '../support/world-lab-steps.ts';
import { playStep } from '../support/world-steps.ts';
import { untruths, walk, type Walk } from '../support/world-walk.ts';

const WALKS = Number(process.env['KERNEL_WALKS'] ?? 30);
const ONE = process.env['WALK'];
const SEEDS = ONE === undefined ? Array.from({ length: WALKS }, (_, n) => n + 1) : [Number(ONE)];

async function dump({ rtr }: Router, whose: 'ours' | 'others'): Promise<string[]> {
  const read = async (family: readonly string[], commands: readonly string[]) => {
    const batch = { stdin: `${commands.join('\n')}\n` };
    return parseDump((await rtr.run(['ip', ...family, '-N', '-j', '-batch', '-'], batch)).stdout);
  };
  const [rules6, routes6] = await read(['-6'], READ_ALL6);
  return [...dumpLines(await read([], READ_ALL), whose).toSorted(), ...dumpLines6([rules6, routes6], whose).toSorted()];
}

async function ours(router: Router): Promise<string[]> {
  const { stdout } = await router.rtr.run(['nft', '-s', 'list', 'table', 'inet', 'wanhook'], { check: false });
  return [...(await dump(router, 'ours')), normalListing(stdout)];
}

/** Everything of ours goes by its signature alone, and what the state knows of it; the record of the lines stays. */
async function strip(router: Router): Promise<void> {
  const { rtr } = router;
  const rules = await dump(router, 'ours');
  for (const [family, start] of [
    ['-4', 'ip rule add'],
    ['-6', 'ip -6 rule add'],
  ] as const) {
    const deletions = rules.filter((line) => line.startsWith(start)).map((line) => line.replace(start, 'rule del'));
    await rtr.run(['ip', family, '-batch', '-'], { stdin: deletions.join('\n') });
  }
  await rtr.sh(
    'ip nexthop flush proto 201; ip route flush table all proto 201; ip -6 route flush table all proto 201; ip neigh flush proto 201 nud all; nft delete table inet wanhook || :',
  );
  const state = JSON.parse(await rtr.sh('cat /run/wanhook/state.json')) as State;
  const kept = { ...state, firewall: undefined, sysctls: {} };
  await rtr.sh('cat >/run/wanhook/state.json', { stdin: JSON.stringify(kept) });
  expect(await dump(router, 'ours')).toEqual([]);
}

/** As after boot, but for the namespaces. */
async function reset(router: Router): Promise<void> {
  await router.wanhook('stop');
  await router.rtr.sh(`rm -rf /run/wanhook /etc/wanhook/*; mkdir -p /etc/wanhook/links
    ip -4 rule flush; ip rule add pref 32766 lookup 254 2>/dev/null || :; ip rule add pref 32767 lookup 253 2>/dev/null || :
    ip nexthop flush; ip route flush type blackhole
    for device in ppp0 ppp1; do ip link del $device 2>/dev/null || :; done
    for device in eth1 eth2; do ip addr flush dev $device; ip link set $device down; ip link set $device up; done`);
  for (const line of router.lines) await router.lineHangup(line.index).catch(() => undefined);
}

async function expectConverged(router: Router, taken: Walk): Promise<void> {
  const others = await dump(router, 'others');
  await router.must('apply');
  expect(await router.plan(), 'a second apply').toEqual([]);
  const walked = await ours(router);
  expect(new Set(walked).size, 'twins').toBe(walked.length);
  await strip(router);
  await router.must('apply');
  expect(await ours(router), 'the same on a kernel without anything of ours').toEqual(walked);
  expect(await dump(router, 'others'), 'foreign objects').toEqual(others);
  expect(untruths(taken, walked)).toEqual([]);
}

describe('random walks on the real kernel', () => {
  let router: Router;
  beforeAll(async () => {
    router = await createRouter({ links: ['ppp', 'ppp', 'dhcp', { kind: 'dhcp', address: '198.51.100.3' }] });
  });
  afterAll(() => router.destroy());

  test.each(SEEDS)('walk %i converges', async (seed) => {
    await reset(router);
    const taken = walk(seed, { length: 8 + (seed % 10), moves: false });
    const on = labSteps(router);
    try {
      for (const step of taken.steps) await playStep(on, step);
      await expectConverged(router, taken);
    } catch (cause) {
      const script = taken.steps.map((step) => `> ${step}`).join('\n');
      throw new Error(`WALK=${seed}, as a scenario:\n${script}\n> wanhook apply`, { cause });
    }
  });
});
