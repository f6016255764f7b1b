/** Takes a random walk on the fake kernel, and looks after each step whether all is as a fresh `apply` would have made it. */
import { inOrder } from './fake-kernel-nft.ts';
import { createFaultWorld, type FaultWorld } from './faults-world.ts';
import { gate } from './faults-gate.ts';
import { fakeSteps } from './world-fake-steps.ts';
import { sysctlsOf } from './world-scenario.ts';
import { clearScratch } from './world-scratch.ts';
import { playStep } from './world-steps.ts';
import { untruths, type Walk } from './world-walk.ts';
import { createTestWorld, type TestWorld } from './world.ts';

/** wanhook acts in these; in between only others do. */
const isOurs = (step: string) => !/^(?:config|line|stranger|the state)\b/.test(step);
const isRuin = (step: string) => step.startsWith('struck ');

/** Every so many steps all of it is compared with a fresh apply; after the others only what is left to do. */
const FRESH_EACH = 4;

/** In a world of its own; that of the walk before is no more. */
export async function takeWalk(taken: Walk, looksEarly: boolean): Promise<FaultWorld> {
  clearScratch();
  const world = Object.assign(createFaultWorld(), { looksEarly });
  world.fake.addDevice('lan0');
  for (const cable of ['eth1', 'eth2']) {
    world.fake.addDevice(cable);
    world.fake.setUp(cable, true);
  }
  const on = fakeSteps(world, async (kind, at, work) => {
    await gate.run({ at, part: 0, kind }, work);
    world.bury(false);
  });
  for (const [index, step] of taken.steps.entries()) {
    try {
      await takeStep(world, step, () => playStep(on, step));
      if (isOurs(step) && !isRuin(step)) await expectFresh(taken, world, index % FRESH_EACH === 0);
    } catch (cause) {
      throw new Error(`step ${index}: ${step}`, { cause });
    }
    world.forgetWords();
  }
  return world;
}

async function takeStep(world: FaultWorld, step: string, play: () => Promise<void>): Promise<void> {
  const before = isOurs(step) ? world.fake.others() : undefined;
  try {
    await play();
  } catch (error) {
    // A command refuses while somebody is editing.
    if (!step.includes('wanhook apply') || world.loadConfig().config !== undefined) throw error;
  }
  world.writeConfig();
  const wrong = world.errors.filter((error) => !error.startsWith('argument 4'));
  if (wrong.length > 0 && !isRuin(step)) throw new Error(`a hook failed: ${wrong.join('; ')}`);
  if (before !== undefined && world.fake.others() !== before) throw new Error('foreign objects were touched');
}

/** Everything of ours in the kernel. Only commands find out whether it manages neighbours; until then they are left alone. */
function whole({ fake }: TestWorld, withSysctls: boolean, withNeighbours: boolean): string[] {
  return [
    ...fake
      .dump('ours')
      .filter((line) => withNeighbours || !line.startsWith('ip neigh '))
      .toSorted(),
    inOrder(fake.firewall()) ?? 'no firewall',
    fake.memory() === undefined ? 'no memory' : 'a memory',
    ...(withSysctls ? sysctlsOf(fake.procSys) : []),
  ];
}

/** After a run: nothing is left to do, nothing is there twice; and, if asked, nothing is otherwise than on a fresh kernel. */
async function expectFresh(taken: Walk, world: FaultWorld, closely: boolean): Promise<void> {
  const ours = world.fake.dump('ours');
  const twins = ours.filter((line, n) => ours.indexOf(line) !== n);
  if (twins.length > 0) throw new Error(`twins: ${twins.join(', ')}`);
  if (world.state().stopped || world.loadConfig().config === undefined || world.idle()) return;
  const left = await world.plan();
  if (left.length > 0) throw new Error(`still to do: ${JSON.stringify(left)}`);
  if (!closely) return;
  const known = [!taken.lostState, world.state().learned?.managedNeighbours === true] as const;
  const [got, want] = [whole(world, ...known), whole(await freshly(world), ...known)];
  const wrong = [
    ...want.filter((line) => !got.includes(line)).map((line) => `is missing: ${line}`),
    ...got.filter((line) => !want.includes(line)).map((line) => `is too much: ${line}`),
  ];
  if (wrong.length > 0) throw new Error(`not as after a fresh apply: ${wrong.join('\n')}`);
}

/** A kernel without anything of ours, the same record of the lines, and one apply. */
async function freshly(world: TestWorld): Promise<TestWorld> {
  const fresh = createTestWorld(world.files, world.fake.cloneWithoutOurs());
  const { links, verdicts, health, failback, v6 } = world.state();
  const judged = { ...(health && { health }), ...(failback && { failback }), ...(v6 && { v6 }) };
  fresh.writeState({ links, verdicts, ...judged, sysctls: {}, stopped: false });
  fresh.pass((world.now() - fresh.now()) / 1000);
  await fresh.apply();
  return fresh;
}

/** The end of the walk: one apply makes all good, and what it makes is not only the same as a fresh one's, but right. */
export async function expectConverged(taken: Walk, world: FaultWorld): Promise<void> {
  await world.apply();
  await expectFresh(taken, world, true);
  const wrong = untruths(taken, world.fake.dump('ours'));
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}
