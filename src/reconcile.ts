import { join } from 'node:path';
import { chooseConfig, STOPPING } from './choose-config.ts';
import { decide, type Decision, type Known } from './decide.ts';
import { explain } from './errors.ts';
import { nothingNew, stillTrue } from './glance.ts';
import { appendJournal } from './journal.ts';
import { pasteable } from './kernel/render.ts';
import type { Op, State } from './model.ts';
import { nextLook } from './next-look.ts';
import { saveIfChanged, settle } from './settle.ts';
import { discardEvents, isTaken, pendingEvents, type Inbox } from './state/inbox.ts';
import { sweepTemporaries } from './state/files.ts';
import { isRepeat } from './state/record.ts';
import { recordStamp } from './state/stamps.ts';
import { isSameState, loadState, type StampedState } from './state/store.ts';
import { forgetTrial, loadTrial } from './state/trial.ts';
import { tellOutside } from './tell.ts';
import type { Options, Report, World } from './world.ts';

export type { Early } from './decide.ts';
export type { Options, Report, SettledSysctls, World } from './world.ts';

/** Events that came while we worked are taken at once, so that their runs can leave. */
const ROUNDS = 8;

/** The one sequence: record → observe → desired → plan → apply, alone. Undefined: another run did our work. */
export async function reconcile(world: World, options: Options): Promise<Report | undefined> {
  const taken = options.eventPath;
  return world.alone(
    async () => {
      if (taken !== undefined && isTaken(taken)) return undefined;
      sweep(world);
      const asked = { ...options, ...(isToStop(world, options) && { stopped: true }) };
      let report = await once(world, asked);
      if (asked.stopped === true && options.stopped !== true) forgetTrial(world);
      for (let round = 1; round < ROUNDS && moreToDo(world, asked); round++) report = await once(world, asked);
      world.wakeAt(report.state.stopped ? undefined : nextLook(report, world.now));
      return report;
    },
    taken === undefined ? undefined : () => isTaken(taken),
  );
}

/** A trial is over, and before it wanhook was stopped, or new: so it is again. */
function isToStop(world: World, { fromDisk, stopped }: Options): boolean {
  const trial = fromDisk === true || stopped === true ? undefined : loadTrial(world);
  return trial !== undefined && trial.left === 0 && trial.former === undefined;
}

/** Litter is no reason to stop. */
function sweep({ stateDirectory, libraryDirectory, warn }: World): void {
  try {
    const folders = ['events', 'hooks', 'uses', 'scripts'].map((name) => join(stateDirectory, name));
    sweepTemporaries(stateDirectory, ...folders, libraryDirectory);
  } catch (error) {
    warn(explain(error));
  }
}

function moreToDo(world: World, { stopped }: Options): boolean {
  return stopped !== true && pendingEvents(world.stateDirectory).pending.length > 0;
}

/** What a run would do, without doing it: pending events are folded in, nothing is written. */
export async function preview(
  world: World,
  { lenient = false, fromDisk = false }: Pick<Options, 'lenient' | 'fromDisk'> = {},
): Promise<Decision> {
  const report = await world.alone(async () => {
    const config = chooseConfig(world, { lenient, fromDisk }, []);
    const { pending } = pendingEvents(world.stateDirectory);
    const { state } = loadState(world.stateDirectory);
    const known = lenient ? state : { ...state, stopped: false };
    return decide(world, { config, state: known, pending, refused: new Map(), closely: !lenient });
  });
  if (report === undefined) throw new Error('preview waits for nobody');
  return report;
}

