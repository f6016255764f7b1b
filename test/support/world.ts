/**
 * wanhook on the fake kernel: its hooks and its command, with the state directory in memory and the configuration in a
 * map of files. What main/hook.ts does around a hook is done here, because that exits.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Context } from '../../src/cli/context.ts';
import { runProgram } from '../../src/cli/program.ts';
import { parseConfig, type ConfigFiles } from '../../src/config/parse.ts';
import { explain } from '../../src/errors.ts';
import type { HookInput } from '../../src/events/hook-input.ts';
import { parseHook } from '../../src/events/hooks.ts';
import type { JournalEntry } from '../../src/journal.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { OBSERVE_BATCH6, OBSERVE_BATCH, parseIp6Batch, parseIpBatch } from '../../src/kernel/observe.ts';
import type { LinkEvent, LinkHealth, Op, State } from '../../src/model.ts';
import { saysNothingNew } from '../../src/nothing-new.ts';
import { preview, reconcile, type Early, type Report, type World } from '../../src/reconcile.ts';
import { readChanges } from '../../src/state/changes.ts';
import { makePrivateDirectory } from '../../src/state/files.ts';
import { dropEvent } from '../../src/state/inbox.ts';
import { findLink } from '../../src/state/record.ts';
import { loadGoodConfig } from '../../src/state/good-config.ts';
import { trialConfig } from '../../src/state/trial.ts';
import type { Variables } from '../../src/state/script-queue.ts';
import { encodeState, loadStamped, loadState } from '../../src/state/store.ts';
import { createFakeKernel, type FakeKernel } from './fake-kernel.ts';
import { scratchDirectory } from './world-scratch.ts';

/** `wanhook.env` and `links/NAME.env`, by these names. */
export type ConfigText = Map<string, string>;

export interface TestWorld extends World {
  readonly fake: FakeKernel;
  readonly files: ConfigText;
  /** What the user's scripts would be started with. */
  readonly told: Variables[];
  /** Commands as echoed. */
  readonly echoed: string[];
  readonly warnings: string[];
  /** What hooks would have sent to syslog. */
  readonly errors: string[];
  /** How often anything was decided and applied; previews do not count. */
  runs(): number;
  /** When it asked to be woken. */
  wakes(): number | undefined;
  /** Time passes. */
  pass(seconds: number): void;
  /** Another boot, as far as a clock tells. */
  reboot(): void;
  /** Do hooks get what run-hook.sh has looked up? Then some of them need no lock. Default: no. */
  looksEarly: boolean;
  /** How many hooks needed none. */
  quiet(): number;
  /** A daemon's hook, from its arguments to its end; never rejects. */
  hook(name: string, input: HookInput): Promise<void>;
  /** An event as a hook leaves it behind, and the reconcile that follows. */
  event(event: LinkEvent): Promise<Report | undefined>;
  apply(): Promise<Report>;
  stop(): Promise<Report>;
  /** What the monitor does when it has changed its mind about a link that is up; otherwise nothing. */
  judge(
    link: string,
    verdict: LinkHealth['verdict'],
    more?: Partial<LinkHealth>,
    family?: 6,
  ): Promise<Report | undefined>;
  /** What `wanhook plan` finds. */
  plan(): Promise<readonly Op[]>;
  /** A subcommand as typed; exit code and what it printed. */
  command(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }>;
  /** What a command is given; with what a test gives it instead. */
  context(given: Pick<Context, 'out' | 'err'> & Partial<Context>): Context;
  state(): State;
  writeState(state: State): void;
  loseState(): void;
  journal(): JournalEntry[];
}

const START = Date.parse('2026-01-01T00:00:00Z');

