import { linkTable } from './desired/numbers.ts';
import { desiredFor, NOTHING } from './desired/desired.ts';
import { explain, ProblemsError } from './errors.ts';
import { appendJournal } from './journal.ts';
import type { Kernel } from './kernel/kernel.ts';
import { pasteable } from './kernel/render.ts';
import type { Config, Desired, Device, LinkStatus, Observed, Op, Problem, State } from './model.ts';
import { plan } from './plan.ts';
import { discardEvents, isTaken, pendingEvents, type PendingEvent } from './state/inbox.ts';
import { devicesWithoutGateway, linkStatuses, verdictsOf } from './state/live.ts';
import { recoverRecords } from './state/recover.ts';
import { recordEvent } from './state/record.ts';
import { loadGoodConfig, loadState, saveGoodConfig, saveState, encodeState } from './state/store.ts';
import { rememberSysctls, restoredSysctls } from './state/sysctl-memory.ts';

/** Everything the sequence touches, passed in. */
export interface World {
  readonly stateDirectory: string;
  readonly loadConfig: () => { config?: Config; problems: readonly Problem[] };
  readonly kernel: Kernel;
  /** Our nftables table as it was listed a moment ago, outside the lock. */
  readonly earlyListing?: () => string | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Told each command before it is carried out. */
  readonly echo: (command: string) => void;
  /** For what the user should know although the work goes on. */
  readonly warn: (message: string) => void;
  /** Run alone; undefined if, while waiting, the work turned out to be done (`noLongerNeeded`). */
  readonly alone: <T>(work: () => Promise<T>, noLongerNeeded?: () => boolean) => Promise<T | undefined>;
}

export interface Options {
  /** For the journal: what set this off. */
  readonly cause: string;
  /** The event this run dropped: if another run has taken it, there is nothing left to do. */
  readonly eventPath?: string;
  /** Hooks go on with the last good configuration; commands refuse. */
  readonly lenient?: boolean;
  /** `apply` starts, `stop` stops; hooks leave it as it is. */
  readonly stopped?: boolean;
}

/** What a run saw and did. */
export interface Report {
  readonly config: Config;
  readonly notes: readonly string[];
  readonly statuses: readonly LinkStatus[];
  readonly state: State;
  readonly ops: readonly Op[];
}

/** A device that vanishes between looking and acting makes the kernel refuse: look again. Bounded, for a refusal that stays. */
const ATTEMPTS = 4;
/** Events that came while we worked are taken at once, so that their runs can leave. */
const ROUNDS = 8;

/** The one sequence: record → observe → desired → plan → apply, alone. Undefined: another run did our work. */
export async function reconcile(world: World, options: Options): Promise<Report | undefined> {
  const taken = options.eventPath;
  return world.alone(
    async () => {
      if (taken !== undefined && isTaken(taken)) return undefined;
      let report = await once(world, options);
      for (let round = 1; round < ROUNDS && moreToDo(world, options); round++) report = await once(world, options);
      return report;
    },
    taken === undefined ? undefined : () => isTaken(taken),
  );
}

function moreToDo(world: World, { stopped }: Options): boolean {
  return stopped !== true && pendingEvents(world.stateDirectory).pending.length > 0;
}

/** What a run would do, without doing it: pending events are folded in, nothing is written. */
export async function preview(world: World, { lenient = false } = {}): Promise<Report> {
  const report = await world.alone(async () => {
    const config = chooseConfig(world, lenient, []);
    const { pending } = pendingEvents(world.stateDirectory);
    const { state } = loadState(world.stateDirectory);
    return decide(world, config, lenient ? state : { ...state, stopped: false }, pending, []);
  });
  if (report === undefined) throw new Error('preview waits for nobody');
  return report;
}

async function once(world: World, options: Options): Promise<Report> {
  const directory = world.stateDirectory;
  const started = world.now();
  const notes: string[] = [];
  // Without a configuration nobody can say whose they are: they wait for the next `apply`.
  const { pending, damaged } = options.stopped === true ? { pending: [], damaged: [] } : pendingEvents(directory);
  const cause =
    pending.length > 0 ? pending.map(({ event }) => `${event.source} ${event.cause} ${event.device}`) : [options.cause];
  damaged.forEach((path) => notes.push(`${path} is not an event, or one too many: removed`));
  let ops: readonly Op[] = [];
  const write = (error?: string) => {
    if (ops.length === 0 && notes.length === 0 && error === undefined) return;
    const changed = ops.map((op) => journalWords(op));
    const ms = world.now() - started;
    const time = new Date(started).toISOString();
    appendJournal(directory, { time, cause, changed, notes, ...(error !== undefined && { error }), ms });
  };
  try {
    const config = options.stopped === true ? STOPPING : chooseConfig(world, options.lenient === true, notes);
    if (options.stopped !== true) saveGoodConfig(directory, config);
    const loaded = loadState(directory);
    if (loaded.damaged !== undefined) {
      notes.push(loaded.damaged);
      world.warn(loaded.damaged);
    }
    const stopped = options.stopped ?? loaded.state.stopped;
    const report = await settle(world, config, { ...loaded.state, stopped }, pending, notes, (done) => (ops = done));
    discardEvents([...pending.map(({ path }) => path), ...damaged]);
    write();
    return report;
  } catch (error) {
    write(explain(error));
    throw error;
  }
}

