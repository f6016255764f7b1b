import { explain } from '../errors.ts';
import type { LinkHealth } from '../model.ts';
import { reconcile, type Report, type World } from '../reconcile.ts';
import { loadGood } from '../state/good-config.ts';
import { droppedHooks, watchDropped } from '../state/dropped.ts';
import { forgetMeasured } from '../state/measured.ts';
import { loadTrial, trialNotice } from '../state/trial.ts';
import { forgetMetrics, tellFigures, tellMetrics } from './figures.ts';
import type { Now } from './judged.ts';
import { KEPT_WORD } from './kernel-lines.ts';
import { watchKernel, type SpawnResident } from './kernel-watch.ts';
import { passive } from './passive.ts';
import { probing, type Engine } from './probing.ts';
import { steadyConfig } from './steady-config.ts';
import { waker } from './waker.ts';

/** Whatever no message told of: sysctls, a flushed nftables chain. */
const REGULAR_LOOK_MS = 60_000;
/** How often the figures behind the verdicts are written for others to read, and the sign of life. */
const FIGURES_MS = 5_000;
/** METRICS_FILE may be on a flash disk, and is read once a minute or so. */
const METRICS_MS = 15_000;

/** Causes that have nothing to do with nftables. */
const OF_ROUTING =
  /^hook$|^kernel: (?:rule|route|nexthop|default route|\S+ (?:link|address|gone))$|^monitor: \S+ (?:IPv6 )?(?:is|answers) /;

export interface Surroundings {
  readonly world: World;
  readonly engine: Engine;
  readonly version: string;
  readonly spawn: SpawnResident;
  readonly now: () => Now;
  /** The first look is done. */
  readonly ready: () => void;
}

export interface Monitor {
  /** Read the configuration again. */
  reload(): void;
  /** Stop looking. Routing stays as it is. */
  stop(): Promise<void>;
}

/**
 * The resident part: follows the kernel, asks over every link that is up, and reconciles when either has something to
 * say. All that it knows is in the record, so that the hooks go by it, and whoever starts after a crash.
 */
export function startMonitor({ world, version, engine, spawn, now, ready }: Surroundings): Monitor {
  const config = steadyConfig(world.loadConfig, () => loadGood(world.stateDirectory), world.warn);
  const trouble = sayOnce(world.warn);
  let last: Report | undefined;
  const verdicts: Verdicts = { in4: new Map(), in6: new Map() };
  const runs = runner({ ...world, loadConfig: config.load }, verdicts, trouble, (report) => {
    last = report;
    tellTrial();
    const { statuses, statuses6, state } = report;
    probes.follow(state.stopped ? [] : [...statuses, ...statuses6], state.health, state.v6?.health);
  });
  let told: string | undefined;
  const tellTrial = () => {
    const trial = loadTrial(world);
    const notice = trial?.left === 0 ? trialNotice(trial) : undefined;
    if (notice !== undefined && notice !== told) world.warn(notice);
    told = notice;
  };
  let isReady = false;
  const wakes = waker(async (causes) => {
    const done = await runs(causes);
    if (!isReady) {
      tellOthers();
      ready();
    }
    isReady = true;
    return done;
  });
  const onVerdict = (name: string, health: LinkHealth, family?: 6) => {
    (family === 6 ? verdicts.in6 : verdicts.in4).set(name, health);
    wakes.wakeNow(`monitor: ${name} ${family === 6 ? 'IPv6 ' : ''}${verdictWords(health)}`);
  };
  const watch = watchKernel(spawn, { changed: (what) => wakes.wake(`kernel: ${what}`), warn: world.warn });
  const probes = probing(engine, now, onVerdict, passive(spawn));
  const hooks = watchDropped(world.stateDirectory, () => wakes.wakeNow('hook'), world.warn);
  const tell = () => trouble.of(() => tellFigures(world, probes.figures(), probes.figures(6)));
  const tellOthers = () => trouble.of(() => tellMetrics(world, last, version));
  const timers = [
    setInterval(() => wakes.wake('monitor: regular look'), REGULAR_LOOK_MS),
    setInterval(tell, FIGURES_MS),
    setInterval(tellOthers, METRICS_MS),
  ];
  tell();
  wakes.wakeNow('monitor: start');
  return {
    reload: () => {
      config.tellAgain();
      wakes.wakeNow('monitor: reload');
    },
    stop: async () => {
      timers.forEach(clearInterval);
      // From here on hooks go on by themselves; what they dropped until now is still ours.
      trouble.of(() => forgetMeasured(world.stateDirectory));
      hooks.stop();
      watch.stop();
      await Promise.all([probes.stop(), wakes.stop()]);
      if (droppedHooks(world.stateDirectory).length > 0) await runs(['hook']);
      trouble.of(() => forgetMetrics(last));
    },
  };
}

type Trouble = ReturnType<typeof sayOnce>;

/** The same trouble is said once, and again when it had been over. */
function sayOnce(warn: (message: string) => void) {
  let told = '';
  const say = (error: unknown) => {
    const message = explain(error);
    if (message !== told) warn(message);
    told = message;
  };
  const over = () => (told = '');
  const of = (act: () => void) => {
    try {
      act();
    } catch (error) {
      say(error);
    }
  };
  return { say, over, of };
}

/** Those that have still to be carried out, by link. */
type Verdicts = Readonly<Record<'in4' | 'in6', Map<string, LinkHealth>>>;

/** One reconcile with the verdicts that have come; false: it failed, and they have still to be carried out. */
function runner(world: World, verdicts: Verdicts, trouble: Trouble, done: (report: Report) => void) {
  let listing: string | undefined;
  return async (causes: readonly string[]): Promise<boolean> => {
    const [mine, mine6] = [taken(verdicts.in4), taken(verdicts.in6)];
    // What nft would list is what it listed last, unless somebody says otherwise: a listing takes a third of the time.
    const early =
      listing !== undefined && causes.every((cause) => OF_ROUTING.test(cause)) ? { listing, watched: true } : {};
    try {
      const closely = causes.includes(`kernel: ${KEPT_WORD}`);
      const options = { cause: causes.join(', '), lenient: true, closely, health: mine, health6: mine6 };
      const report = await reconcile({ ...world, earlyLook: () => early }, options);
      trouble.over();
      listing = report?.state.firewall?.listing;
      if (report !== undefined) done(report);
      return true;
    } catch (error) {
      putBack(verdicts.in4, mine);
      putBack(verdicts.in6, mine6);
      trouble.say(error);
      return false;
    }
  };
}

function taken(verdicts: Map<string, LinkHealth>): Record<string, LinkHealth> {
  const all = Object.fromEntries(verdicts);
  verdicts.clear();
  return all;
}

/** Unless something newer has come meanwhile. */
function putBack(verdicts: Map<string, LinkHealth>, mine: Readonly<Record<string, LinkHealth>>): void {
  for (const [name, health] of Object.entries(mine)) if (!verdicts.has(name)) verdicts.set(name, health);
}

/** For the journal. */
function verdictWords({ verdict, reason, answers, heldUntil }: LinkHealth): string {
  if (answers === true) return 'answers again, and all others are dead';
  return heldUntil === undefined ? `is ${verdict}: ${reason}` : reason;
}
