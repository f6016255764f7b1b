import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { runProgram } from './cli/program.ts';
import { writeTableNames } from './cli/table-names.ts';
import { terminal } from './cli/terminal.ts';
import { watchedOutput } from './cli/output.ts';
import { configReader } from './config/load.ts';
import { earlyLook, type SeenEarly } from './early-look.ts';
import { EXIT, explain, WanhookError } from './errors.ts';
import type { ParsedHook } from './events/hook-input.ts';
import { parseHook, type HookName } from './events/hooks.ts';
import { appendJournal } from './journal.ts';
import { createKernel } from './kernel/kernel.ts';
import { BRIEFLY_MS } from './kernel/look.ts';
import { acceptsTable, managesNeighbours, resolveName } from './kernel/ask.ts';
import { spawnDetached } from './kernel/detached.ts';
import { flockDescriptor, spawnRunner, type Runner } from './kernel/runner.ts';
import { lookAround } from './kernel/look-around.ts';
import { scriptNames } from './kernel/scripts.ts';
import { wakeAt } from './kernel/sleeper.ts';
import { isHeld, withLock } from './lock.ts';
import { toSyslog } from './log.ts';
import type { Config, LinkEvent } from './model.ts';
import { reconcile, type Early, type Options, type SettledSysctls, type World } from './reconcile.ts';
import { saysNothingNew } from './nothing-new.ts';
import { makePrivateDirectory, readIfThere, requirePrivate, writeAtomically } from './state/files.ts';
import { dropEvent } from './state/inbox.ts';
import { startTime } from './start-time.ts';
import { findLink } from './state/record.ts';
import { keepConfig, keptConfig } from './state/kept-config.ts';
import { keepSettled, type HookCall } from './state/settled.ts';
import type { Stamps } from './state/stamps.ts';
import { loadStamped, loadState, type StampedState } from './state/store.ts';
import { loadGoodConfig } from './state/good-config.ts';
import { loadTrial, trialConfig, trialNotice, type Uptime } from './state/trial.ts';
import { queuedEvents, queueEvent, type Variables } from './state/script-queue.ts';

/** Wiring; the only reader of the process's arguments and environment, and the only place that exits. */

const CONFIG_DIRECTORY = '/etc/wanhook';
const SCRIPT_DIRECTORY = join(CONFIG_DIRECTORY, 'events.d');
const STATE_DIRECTORY = '/run/wanhook';
const SCRIPT_LOCK = join(STATE_DIRECTORY, 'scripts.lock');
const LIBRARY_DIRECTORY = '/var/lib/wanhook';
/** A hook waits this long for its turn: dhclient waits for the hook, and its shortest useful lease is longer. */
const LOCK_WAIT_MS = 20_000;

const readConfig = configReader(CONFIG_DIRECTORY);

/** src/lean/load.cjs gives it to the bundle that it runs. */
declare const keepCode: ((run: 'changed' | 'unchanged') => void) | undefined;

type Program = typeof runProgram;
type Voice = Pick<World, 'echo' | 'warn'>;

/** Before anything in there is believed or written. */
function requireOwnDirectories(): void {
  [STATE_DIRECTORY, LIBRARY_DIRECTORY].forEach(requirePrivate);
}

function openWorld(runner: Runner, voice: Voice): World {
  requireOwnDirectories();
  return {
    stateDirectory: STATE_DIRECTORY,
    libraryDirectory: LIBRARY_DIRECTORY,
    loadConfig: readConfig,
    kernel: createKernel(runner),
    now: () => Date.now(),
    uptime,
    wakeAt: comeBackAt,
    tell: tellScripts,
    alone: async (work, noLongerNeeded) => {
      makePrivateDirectory(STATE_DIRECTORY);
      const options = { waitMs: LOCK_WAIT_MS, flock: flockDescriptor, ...(noLongerNeeded && { noLongerNeeded }) };
      return withLock(join(STATE_DIRECTORY, 'lock'), options, work);
    },
    ...voice,
  };
}

