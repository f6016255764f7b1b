import { explain } from '../errors.ts';
import type { LinkHealth } from '../model.ts';
import { reconcile, type Report, type World } from '../reconcile.ts';
import { writeAtomically } from '../state/files.ts';
import { forgetMeasured, loadMeasured, saveMeasured } from '../state/measured.ts';
import type { Now } from './judged.ts';
import { metricsText } from './metrics.ts';
import { watchKernel, type SpawnResident } from './kernel-watch.ts';
import { probing, type Engine } from './probing.ts';
import { steadyConfig } from './steady-config.ts';
import { waker } from './waker.ts';

/** Whatever no message told of: sysctls, a flushed nftables chain. */
const REGULAR_LOOK_MS = 60_000;
/** How often the figures behind the verdicts are written for others to read, and the sign of life. */
const FIGURES_MS = 5_000;

export interface Surroundings {
  readonly world: World;
  readonly engine: Engine;
  readonly version: string;
  readonly spawn: SpawnResident;
  readonly now: () => Now;
  /** The first look is done; after each regular look. */
  readonly ready: () => void;
  readonly alive: () => void;
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
export function startMonitor({ world, version, engine, spawn, now, ready, alive }: Surroundings): Monitor {
  const config = steadyConfig(world.loadConfig, world.warn);
  const steady: World = { ...world, loadConfig: config.load };
  const verdicts = new Map<string, LinkHealth>();
  let lastError = '';
  let first = true;
  let last: Report | undefined;

  const run = async (causes: readonly string[]): Promise<boolean> => {
    const health = Object.fromEntries(verdicts);
    verdicts.clear();
    try {
      const report = await reconcile(steady, { cause: causes.join(', '), lenient: true, health });
      lastError = '';
      if (report !== undefined) follow(report);
      last = report ?? last;
      return true;
    } catch (error) {
      // Not lost: unless something newer has come meanwhile.
      for (const [name, said] of Object.entries(health)) if (!verdicts.has(name)) verdicts.set(name, said);
      const message = explain(error);
      if (message !== lastError) world.warn(message);
      lastError = message;
      return false;
    } finally {
      if (first) ready();
      first = false;
    }
  };
  const follow = ({ state, statuses }: Report) => {
    probes.follow(state.stopped ? [] : statuses, state.health);
  };
  const tellFigures = () => {
    const at = world.now();
    quietly(() => saveMeasured(world.stateDirectory, probes.figures(), at));
    const file = last?.config.metricsFile;
    if (last === undefined || file === undefined) return;
    const measured = loadMeasured(world.stateDirectory, at);
    const text = metricsText({ ...last, measured, now: at, version });
    quietly(() => writeAtomically(file, text, 0o644));
  };
  /** Said once, and again when it has worked in between. */
  const quietly = (write: () => void) => {
    try {
      write();
    } catch (error) {
      const message = explain(error);
      if (message !== lastError) world.warn(message);
      lastError = message;
    }
  };
  const wakes = waker(run);
  const probes = probing(engine, now, (name, health) => {
    verdicts.set(name, health);
    wakes.wakeNow(`monitor: ${name} ${verdictWords(health)}`);
  });
  const watch = watchKernel(spawn, {
    changed: (what) => wakes.wake(`kernel: ${what}`),
    warn: world.warn,
  });
  const timers = [
    setInterval(() => {
      wakes.wake('monitor: regular look');
      alive();
    }, REGULAR_LOOK_MS),
    setInterval(tellFigures, FIGURES_MS),
  ];
  tellFigures();
  wakes.wakeNow('monitor: start');

  return {
    reload: () => {
      config.tellAgain();
      wakes.wakeNow('monitor: reload');
    },
    stop: async () => {
      timers.forEach(clearInterval);
      watch.stop();
      probes.stop();
      await wakes.stop();
      quietly(() => forgetMeasured(world.stateDirectory));
    },
  };
}

/** For the journal. */
function verdictWords({ verdict, reason, answers, heldUntil }: LinkHealth): string {
  if (answers === true) return 'answers again, and all others are dead';
  return heldUntil === undefined ? `is ${verdict}: ${reason}` : reason;
}