/** Decide and apply until the kernel takes it. The record is saved first: a crash from here on is repaired by the next run. */
async function settle(
  world: World,
  config: Config,
  before: State,
  pending: readonly PendingEvent[],
  notes: string[],
  tell: (ops: readonly Op[]) => void,
): Promise<Report> {
  let known = before;
  for (let attempt = 1; ; attempt++) {
    const found: string[] = [];
    const report = await decide(world, config, known, pending, found);
    tell(report.ops);
    // An old value is forgotten only when it has been given back.
    const safe: State = { ...report.state, sysctls: { ...known.sysctls, ...report.state.sysctls } };
    saveIfChanged(world, known, safe);
    known = safe;
    try {
      report.ops.forEach((op) => world.echo(pasteable(op)));
      const warnings = await world.kernel.apply(report.ops);
      warnings.forEach((warning) => world.warn(warning));
      notes.push(...found, ...warnings);
      const state = await rememberFirewall(world, report);
      saveIfChanged(world, safe, state);
      return { ...report, state };
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      notes.push(`looked again: ${explain(error)}`);
    }
  }
}

/** The pure middle with what it must ask the kernel. */
async function decide(
  world: World,
  config: Config,
  before: State,
  pending: readonly PendingEvent[],
  notes: string[],
): Promise<Report> {
  const { kernel } = world;
  const ip = await kernel.observe();
  const listing = await listFirewall(world, before);
  const known = recoverRecords(config, before, ip.routes, (link) => linkTable(config, link));
  const recorded = recordAll(config, known, pending, ip.devices, notes);
  const gatewayless = devicesWithoutGateway(config, recorded, ip.devices);
  const mainGateways = gatewayless.length === 0 ? {} : await kernel.mainGateways(gatewayless);
  const statuses = linkStatuses(config, recorded, ip.devices, mainGateways);
  const wanted = recorded.stopped ? NOTHING : desiredFor(config, statuses);
  const sysctls = kernel.readSysctls([...Object.keys(wanted.sysctls), ...Object.keys(recorded.sysctls)]);
  const desired: Desired = { ...wanted, sysctls: restoredSysctls(recorded.sysctls, wanted.sysctls, sysctls) };
  const observed: Observed = { ...ip, sysctls, ...observedFirewall(recorded, listing) };
  const ops = plan(observed, desired);
  const state: State = {
    ...recorded,
    verdicts: recorded.stopped ? recorded.verdicts : verdictsOf(statuses, recorded.verdicts, world.now()),
    sysctls: rememberSysctls(recorded.sysctls, wanted.sysctls, sysctls),
  };
  return { config, notes, statuses, state, ops };
}

function recordAll(
  config: Config,
  state: State,
  pending: readonly PendingEvent[],
  devices: readonly Device[],
  notes: string[],
): State {
  return pending.reduce((current, { event }) => {
    const recorded = recordEvent(current, event, config, devices);
    if (recorded.ignored !== undefined) notes.push(`${event.cause} of ${event.device} ignored: ${recorded.ignored}`);
    return recorded.state;
  }, state);
}

/** What was listed early, outside the lock, can only confirm that nothing has changed since our last load. */
async function listFirewall({ kernel, earlyListing }: World, { firewall }: State): Promise<string | undefined> {
  const early = earlyListing?.();
  return early !== undefined && early === firewall?.listing ? early : kernel.listFirewall();
}

/** Is the table in the kernel still the one we loaded? */
function observedFirewall({ firewall }: State, listing: string | undefined): Pick<Observed, 'firewall'> {
  if (listing === undefined) return {};
  return { firewall: firewall?.listing === listing ? firewall.text : { changed: true } };
}

/** After a load, keep how the kernel lists it: nft rewrites what it is given, so only its own words can be compared. */
async function rememberFirewall(world: World, { ops, state }: Report): Promise<State> {
  const load = ops.find((op) => op.op === 'firewall-load');
  if (load === undefined) return state;
  const listing = await world.kernel.listFirewall();
  return listing === undefined ? state : { ...state, firewall: { text: load.text, listing } };
}

function saveIfChanged(world: World, before: State, state: State): void {
  if (encodeState(state) !== encodeState(before)) saveState(world.stateDirectory, state);
}

/** Stopping needs no configuration: what is ours is signed. */
const STOPPING: Config = { balance: 'flow', markMask: 0, tableBase: 0, prefBase: 0, lan: 'none', links: [] };

/** Hooks outlive somebody's half-finished edit: they go on with the last configuration that was whole, and say so. */
function chooseConfig(world: World, lenient: boolean, notes: string[]): Config {
  const { config, problems } = world.loadConfig();
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
  return op.op === 'firewall-load' ? 'nft -f - (table inet wanhook)' : pasteable(op);
}
