import { join } from 'node:path';
import { GLOBAL_DEFAULTS } from './config/keys.ts';
import type { Loaded } from './config/load.ts';
import { decide, type Decision, type Early, type Known, type Surroundings } from './decide.ts';
import { nextFailback } from './desired/failback.ts';
import { explain, ProblemsError } from './errors.ts';
import { appendJournal } from './journal.ts';
import { hasGrown } from './kernel/additions.ts';
import { RefusedError, type Kernel } from './kernel/kernel.ts';
import { pasteable } from './kernel/render.ts';
import type { Config, Learned, LinkHealth, Op, State } from './model.ts';
import { Refusals } from './refusals.ts';
import { keepBindings, rememberMemory } from './remember.ts';
import { isSinceLook, whileChanging } from './state/changes.ts';
import { discardEvents, isTaken, pendingEvents, type Inbox } from './state/inbox.ts';
import { flowsEnded } from './state/live.ts';
import { sweepTemporaries } from './state/files.ts';
import { loadGoodConfig, saveGoodConfig } from './state/good-config.ts';
import { saveNames } from './state/names.ts';
import { isRepeat } from './state/record.ts';
import { forgetTrial, loadTrial, trialConfig, type TrialPlace } from './state/trial.ts';
import { isSameState, loadState, saveState } from './state/store.ts';
import { givenBack, stillOwed } from './state/sysctl-memory.ts';
import { tellOutside, type Outside } from './tell.ts';

export type { Early } from './decide.ts';

/** Everything the sequence touches, passed in. */
export interface World extends Surroundings, Outside, TrialPlace {
  readonly stateDirectory: string;
  readonly loadConfig: () => Loaded;
  /** What a hook's shell has looked up while node was starting; given once. */
  readonly earlyLook?: () => Early;
  /** The only event said nothing new; with that look and these sysctls it never will, whatever the clock says. */
  readonly settled?: (sysctls: SettledSysctls) => void;
  /** Come back at that time (epoch milliseconds) if nothing else does; undefined: no need. Must not fail. */
  readonly wakeAt: (due: number | undefined) => void;
  /** Told each command before it is carried out. */
  readonly echo: (command: string) => void;
  /** Run alone; undefined if, while waiting, the work turned out to be done (`noLongerNeeded`). */
  readonly alone: <T>(work: () => Promise<T>, noLongerNeeded?: () => boolean) => Promise<T | undefined>;
}

/** null: there was none. */
export type SettledSysctls = Readonly<Record<string, string | null>>;

export interface Options {
  /** For the journal: what set this off. */
  readonly cause: string;
  /** The event this run dropped: if another run has taken it, there is nothing left to do. */
  readonly eventPath?: string;
  /** Hooks go on with the last good configuration; commands refuse. */
  readonly lenient?: boolean;
  /** Look closely at what is seldom looked at; commands do. */
  readonly closely?: boolean;
  /** What is in /etc/wanhook, whatever `wanhook try` says: only `apply` and `plan` ask for that. */
  readonly fromDisk?: boolean;
  /** What a command has found out beforehand. */
  readonly learned?: Learned;
  /** What the monitor has found out about these links. */
  readonly health?: Readonly<Record<string, LinkHealth>>;
  /** The same about their IPv6. */
  readonly health6?: Readonly<Record<string, LinkHealth>>;
  /** There is no monitor: what it once said is nobody's word any more. */
  readonly unwatched?: boolean;
  /** Links that may take traffic again although their FAILBACK says to wait. */
  readonly release?: readonly string[];
  /** `apply` starts, `stop` stops; hooks leave it as it is. */
  readonly stopped?: boolean;
}

/** What a run saw and did. */
export interface Report extends Decision {
  /** Links that the kernel would not have, and how it said so; they are down, the others work. */
  readonly refused: ReadonlyMap<string, string>;
}

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

/** A dialled line's router is asked at once and answers soon, or when it is asked again, every 4 s; all may be slow. */
const ANSWERS_MS = [3_000, 10_000, 30_000];

/** When something changes of which nobody will be told: the end of a delay, of a router's advertisement; its answer. */
function nextLook({ statuses, statuses6, state }: Report, now: () => number): number | undefined {
  const asked = statuses6.flatMap(({ link, linkLocal }) =>
    linkLocal === undefined ? [] : ANSWERS_MS.map((ms) => (state.verdicts[link.name]?.since ?? 0) + ms),
  );
  const ends = statuses6.flatMap((status) => (status.up ? (status.expires ?? []) : []));
  const delays = [nextFailback(statuses) ?? Infinity, nextFailback(statuses6) ?? Infinity];
  const first = Math.min(
    ...delays,
    ...ends.map((end) => end + 1000),
    ...(asked.length === 0 ? [] : later(asked, now())),
  );
  return Number.isFinite(first) ? first : undefined;
}

const later = (moments: readonly number[], now: number) => moments.filter((at) => at > now);

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
    const state = readState(world, notes);
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
      world.settled?.(same.sysctls);
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

function readState(world: World, notes: string[]): State {
  const { state, damaged } = loadState(world.stateDirectory);
  if (damaged !== undefined) {
    notes.push(damaged);
    world.warn(damaged);
  }
  return state;
}

/** For the journal: what should be told, and which operations the kernel took. */
interface Diary {
  readonly notes: string[];
  readonly done: Op[];
}

/**
 * By what was seen before the lock was taken, is there nothing to do? Then that is all: it was seen after the event, and
 * whoever has changed anything since has a run of his own. Not for events of others: they may be newer than the look.
 * Anything else is decided by what the kernel holds now.
 */