export function createTestWorld(files: ConfigText = new Map(), fake: FakeKernel = createFakeKernel()): TestWorld {
  const stateDirectory = scratchDirectory('run');
  makePrivateDirectory(stateDirectory);
  const statePath = join(stateDirectory, 'state.json');
  let clock = START;
  let boot = 'this boot';
  const parsed = new Map<string, ReturnType<World['loadConfig']>>();
  let runs = 0;
  let quiet = 0;
  let wakes: number | undefined;
  const must = (report: Report | undefined): Report => {
    if (report === undefined) throw new Error('nobody else is there to do the work');
    return report;
  };
  const world: TestWorld = {
    fake,
    files,
    stateDirectory,
    libraryDirectory: join(stateDirectory, 'lib'),
    told: [],
    echoed: [],
    warnings: [],
    errors: [],
    loadConfig: () => {
      const key = JSON.stringify([...files]);
      const known = parsed.get(key) ?? parseFiles(files);
      parsed.set(key, known);
      return known;
    },
    kernel: createKernel(fake.runner, fake.procSys),
    now: () => (clock += 1000),
    echo: (command) => world.echoed.push(command),
    uptime: () => ({ boot, ms: clock - START }),
    reboot: () => (boot = 'next boot'),
    wakeAt: (due) => (wakes = due),
    tell: (events) => {
      world.told.push(...events);
      return [];
    },
    warn: (message) => world.warnings.push(message),
    alone: (work) => work(),
    looksEarly: false,
    quiet: () => quiet,
    runs: () => runs,
    wakes: () => wakes,
    pass: (seconds) => (clock += seconds * 1000),
    hook: async (name, input) => {
      const said = parseHook(name, input);
      if ('ignored' in said) return;
      if ('problems' in said) {
        world.errors.push(said.problems.join('; '));
        return;
      }
      try {
        const config = trialConfig(world) ?? world.loadConfig().config ?? loadGoodConfig(stateDirectory);
        if (config !== undefined && findLink(config, said.event, world.state().links) === undefined) return;
        if (world.looksEarly && (await isQuiet(world, said.event))) quiet++;
        else await world.event(said.event);
      } catch (error) {
        world.errors.push(explain(error));
      }
    },
    event: (event) => {
      runs++;
      const eventPath = dropEvent(stateDirectory, event);
      return reconcile(world, { cause: event.cause, eventPath, lenient: true });
    },
    apply: async () => {
      runs++;
      const known = { names: {}, helpers: [], ...world.state().learned, managedNeighbours: true };
      return must(await reconcile(world, { cause: 'wanhook apply', stopped: false, learned: known }));
    },
    judge: async (link, verdict, more = {}, family) => {
      const last = (family === 6 ? world.state().v6 : world.state())?.verdicts[link];
      if (last?.up !== true || world.state().stopped) return undefined;
      const { device = '', address = '' } = last;
      const said: LinkHealth = { verdict, since: clock, reason: 'no answer', device, address, ...more };
      runs++;
      const health = family === 6 ? { health6: { [link]: said } } : { health: { [link]: said } };
      return reconcile(world, { cause: `monitor: ${link} is ${verdict}`, ...health, lenient: true });
    },
    stop: async () => {
      runs++;
      return must(await reconcile(world, { cause: 'wanhook stop', stopped: true }));
    },
    plan: async () => (await preview(world)).ops,
    command: async (...argv) => {
      if (argv[0] === 'apply' || argv[0] === 'event' || argv[0] === 'stop' || argv[0] === 'failback') runs++;
      const said = { out: '', err: '' };
      const voice = { out: (text: string) => (said.out += text), err: (text: string) => (said.err += text) };
      const code = await runProgram(argv, world.context(voice));
      return { code, ...said };
    },
    context: (given) => ({
      version: 'test',
      configDirectory: '/no/such/directory',
      isRoot: true,
      sources: {
        resolve: () => Promise.reject(new Error('no names here')),
        accepts: () => Promise.resolve(true),
        managesNeighbours: () => Promise.resolve(true),
      },
      pid: process.pid,
      callerEnv: {},
      scriptDirectory: join(stateDirectory, 'events.d'),
      aloneWithScripts: (work) => work(),
      syslog: (message) => {
        world.errors.push(message);
        return Promise.resolve();
      },
      openWorld: (voice) => ({ ...world, ...voice, echo: world.echo }),
      openResidentWorld: (voice) => ({ ...world, ...voice, echo: world.echo }),
      aloneAs: (_, work) => work(),
      isWatched: () => true,
      notifySocket: undefined,
      watchdogMs: 0,
      lookAround: () => Promise.reject(new Error('not looked at')),
      nameTables: () => undefined,
      watchdog: { start: () => undefined, end: () => undefined },
      ask: undefined,
      outputEnded: () => true,
      ...given,
    }),
    state: () => loadState(stateDirectory).state,
    writeState: (state) => writeFileSync(statePath, encodeState(state)),
    loseState: () => rmSync(statePath, { force: true }),
    journal: () => {
      const path = join(stateDirectory, 'journal.jsonl');
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as JournalEntry);
    },
  };
  return world;
}

/** Its shell looks, not the process that may fail; and the hook before has kept the configuration that it has parsed. */
async function isQuiet(world: TestWorld, event: LinkEvent): Promise<boolean> {
  const changes = readChanges(world.stateDirectory);
  const run = (argv: readonly string[], batch: readonly string[]) =>
    world.fake.runSync('ip', argv, `${batch.join('\n')}\n`).stdout;
  const seen: Early = {
    ip: parseIpBatch(run(['-N', '-j', '-batch', '-'], OBSERVE_BATCH)),
    ip6: parseIp6Batch(run(['-6', '-N', '-j', '-batch', '-'], OBSERVE_BATCH6)),
    listing: world.fake.runSync('nft', ['-s', 'list', 'table', 'inet', 'wanhook'], '').stdout,
    changes,
    age: () => 0,
  };
  const keptConfig = {
    read: () => {
      const { config } = world.loadConfig();
      return isDeepStrictEqual(config, loadGoodConfig(world.stateDirectory)) ? config : undefined;
    },
    keep: () => undefined,
  };
  return saysNothingNew({ ...world, keptConfig }, event, loadStamped(world.stateDirectory), () => seen);
}

function parseFiles(files: ConfigText): ReturnType<World['loadConfig']> {
  const named = (folder: string, ending: string) =>
    [...files]
      .filter(([path]) => path.startsWith(`${folder}/`))
      .map(([path, text]) => ({ path, text, name: path.slice(folder.length + 1, path.length - ending.length) }));
  const main = files.get('wanhook.env');
  const all: ConfigFiles = {
    ...(main !== undefined && { main: { path: 'wanhook.env', text: main } }),
    links: named('links', '.env'),
    rules: named('rules', '.env'),
    sets: named('sets', ''),
    clients: named('clients', '.env'),
  };
  return { ...parseConfig(all), files: all };
}
