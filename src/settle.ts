import { decide, type Decision, type Early, type Known } from './decide.ts';
import { explain } from './errors.ts';
import { hasGrown } from './kernel/additions.ts';
import { RefusedError } from './kernel/kernel.ts';
import { normalListing } from './kernel/observe.ts';
import { pasteable } from './kernel/render.ts';
import type { Op, State } from './model.ts';
import { Refusals } from './refusals.ts';
import { keepBindings, rememberMemory } from './remember.ts';
import { nothingToChange, whileChanging } from './state/changes.ts';
import { flowsEnded } from './state/live.ts';
import { isSameState, saveState } from './state/store.ts';
import { givenBack, stillOwed } from './state/sysctl-memory.ts';
import type { Report, World } from './world.ts';

/** For the journal: what should be told, and which operations the kernel took. */
interface Diary {
  readonly notes: string[];
  readonly done: Op[];
}

/** Decide and apply until the kernel takes it. The record is saved first: a crash from here on is repaired by the next run. */
export async function settle(world: World, given: Known, seen: Early, { notes, done }: Diary): Promise<Report> {
  const refusals = new Refusals(given.config);
  let state = given.state;
  let early = seen;
  let hand = seen.kernel === undefined ? world : { ...world, kernel: seen.kernel };
  for (;;) {
    const decision = await decide(world, { ...given, state, refused: refusals.links }, early);
    early = {};
    // An old value is forgotten only when it has been given back.
    const safe: State = { ...decision.state, sysctls: { ...state.sysctls, ...decision.state.sysctls } };
    saveIfChanged(world, state, safe);
    state = safe;
    keepBindings(world, decision.bindings);
    try {
      const act = () => carryOut(hand, decision.ops, done);
      if (decision.ops.length === 0) nothingToChange(world.stateDirectory);
      const warnings = decision.ops.length === 0 ? [] : await whileChanging(world.stateDirectory, act);
      notes.push(...decision.notes, ...warnings);
      const carried = { ...decision, state: withOwedSysctls(world, safe, decision) };
      const after = rememberMemory(decision, await rememberDone(world, carried, done));
      saveIfChanged(world, safe, after);
      return { ...decision, state: after, refused: refusals.links };
    } catch (error) {
      const message = explain(error);
      hand = world;
      if (!refusals.note(error)) throw error;
      notes.push(`looked again: ${message}`);
      if (refusals.isNew()) world.warn(message);
    }
  }
}

/** An old value is forgotten only when it has been given back: looked at where one was to be. */
function withOwedSysctls({ kernel }: World, before: State, { ops, state }: Decision): State {
  const back = givenBack(before.sysctls, state.sysctls, ops);
  const keys = Object.keys(back);
  if (keys.length === 0) return state;
  return { ...state, sysctls: stillOwed(before.sysctls, state.sysctls, back, kernel.readSysctls(keys)) };
}

async function carryOut(world: World, ops: readonly Op[], done: Op[]): Promise<string[]> {
  try {
    const warnings = await world.kernel.apply(ops, (op) => {
      world.echo(pasteable(op));
      done.push(op);
    });
    warnings.forEach((warning) => world.warn(warning));
    return warnings;
  } catch (error) {
    if (error instanceof RefusedError) done.splice(Math.max(0, done.length - error.undone));
    throw error;
  }
}

/**
 * After a load, keep how the kernel lists the table: nft rewrites what it is given, so only its own words can be compared.
 * And which links' flows have been ended.
 */
async function rememberDone(world: World, { ops, state, ending, ending6 }: Decision, done: Op[]): Promise<State> {
  const { v6 } = state;
  const ended: State = {
    ...state,
    ...(ending.size > 0 && { verdicts: flowsEnded(state.verdicts, ending) }),
    ...(v6 !== undefined && ending6.size > 0 && { v6: { ...v6, verdicts: flowsEnded(v6.verdicts, ending6) } }),
  };
  // Nothing is there to be compared with, or to be taken away once more.
  if (ops.some(({ op }) => op === 'firewall-delete')) return { ...ended, firewall: { text: '', listing: '' } };
  const load = ops.find((op) => op.op === 'firewall-load');
  if (load === undefined) return ended;
  let listing = await world.kernel.listFirewall();
  const before = state.firewall?.listing;
  if (
    load.added !== undefined &&
    before !== undefined &&
    !hasGrown(normalListing(before), normalListing(listing ?? ''))
  ) {
    await carryOut(world, [{ op: 'firewall-load', text: load.text }], done);
    listing = await world.kernel.listFirewall();
  }
  return listing === undefined ? ended : { ...ended, firewall: { text: load.text, listing } };
}

export function saveIfChanged(world: World, before: State, state: State): void {
  if (!isSameState(state, before)) saveState(world.stateDirectory, state);
}