/** CLOCK_MONOTONIC, of this boot; a container has its machine's, and an init of its own. */
function uptime(): Uptime {
  const boot = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}.${startTime(1) ?? ''}`;
  return { boot, ms: Number(process.hrtime.bigint() / 1_000_000n) };
}

const TRIAL_PLACE = { libraryDirectory: LIBRARY_DIRECTORY, uptime };

/** A service that is being restarted may still be ending. */
const OTHER_ENDS_MS = 5_000;

function aloneAs<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  makePrivateDirectory(STATE_DIRECTORY);
  return withLock(join(STATE_DIRECTORY, `${name}.lock`), { waitMs: OTHER_ENDS_MS, flock: flockDescriptor }, work);
}

/** The hooks and the command are installed side by side. */
const ownCommand = (): string => join(dirname(process.argv[1] ?? ''), 'wanhook.cjs');

/**
 * A service's sandbox is no place for the user's scripts (no new privileges: no mail): there systemd starts their runner
 * when it sees the queue. Whoever we start is in the sandbox, too.
 */
const IN_SERVICE = process.env['WANHOOK_SCRIPTS'] === 'service' ? ['/usr/bin/env', 'WANHOOK_SCRIPTS=service'] : [];

function comeBackAt(due: number | undefined): void {
  try {
    sleepUntil('failback.sleeper', [...IN_SERVICE, process.execPath, ownCommand(), 'failback', '--due'], due);
  } catch {
    // The next event decides instead.
  }
}

function sleepUntil(name: string, command: readonly string[], due: number | undefined): void {
  const path = join(STATE_DIRECTORY, name);
  const note = { read: () => readIfThere(path), write: (text: string) => writeAtomically(path, text) };
  wakeAt(note, command, due, Date.now());
}

/**
 * Two, where there is systemd: logind may end all that a session has started when its terminal goes (KillUserProcesses), but
 * not a timer; and a timer may be refused. Whoever comes second finds it done.
 */
function watchTrial(seconds: number): void {
  const command = [process.execPath, ownCommand(), 'rollback', '--due'];
  sleepUntil('trial.sleeper', command, Date.now() + seconds * 1000);
  if (!existsSync('/run/systemd/system')) return;
  const timer = ['--quiet', '--collect', `--on-active=${seconds}`, '--timer-property=AccuracySec=100ms'];
  spawnDetached('systemd-run', [...timer, '--', ...command]);
}

/**
 * Nobody waits for the user's scripts: one detached runner works the queue off. It looks once more when it has let go of
 * its lock, so while that is held none is started; one that was killed is followed by another at the next event.
 */
function tellScripts(events: readonly Variables[]): string[] {
  const notes =
    events.length > 0 && scriptNames(SCRIPT_DIRECTORY).length > 0
      ? events.flatMap((event) => queueEvent(STATE_DIRECTORY, event))
      : [];
  if (IN_SERVICE.length === 0 && queuedEvents(STATE_DIRECTORY).length > 0 && !isHeld(SCRIPT_LOCK)) {
    spawnDetached(process.execPath, [ownCommand(), 'run-scripts']);
  }
  return notes;
}

/** A daemon's hook: whatever happens, it exits 0; what went wrong is in syslog and the journal. */
export function runHook(name: HookName): Promise<void> {
  const parsed = parseHook(name, { args: process.argv.slice(2), env: process.env });
  // Said once more, it may be done before this bundle is loaded (load.cjs, hooks/settled.ts).
  const call = { bundle: bundleOf(name), args: process.argv.slice(2), env: process.env };
  return inHook((warn) => hook(parsed, call, warn));
}

/** load.cjs stands beside them. */
const bundleOf = (hook: string) => join(dirname(process.argv[1] ?? ''), `${hook}.cjs`);

/** What other hooks have dropped, and nobody has taken. */
export function runPending(): Promise<void> {
  return inHook((warn) => reconcileHere(hookRun(bundleOf('pending'), warn), { cause: 'hook', lenient: true }, warn));
}

async function inHook(work: (warn: (message: string) => void) => Promise<void>): Promise<void> {
  const warnings: string[] = [];
  try {
    requireOwnDirectories();
    await work((message) => warnings.push(message));
    if (warnings.length > 0) await toSyslog(spawnRunner, 'warning', warnings.join('\n'));
  } catch (error) {
    await toSyslog(spawnRunner, 'err', explain(error));
  }
  process.exit(EXIT.done);
}

async function hook(parsed: ParsedHook, call: HookCall, warn: (message: string) => void): Promise<void> {
  if ('ignored' in parsed) return;
  if ('problems' in parsed) {
    const error = `hook arguments not usable, routing left as it is: ${parsed.problems.join('; ')}`;
    tellJournal(error);
    throw new WanhookError(error);
  }
  const { event } = parsed;
  // run-hook.sh has found a line's very name; 60 files are parsed again under the lock.
  if (process.env['WANHOOK_NAMED'] !== 'yes' && !isOurs(event)) return;
  const run = hookRun(call.bundle, warn, call);
  const record = event.kind === 'down' ? undefined : readRecord();
  const look = () => run.look(BRIEFLY_MS);
  if (record !== undefined && (await saysNothingNew(run.world, event, record, look))) {
    keepCodeOf('unchanged');
    return;
  }
  const eventPath = dropEvent(STATE_DIRECTORY, event, startedAt());
  await reconcileHere(run, { cause: event.cause, eventPath, lenient: true, ...(record && { record }) }, warn);
}

/** What is wrong with it is told by whoever has the lock. */
function readRecord(): StampedState | undefined {
  try {
    return loadStamped(STATE_DIRECTORY);
  } catch {
    return undefined;
  }
}

/** When run-hook.sh began: what another hook has dropped meanwhile is newer. */
function startedAt(): string | undefined {
  const ticks = process.env['WANHOOK_STARTED'] ?? '';
  return /^\d{1,20}$/.test(ticks) ? ticks : undefined;
}

/** What a hook's run works with. */
interface HookRun {
  readonly world: World;
  /** Once it was whole, the same again. `waitMs`: default 10 s from the start. */
  readonly look: (waitMs?: number) => SeenEarly;
}

function hookRun(bundle: string, warn: (message: string) => void, call?: HookCall): HookRun {
  let seen: SeenEarly | undefined;
  const look = (waitMs?: number) => {
    seen ??= earlyLook(STATE_DIRECTORY, process.env['WANHOOK_LOOK'], process.env['WANHOOK_CHANGES'] ?? '', waitMs);
    if (waitMs === undefined) seen ??= {};
    return seen ?? {};
  };
  let isGiven = false;
  const once = () => {
    const given: Early = isGiven ? {} : look();
    isGiven = true;
    return given;
  };
  let warned = false;
  const voice: Voice = {
    echo: () => undefined,
    warn: (message) => {
      warned = true;
      warn(message);
    },
  };
  const keeper = { stateDirectory: STATE_DIRECTORY, configDirectory: CONFIG_DIRECTORY, bundle };
  let files: Stamps | undefined;
  const kept = {
    read: () => {
      const found = keptConfig(keeper);
      files = found?.files;
      return found?.config;
    },
    keep: (config: Config) => keepConfig(keeper, config, startedAtEpoch()),
  };
  const settled: World['settled'] = (sysctls, record) => {
    if (call !== undefined && !warned)
      rememberSettled(call, look(), { sysctls, record, ...(files && { config: files }) });
  };
  return { look, world: { ...openWorld(spawnRunner, voice), keptConfig: kept, earlyLook: once, settled } };
}

async function reconcileHere(
  { world, look }: HookRun,
  options: Options,
  warn: (message: string) => void,
): Promise<void> {
  // Read before the lock is taken: nobody may hang with it on a command that hangs.
  look();
  const report = await reconcile(world, options);
  const notice = trialNotice(loadTrial(TRIAL_PLACE));
  if (notice !== undefined) warn(notice);
  if (report !== undefined) keepCodeOf(report.ops.length > 0 ? 'changed' : 'unchanged');
}

/** Only load.cjs can keep it. */
function keepCodeOf(run: 'changed' | 'unchanged'): void {
  if (typeof keepCode === 'function') keepCode(run);
}

/** Not `performance`: see kernel/wait.ts. */
const startedAtEpoch = () => Date.now() - process.uptime() * 1000;

const SETTLED_PLACE = {
  stateDirectory: STATE_DIRECTORY,
  configDirectory: CONFIG_DIRECTORY,
  libraryDirectory: LIBRARY_DIRECTORY,
};

function rememberSettled(
  call: HookCall,
  { text, changes }: SeenEarly,
  found: { readonly sysctls: SettledSysctls; readonly record: string; readonly config?: Stamps },
): void {
  if (text === undefined || changes === undefined) return;
  try {
    keepSettled(SETTLED_PLACE, call, { look: text(), changes, ...found, began: startedAtEpoch() });
  } catch {
    // No room: the next one decides again.
  }
}

/** Decided before anything is written. With no usable configuration at all, the event is kept for when there is one. */
function isOurs(event: LinkEvent): boolean {
  const config = trialConfig(TRIAL_PLACE) ?? readConfig().config ?? loadGoodConfig(STATE_DIRECTORY);
  if (config === undefined || findLink(config, event) !== undefined) return true;
  const isDhcpv6 = event.source !== 'pppd' && (event.family === 6 || event.prefixes !== undefined);
  return isDhcpv6 && findLink(config, event, loadState(STATE_DIRECTORY).state.links) !== undefined;
}

/** A hostile server may send rubbish for ever: the journal is bounded, and made only where wanhook already works. */
function tellJournal(error: string): void {
  appendJournal(STATE_DIRECTORY, {
    time: new Date().toISOString(),
    cause: ['hook'],
    changed: [],
    notes: [],
    error,
    ms: 0,
  });
}

/** The command `wanhook`. Its program and runner are passed in: a hook's bundle must not hold commander and execa. */
export async function runCommand(program: Program, runner: Runner, version: string): Promise<void> {
  const output = watchedOutput();
  const code = await program(process.argv.slice(2), {
    version,
    configDirectory: CONFIG_DIRECTORY,
    isRoot: process.getuid?.() === 0,
    pid: process.pid,
    callerEnv: callerEnv(),
    openWorld: (voice) => openWorld(runner, voice),
    openResidentWorld: (voice) => openWorld(spawnRunner, voice),
    aloneAs,
    isWatched: () => isHeld(join(STATE_DIRECTORY, 'monitor.lock')),
    notifySocket: process.env['NOTIFY_SOCKET'],
    watchdogMs: Number(process.env['WATCHDOG_USEC'] ?? 0) / 1000,
    scriptDirectory: SCRIPT_DIRECTORY,
    aloneWithScripts: async (work) => {
      process.umask(0o022);
      await withLock(SCRIPT_LOCK, { waitMs: 200, flock: flockDescriptor }, work);
    },
    syslog: (message) => toSyslog(runner, 'warning', message),
    sources: {
      resolve: resolveName,
      accepts: (lines) => acceptsTable(runner, lines),
      managesNeighbours: () => managesNeighbours(runner),
    },
    lookAround: () => lookAround(runner),
    nameTables: (config) => {
      if (config !== undefined) writeTableNames(config, (message) => process.stderr.write(`wanhook: ${message}\n`));
    },
    watchdog: { start: watchTrial, end: () => sleepUntil('trial.sleeper', [], undefined) },
    ask: terminal(),
    out: (text) => process.stdout.write(text),
    outputEnded: output.ended,
    err: (text) => process.stderr.write(text),
  });
  const failure = await output.failure();
  if (failure !== undefined) process.stderr.write(`wanhook: cannot write to standard output: ${failure}\n`);
  process.exit(failure !== undefined && [EXIT.done, EXIT.changes].some((good) => good === code) ? EXIT.failed : code);
}

/** The shell front keeps the caller's environment from Node, NODE_* and LD_* above all, and hands it on as a word. */
function callerEnv(): Record<string, string> {
  const packed = process.env['WANHOOK_CALLER_ENV'];
  const entries = packed === undefined ? [] : Buffer.from(packed, 'base64').toString().split('\0');
  const pairs = entries.flatMap((entry) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(entry) ?? [];
    return name === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}
