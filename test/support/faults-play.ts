/**
 * Plays a scenario, and at each step at which wanhook does something plays that step again once for every point at which
 * it can go wrong. A point is one way for one operation of one step.
 */
import { explain } from '../../src/errors.ts';
import { gate, strikesOn, type Kind, type Operation, type Run, type Strike } from './faults-gate.ts';
import { createFaultWorld, type FaultWorld } from './faults-world.ts';
import { fakeSteps } from './world-fake-steps.ts';
import { waysOf, wrongWays, type Ways } from './world-lookup.ts';
import { playStep, type Steps } from './world-steps.ts';

export interface Counts {
  /** That there are, that were played, and that struck: the three must be the same for those chosen. */
  points: number;
  chosen: number;
  struck: number;
  operations: number;
  readonly byKind: Map<Kind, number>;
}

export const noCounts = (): Counts => ({ points: 0, chosen: 0, struck: 0, operations: 0, byKind: new Map() });

/** Which of so many points of a step are played: asked once for each step, in order. */
export type Choose = (points: number) => (n: number) => boolean;

interface Place {
  readonly world: FaultWorld;
  readonly steps: Steps;
}

/** What a step gives if nothing goes wrong, and what is without it; each with one further run. */
interface Want {
  readonly ways: Ways;
  readonly waysBefore: Ways;
  /** By the last good configuration: there may have been a change since, and that cannot be read. */
  readonly waysOfGood: Ways;
  readonly told: ReadonlySet<string>;
  readonly whole: ReadonlyMap<string, string>;
  readonly without: ReadonlyMap<string, string>;
  readonly others: string;
}

/** A run of anything: a command that looks closely, and what a hook does that has nothing of its own to tell. */
const FURTHER = ['wanhook apply', 'wanhook failback --due'] as const;

const isOurs = (step: string) => !/^(?:config|line|stranger|show|connection|the state|\d+ seconds)\b/.test(step);

export async function playFaults(scenario: string, choose: Choose, counts: Counts): Promise<string[]> {
  const world = Object.assign(createFaultWorld(), { looksEarly: true });
  const place = { world, steps: fakeSteps(world) };
  const wrong: string[] = [];
  for (const line of scenario.split('\n')) {
    if (!line.startsWith('> ') || line.startsWith('> show ')) continue;
    const step = line.slice(2);
    if (isOurs(step)) wrong.push(...(await strike(place, step, choose, counts)));
    else await playOther(place, step);
  }
  return wrong;
}

async function playOther({ world, steps }: Place, step: string): Promise<void> {
  const [first, map = '', ...element] = step.split(' ');
  const seconds = /^(\d+) seconds pass$/.exec(step)?.[1];
  if (seconds !== undefined) world.pass(Number(seconds));
  else if (first === 'connection') world.fake.remember(map, element.join(' '));
  else await playStep(steps, step);
  world.writeConfig();
}

/** One step of ours, with all its points; in the end it has been played as if nothing had happened. */
async function strike(place: Place, step: string, choose: Choose, counts: Counts): Promise<string[]> {
  const restore = place.world.snapshot();
  const waysBefore = waysOf(place.world.fake);
  const clean = await run(place, step);
  const chosen = allPoints(clean, choose, counts);
  const wrong: string[] = [];
  if (chosen.length > 0) {
    const want = await wanted(place, step, restore, waysBefore);
    for (const { strike: each, taken, then: usual } of chosen) {
      const point = { strike: each, taken, then: want.whole.has(usual) ? usual : FURTHER[1] };
      restore();
      const found = await playPoint(place, step, point, clean, want);
      counts.struck += found.struck ? 1 : 0;
      wrong.push(...found.wrong.map((what) => `${step}: ${words(point, clean.operations)}: ${what}`));
    }
    restore();
    await run(place, step);
  }
  return wrong;
}

