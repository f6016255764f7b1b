import { setTimeout as sleep } from 'node:timers/promises';
import { integer } from '../config/key.ts';
import { EXIT, ProblemsError, WanhookError } from '../errors.ts';
import type { Learned } from '../model.ts';
import { reconcile, type Report, type World } from '../reconcile.ts';
import { loadGood, saveGoodConfig } from '../state/good-config.ts';
import { loadState } from '../state/store.ts';
import { endTrial, forgetTrial, loadTrial, saveTrial, type Trial } from '../state/trial.ts';
import { worldFor, type Common, type Context } from './context.ts';
import { learn } from './learn.ts';

/** How often whoever waits at the terminal looks whether somebody else has decided. */
const LOOK_MS = 200;
const AN_HOUR = 3600;

export interface TryOptions {
  readonly confirm: string;
}

/** `wanhook try`: the edited configuration, until it is confirmed or the time is over. */
export async function tryIt(context: Context, common: Common, options: TryOptions): Promise<number> {
  const seconds = integer(1, AN_HOUR).parse(options.confirm);
  if (seconds === undefined) {
    throw new WanhookError(`--confirm takes seconds from 1 to ${AN_HOUR}`, { exitCode: EXIT.usage });
  }
  const world = worldFor(context, common);
  const learned = await begin(context, world, seconds);
  try {
    const report = await reconcile(world, {
      ...{ cause: 'wanhook try', stopped: false, unwatched: !context.isWatched(), learned },
    });
    context.out(`${summary(report)}\n`);
  } catch (error) {
    await takeBack(context, world);
    throw error;
  }
  if (context.ask === undefined) {
    context.out(`for ${seconds} s: "wanhook confirm" keeps it, "wanhook rollback" takes it back at once\n`);
    return EXIT.done;
  }
  return decided(context, world, context.ask);
}

/** What is in /etc/wanhook is on trial, and somebody watches over it, before anything is changed. What it has to know. */
async function begin(context: Context, world: World, seconds: number): Promise<Learned> {
  const { config, problems, files } = world.loadConfig();
  if (config === undefined) throw new ProblemsError(problems);
  const known = loadState(world.stateDirectory).state.learned;
  const learned = await learn(config, known, context.sources, world.warn);
  await world.alone(() => {
    const earlier = loadTrial(world);
    if (earlier !== undefined && earlier.left > 0) throw alreadyRunning(earlier);
    const former = earlier === undefined ? inForce(world) : earlier.former?.files;
    context.watchdog.start(seconds);
    saveTrial(world, { tried: files, former }, seconds * 1000);
    return Promise.resolve();
  });
  // What the names of the former configuration's tunnels stood for: they may be wanted again without a line to ask over.
  return { ...learned, names: { ...known?.names, ...learned.names } };
}

function alreadyRunning({ left }: Trial): WanhookError {
  const rest = Math.ceil(left / 1000);
  return new WanhookError(
    `another "wanhook try" is running, for ${rest} s: "wanhook confirm" or "wanhook rollback" it`,
  );
}

/** What a person last asked for; since the boot that may only have been hooks. */
function inForce({ stateDirectory }: World) {
  if (loadState(stateDirectory).state.stopped) return undefined;
  return (loadGood(stateDirectory, 'applied.json') ?? loadGood(stateDirectory))?.files;
}

/** At the terminal: Enter keeps it, Ctrl-C does not; and somebody else may decide meanwhile. */
async function decided(context: Context, world: World, ask: NonNullable<Context['ask']>): Promise<number> {
  const over = new AbortController();
  const left = Math.ceil((loadTrial(world)?.left ?? 0) / 1000);
  let answer: 'keep' | 'back' | undefined;
  const question = `does everything still work? Enter keeps it; Ctrl-C, or no answer within ${left} s, takes it back `;
  // A terminal that has gone, or has nothing to say, has not confirmed.
  void ask(question, over.signal).then((said) => said !== undefined && (answer ??= 'keep'));
  process.once('SIGINT', () => (answer ??= 'back'));
  try {
    while (answer === undefined && (loadTrial(world)?.left ?? 0) > 0) await sleep(LOOK_MS);
  } finally {
    over.abort();
  }
  if (answer === 'keep') return confirmIt(context, world);
  const trial = loadTrial(world);
  if (trial === undefined && answer === undefined) {
    context.out('\nconfirmed\n');
    return EXIT.done;
  }
  context.out('\n');
  await rollbackIt(context, world);
  return EXIT.failed;
}

/** `wanhook confirm`. */
export function confirm(context: Context, common: Common): Promise<number> {
  return confirmIt(context, worldFor(context, common));
}

async function confirmIt(context: Context, world: World): Promise<number> {
  const tried = await world.alone(() => {
    const trial = loadTrial(world);
    if (trial === undefined) throw new WanhookError('there is nothing to confirm: no "wanhook try" is running');
    if (trial.left === 0) throw new WanhookError('too late: the configuration before is in force again');
    saveGoodConfig(world.stateDirectory, trial.tried.files);
    saveGoodConfig(world.stateDirectory, trial.tried.files, 'applied.json');
    forgetTrial(world);
    return Promise.resolve(trial.tried);
  });
  context.watchdog.end();
  context.nameTables(tried?.config);
  context.out('confirmed\n');
  return EXIT.done;
}

/** `wanhook rollback`; `--due`: what the watchdog says, when the time is over and not before. */
export async function rollback(context: Context, common: Common, due: boolean): Promise<number> {
  const world = worldFor(context, common);
  if (!due && (loadTrial(world)?.left ?? 0) === 0) {
    throw new WanhookError('there is nothing to take back: no "wanhook try" is running');
  }
  // Timers go by other clocks, and wake a little early.
  if (due) while ((loadTrial(world)?.left ?? 0) > 0) await sleep(LOOK_MS);
  await rollbackIt(context, world);
  return EXIT.done;
}

async function rollbackIt(context: Context, world: World): Promise<void> {
  const report = await takeBack(context, world);
  if (report === undefined) return;
  context.out(`not confirmed: the configuration before is in force again: ${summary(report)}\n`);
  context.out('/etc/wanhook still holds what was tried: it counts from the next "wanhook apply" or "wanhook try"\n');
}

/** The former configuration, now. Whoever comes second finds it done. */
async function takeBack(context: Context, world: World): Promise<Report | undefined> {
  const former = await world.alone(() => {
    const trial = loadTrial(world);
    if (trial !== undefined && trial.left > 0) endTrial(world, trial);
    return Promise.resolve(trial);
  });
  if (former === undefined) return undefined;
  const known = loadState(world.stateDirectory).state.learned;
  // No questions to name servers: they may be what was cut off.
  const sources = { ...context.sources, resolve: () => Promise.reject(new Error('not asked')) };
  const learned = former.former?.config && (await learn(former.former.config, known, sources, () => undefined));
  const report = await reconcile(world, { cause: 'wanhook rollback', lenient: true, ...(learned && { learned }) });
  context.watchdog.end();
  return report;
}

function summary(report: Report | undefined): string {
  const live = report?.statuses.filter(({ up }) => up).length ?? 0;
  if (report?.state.stopped === true) return `stopped, as it was: ${report.ops.length} changes`;
  return `${report?.ops.length ?? 0} changes; ${live} of ${report?.statuses.length ?? 0} links up`;
}
