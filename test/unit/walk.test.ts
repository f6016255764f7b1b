/**
 * Random walks: whatever happened, in whatever order, one `apply` gives what a fresh one gives on a fresh kernel; and
 * nobody else's objects are touched on the way. WALKS=100000 for a longer run, WALK=SEED for one.
 */
import { expect, test } from 'vitest';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { sysctlsOf } from '../support/world-scenario.ts';
import { playStep } from '../support/world-steps.ts';
import { untruths, walk, type Walk } from '../support/world-walk.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const WALKS = Number(process.env['WALKS'] ?? 1000);
const ONE = process.env['WALK'];
const SEEDS = ONE === undefined ? Array.from({ length: WALKS }, (_, n) => n + 1) : [Number(ONE)];
/** Sequences a test: a failure names its seed, and the others still run. */
const BATCH = 100;

/** wanhook acts in these; in between only others do. */
const isOurs = (step: string) => /^(?:ip-|ipv6-|dhclient|wanhook|monitor)/.test(step);

async function takeWalk({ steps }: Walk): Promise<TestWorld> {
  const world = createTestWorld();
  world.fake.addDevice('lan0');
  for (const cable of ['eth1', 'eth2']) {
    world.fake.addDevice(cable);
    world.fake.setUp(cable, true);
  }
  const on = fakeSteps(world);
  for (const [index, step] of steps.entries()) {
    const before = isOurs(step) ? world.fake.others() : undefined;
    try {
      await playStep(on, step);
      const wrong = world.errors.filter((error) => !error.startsWith('argument 4'));
      if (wrong.length > 0) throw new Error(`a hook failed: ${wrong.join('; ')}`);
      if (before !== undefined && world.fake.others() !== before) throw new Error('foreign objects were touched');
    } catch (cause) {
      // A command refuses while somebody is editing.
      if (step === 'wanhook apply' && world.loadConfig().config === undefined) continue;
      throw new Error(`step ${index}: ${step}`, { cause });
    }
    world.errors.length = 0;
  }
  return world;
}

/** Everything of ours in the kernel. */
function whole(world: TestWorld, withSysctls: boolean): string[] {
  const { fake } = world;
  return [
    ...fake.dump('ours').toSorted(),
    fake.firewall() ?? 'no firewall',
    ...(withSysctls ? sysctlsOf(fake.procSys) : []),
  ];
}

async function expectConverged(taken: Walk, world: TestWorld): Promise<void> {
  await world.apply();
  expect(await world.plan(), 'a second apply').toEqual([]);
  const ours = world.fake.dump('ours');
  expect(new Set(ours).size, 'twins').toBe(ours.length);

  const fresh = createTestWorld(world.files, world.fake.cloneWithoutOurs());
  const { links, verdicts, health, v6 } = world.state();
  fresh.writeState({ links, verdicts, ...(health && { health }), ...(v6 && { v6 }), sysctls: {}, stopped: false });
  await fresh.apply();
  expect(whole(world, !taken.lostState)).toEqual(whole(fresh, !taken.lostState));

  expect(untruths(taken, ours)).toEqual([]);
}

const batches = Array.from({ length: Math.ceil(SEEDS.length / BATCH) }, (_, n) =>
  SEEDS.slice(n * BATCH, (n + 1) * BATCH),
);

test.each(batches.map((seeds) => [seeds[0]!, seeds.at(-1)!, seeds] as const))(
  'walks %i to %i converge',
  async (_first, _last, seeds) => {
    for (const seed of seeds) {
      const taken = walk(seed, { length: 8 + (seed % 16), moves: seed % 2 === 0 });
      try {
        await expectConverged(taken, await takeWalk(taken));
      } catch (cause) {
        const script = taken.steps.map((step) => `> ${step}`).join('\n');
        throw new Error(`WALK=${seed}, as a scenario:\n${script}\n> wanhook apply`, { cause });
      }
    }
  },
  60_000,
);