function allPoints(
  { operations }: Run,
  choose: Choose,
  counts: Counts,
): { strike: Strike; taken: boolean; then: string }[] {
  const all = operations.flatMap(strikesOn);
  counts.operations += operations.length;
  counts.points += all.length;
  const isChosen = choose(all.length);
  const chosen = all.flatMap((strike, n) => {
    if (!isChosen(n)) return [];
    counts.byKind.set(strike.kind, (counts.byKind.get(strike.kind) ?? 0) + 1);
    // A dead owner's lock costs the next one 30 ms: mostly somebody else has paid them.
    return [{ strike, taken: n % 16 !== 0, then: FURTHER[n % FURTHER.length]! }];
  });
  counts.chosen += chosen.length;
  return chosen;
}

const words = (
  { strike: { at, part, kind }, then }: { strike: Strike; then: string },
  operations: readonly Operation[],
) => `${kind} at operation ${at} (${operations[at]?.name ?? '?'}), part ${part}, then ${then}`;

async function run({ world, steps }: Place, step: string, strike?: Strike): Promise<Run> {
  world.forgetWords();
  return gate.run(strike, () => playStep(steps, step));
}

async function wanted(place: Place, step: string, restore: () => void, waysBefore: Ways): Promise<Want> {
  const { world } = place;
  const [whole, without] = [new Map<string, string>(), new Map<string, string>()];
  let ways: Ways = new Map();
  let told: ReadonlySet<string> = new Set();
  const others = world.fake.others();
  restore();
  world.spoilConfig();
  await run(place, step);
  const waysOfGood = waysOf(world.fake);
  for (const then of FURTHER) {
    restore();
    await run(place, step);
    ways = waysOf(world.fake);
    const further = await run(place, then);
    // While somebody edits, commands refuse.
    if (further.error !== undefined) continue;
    told = world.toldOf();
    whole.set(then, world.whole());
    restore();
    await run(place, then);
    without.set(then, world.whole());
  }
  return { ways, waysBefore, waysOfGood, told, whole, without, others };
}

interface Found {
  readonly struck: boolean;
  readonly wrong: readonly string[];
}

async function playPoint(
  place: Place,
  step: string,
  { strike, taken, then }: { strike: Strike; taken: boolean; then: string },
  clean: Run,
  want: Want,
): Promise<Found> {
  const { world } = place;
  const wrong: string[] = [];
  const hit = await run(place, step, strike);
  const isTold = hit.killed || hit.error !== undefined || world.complained();
  world.bury(taken || !hit.killed);
  if (!hit.struck) wrong.push('was not reached');
  const [before, now] = [want.waysBefore, waysOf(world.fake)];
  const asWanted = wrongWays(before, want.ways, now);
  const isUnread = clean.operations[strike.at]?.ofConfig === true;
  if (!isUnread || wrongWays(before, want.waysOfGood, now).length > 0) wrong.push(...asWanted);
  if (world.fake.others() !== want.others) wrong.push('foreign objects were touched');
  const after = await run(place, then);
  if (after.error !== undefined) wrong.push(`the further run failed: ${explain(after.error)}`);
  const got = world.whole();
  if (got === want.whole.get(then)) {
    const untold = [...want.told].filter((event) => !world.toldOf().has(event));
    if (untold.length > 0) wrong.push(`scripts were not told of ${untold.join(', ')}`);
  } else if (got !== want.without.get(then) || !mayBeLost(step, clean, hit, strike)) {
    wrong.push(`does not converge:\n${difference(want.whole.get(then) ?? '', got)}`);
  } else if (!isTold) wrong.push('is lost without a word');
  return { struck: hit.struck, wrong };
}

/** An event that never reached the disk is lost; and a command that has said that it failed, or was not there to say so. */
function mayBeLost(step: string, { operations }: Run, { killed }: Run, { at }: Strike): boolean {
  const dropped = operations.findIndex(({ name }) => name.startsWith('rename events/'));
  const isCommand = dropped === -1 || (step.startsWith('wanhook ') && !killed);
  return isCommand || at <= dropped;
}

function difference(want: string, got: string): string {
  const [wanted, gotten] = [want.split('\n'), got.split('\n')];
  return [
    ...wanted.filter((line) => !gotten.includes(line)).map((line) => `    - ${line}`),
    ...gotten.filter((line) => !wanted.includes(line)).map((line) => `    + ${line}`),
  ]
    .slice(0, 12)
    .join('\n');
}