async function nothingNew(world: World, known: Known, early: Early): Promise<SameReport | undefined> {
  const { config, state } = known;
  if (early.ip === undefined || config.balance !== 'flow' || state.memory !== undefined) return undefined;
  const { kernel, sysctls } = overheard(world.kernel);
  // Nor is the table of fail-closed flows looked at: that would be a process more than all of this needs.
  const decision = await decide({ ...world, kernel }, known, { ...early, watched: true });
  const isSame = decision.ops.length + decision.notes.length + decision.ending.size + decision.ending6.size === 0;
  if (!isSame || !isSameState(decision.state, state)) return undefined;
  return { ...decision, refused: new Map(), sysctls: sysctls() };
}

interface SameReport extends Report {
  /** What the kernel was asked besides the early look; undefined: more than sysctls. */
  readonly sysctls: SettledSysctls | undefined;
}

/** The kernel, and what it was asked. */
function overheard(kernel: Kernel): { kernel: Kernel; sysctls: () => SettledSysctls | undefined } {
  const heard: Record<string, string | null> = {};
  let isMore = false;
  const watched = new Proxy(kernel, {
    get(target, name) {
      if (name !== 'readSysctls') {
        isMore = true;
        return Reflect.get(target, name) as unknown;
      }
      return (keys: readonly string[]) => {
        const found = target.readSysctls(keys);
        for (const key of keys) heard[key] = found[key] ?? null;
        return found;
      };
    },
  });
  return { kernel: watched, sysctls: () => (isMore ? undefined : heard) };
}

/** A lock that is free is had in less. */
const FRESH_MS = 500;

/**
 * What was seen before the lock was taken, as far as it can be built on. All of it, if it was seen after the only event there
 * is, and no run of ours has changed anything since: then it is as good as another look, which would cost a process. What
 * others have changed meanwhile they may also change between any look and what follows from it: they have an event of
 * their own, and what the kernel then refuses is looked at again.
 */
function stillTrue(world: World, { pending }: Known, { eventPath }: Options, early: Early): Early {
  const { listing, watched = false, changes, age } = early;
  const isOnly = pending.length > 0 && pending.every(({ path }) => path === eventPath);
  // Whoever waited for the lock looks again: of an address or a carrier that came meanwhile nobody else may tell.
  const isFresh = age === undefined || age() < FRESH_MS;
  if (isOnly && isFresh && !isSinceLook(world.stateDirectory, changes)) return early;
  return listing === undefined ? {} : { listing, watched };
}

/** Decide and apply until the kernel takes it. The record is saved first: a crash from here on is repaired by the next run. */
async function settle(world: World, given: Known, seen: Early, { notes, done }: Diary): Promise<Report> {
  const refusals = new Refusals(given.config);
  let state = given.state;
  let early = seen;
  for (;;) {
    const decision = await decide(world, { ...given, state, refused: refusals.links }, early);
    early = {};
    // An old value is forgotten only when it has been given back.
    const safe: State = { ...decision.state, sysctls: { ...state.sysctls, ...decision.state.sysctls } };
    saveIfChanged(world, state, safe);
    state = safe;
    keepBindings(world, decision.bindings);
    try {
      const act = () => carryOut(world, decision.ops, done);
      const warnings = decision.ops.length === 0 ? [] : await whileChanging(world.stateDirectory, act);
      notes.push(...decision.notes, ...warnings);
      const carried = { ...decision, state: withOwedSysctls(world, safe, decision) };
      const after = rememberMemory(decision, await rememberDone(world, carried, done));
      saveIfChanged(world, safe, after);
      return { ...decision, state: after, refused: refusals.links };
    } catch (error) {
      const message = explain(error);
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
  if (load.added !== undefined && before !== undefined && !hasGrown(before, listing ?? '')) {
    await carryOut(world, [{ op: 'firewall-load', text: load.text }], done);
    listing = await world.kernel.listFirewall();
  }
  return listing === undefined ? ended : { ...ended, firewall: { text: load.text, listing } };
}

function saveIfChanged(world: World, before: State, state: State): void {
  if (!isSameState(state, before)) saveState(world.stateDirectory, state);
}

/** Stopping needs no configuration: what is ours is signed. */
const STOPPING: Config = { ...GLOBAL_DEFAULTS, lan: 'none', links: [] };

/** Hooks outlive somebody's half-finished edit: they go on with the last configuration that was whole, and say so. */
function chooseConfig(
  world: World,
  { lenient = false, fromDisk = false }: Pick<Options, 'lenient' | 'fromDisk'>,
  notes: string[],
  keep = false,
): Config {
  const held = fromDisk ? undefined : trialConfig(world);
  if (held !== undefined) return held;
  const { config, problems, files } = world.loadConfig();
  if (config !== undefined && keep) {
    saveGoodConfig(world.stateDirectory, files);
    saveNames(world.stateDirectory, config);
  }
  if (config !== undefined) return config;
  const good = lenient ? loadGoodConfig(world.stateDirectory) : undefined;
  const error = new ProblemsError(problems);
  if (good === undefined) throw error;
  const message = `going on with the last good configuration: ${explain(error)}`;
  notes.push(message);
  world.warn(message);
  return good;
}

/** The journal keeps one line an operation; the firewall's text can be had from `wanhook plan`. */
function journalWords(op: Op): string {
  if (op.op === 'memory-load') return 'nft -f - (table inet wanhook_memory)';
  if (op.op === 'firewall-delete') return 'nft delete table inet wanhook';
  if (op.op === 'firewall-load') return `nft -f - (table inet wanhook${op.added === undefined ? '' : ', additions'})`;
  return pasteable(op);
}