async function once(world: World, options: Options): Promise<Report> {
  const directory = world.stateDirectory;
  const started = world.now();
  const notes: string[] = [];
  const done: Op[] = [];
  // Without a configuration nobody can say whose they are: they wait for the next `apply`.
  const { pending, damaged } = options.stopped === true ? { pending: [], damaged: [] } : pendingEvents(directory);
  const cause =
    pending.length > 0 ? pending.map(({ event }) => `${event.source} ${event.cause} ${event.device}`) : [options.cause];
  tellDamaged(world, damaged, notes);
  const events: string[] = [];
  const time = new Date(started).toISOString();
  const write = (error?: string) => {
    if (done.length + notes.length + events.length === 0 && error === undefined) return;
    const changed = done.map((op) => journalWords(op));
    const ms = world.now() - started;
    const said = { ...(events.length > 0 && { events }), ...(error !== undefined && { error }) };
    appendJournal(directory, { time, cause, changed, notes, ...said, ms });
  };
  try {
    discardEvents(damaged.map(({ path }) => path));
    const config = options.stopped === true ? STOPPING : chooseConfig(world, options, notes, true);
    const state = readState(world, options.record, notes);
    const { learned = state.learned } = options;
    const told: State = { ...state, stopped: options.stopped ?? state.stopped, ...(learned && { learned }) };
    const before = released(judged(told, options), options.release);
    // At once: killed half-way, a stop must not be undone by the next hook, nor an `apply` by the flag it lifts.
    saveIfChanged(world, state, before);
    const early = world.earlyLook?.() ?? {};
    const { closely = options.lenient !== true } = options;
    const known: Known = { config, state: before, pending, refused: new Map(), closely };
    const isGlance = pending.every(({ path, event }) => path === options.eventPath && isRepeat(before, event, config));
    const same = isGlance ? await nothingNew(world, known, early) : undefined;
    const report = same ?? (await settle(world, known, stillTrue(world, known, options, early), { notes, done }));
    const outside = tellOutside(world, report, { time, source: cause.join(', ') });
    saveIfChanged(world, report.state, outside.state);
    events.push(...outside.events);
    notes.push(...outside.notes);
    discardEvents(pending.map(({ path }) => path));
    write();
    const isQuiet = events.length + notes.length === 0 && isSameState(outside.state, state);
    if (same?.sysctls !== undefined && isQuiet && nextLook(report, world.now) === undefined)
      world.settled?.(same.sysctls, recordStamp(directory));
    return { ...report, state: outside.state };
  } catch (error) {
    write(explain(error));
    throw error;
  }
}

/** Whoever can drop rubbish can drop a lot of it: syslog and the journal need not hold all. */
const MOST_TOLD = 3;

/** A hook that dropped rubbish has gone: syslog hears it from whoever took it. */
function tellDamaged({ warn }: World, damaged: Inbox['damaged'], notes: string[]): void {
  const all = damaged.flatMap(({ note }) => note ?? []);
  const told = all.length <= MOST_TOLD ? all : [...all.slice(0, MOST_TOLD), `and ${all.length - MOST_TOLD} more`];
  notes.push(...told);
  if (told.length > 0) warn(told.join('; '));
}

/** Whoever is stopped judges nobody. */
function judged(state: State, { health, health6, unwatched = false }: Options): State {
  const isOver = state.stopped || unwatched;
  const found: State = withVerdicts(state, health, isOver);
  return found.v6 === undefined ? found : { ...found, v6: withVerdicts(found.v6, health6, isOver) };
}

function withVerdicts<T extends Pick<State, 'health'>>(known: T, said: State['health'] = {}, isOver: boolean) {
  const { health, ...rest } = known;
  if (isOver) return rest;
  return Object.keys(said).length === 0 ? known : { ...known, health: { ...health, ...said } };
}

/** Forget that these links were ever lost. */
function released(state: State, names: readonly string[] = []): State {
  if (names.length === 0) return state;
  const without = (failback: State['failback'] = {}) =>
    Object.fromEntries(Object.entries(failback).filter(([name]) => !names.includes(name)));
  const { v6 } = state;
  const six = v6 && { v6: { ...v6, failback: without(v6.failback) } };
  return { ...state, failback: without(state.failback), ...six };
}

/** Again, unless nobody has written it since it was read. */
function readState(world: World, read: StampedState | undefined, notes: string[]): State {
  const { stateDirectory } = world;
  const isSame = read !== undefined && read.stamp === recordStamp(stateDirectory);
  const { state, damaged } = isSame ? read : loadState(stateDirectory);
  if (damaged !== undefined) {
    notes.push(damaged);
    world.warn(damaged);
  }
  return state;
}

/** The journal keeps one line an operation; the firewall's text can be had from `wanhook plan`. */
function journalWords(op: Op): string {
  if (op.op === 'memory-load') return 'nft -f - (table inet wanhook_memory)';
  if (op.op === 'firewall-delete') return 'nft delete table inet wanhook';
  if (op.op === 'firewall-load') return `nft -f - (table inet wanhook${op.added === undefined ? '' : ', additions'})`;
  return pasteable(op);
}
