import { earlyLook, type SeenEarly } from '../early-look.ts';
import { EXIT, explain, WanhookError } from '../errors.ts';
import type { ParsedHook } from '../events/hook-input.ts';
import { parseHook, type HookName } from '../events/hooks.ts';
import { appendJournal } from '../journal.ts';
import { BRIEFLY_MS } from '../kernel/look.ts';
import { spawnRunner } from '../kernel/runner.ts';
import { toSyslog } from '../log.ts';
import type { Config, LinkEvent } from '../model.ts';
import { reconcile, type Early, type Options, type SettledSysctls, type World } from '../reconcile.ts';
import { saysNothingNew } from '../nothing-new.ts';
import { dropEvent } from '../state/inbox.ts';
import { findLink } from '../state/record.ts';
import { keepConfig, keptConfig } from '../state/kept-config.ts';
import { keepSettled, type HookCall } from '../state/settled.ts';
import type { Stamps } from '../state/stamps.ts';
import { loadStamped, loadState, type StampedState } from '../state/store.ts';
import { loadGoodConfig } from '../state/good-config.ts';
import { loadTrial, trialConfig, trialNotice } from '../state/trial.ts';
import { PLACES, STATE_DIRECTORY } from './places.ts';
import { bundleOf, openWorld, readConfig, requireOwnDirectories, TRIAL_PLACE, type Voice } from './router.ts';

/** Wiring of the hooks. */

/** src/lean/load.cjs gives it to the bundle that it runs. */
declare const keepCode: ((run: 'changed' | 'unchanged') => void) | undefined;

/** A daemon's hook: whatever happens, it exits 0; what went wrong is in syslog and the journal. */
export function runHook(name: HookName): Promise<void> {
  const parsed = parseHook(name, { args: process.argv.slice(2), env: process.env });
  // Said once more, it may be done before this bundle is loaded (load.cjs, hooks/settled.ts).
  const call = { bundle: bundleOf(name), args: process.argv.slice(2), env: process.env };
  return inHook((warn) => hook(parsed, call, warn));
}

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
  const keeper = { ...PLACES, bundle };
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

function rememberSettled(
  call: HookCall,
  { text, changes }: SeenEarly,
  found: { readonly sysctls: SettledSysctls; readonly record: string; readonly config?: Stamps },
): void {
  if (text === undefined || changes === undefined) return;
  try {
    keepSettled(PLACES, call, { look: text(), changes, ...found, began: startedAtEpoch() });
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
