/**
 * The world of the scenarios with nothing between wanhook and what can go wrong: its real lock, its configuration and its
 * queue of events for scripts on disk, and every command and every call to the file system through the gate. It can be put
 * back to where it was.
 */
import { inOrder, listingInOrder } from './fake-kernel-nft.ts';
import { normalListing } from '../../src/kernel/observe.ts';
import { closeAll } from './faults-disk.ts';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import lockfile from 'proper-lockfile';
import { configReader } from '../../src/config/load.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { tookTooLong, type Outcome, type Runner } from '../../src/kernel/runner.ts';
import { withLock } from '../../src/lock.ts';
import type { State } from '../../src/model.ts';
import { queuedEvents, queueEvent, readQueued } from '../../src/state/script-queue.ts';
import { gate } from './faults-gate.ts';
import type { FakeKernel } from './fake-kernel.ts';
import { sysctlsOf } from './world-scenario.ts';
import { scratchDirectory } from './world-scratch.ts';
import { createTestWorld, type TestWorld } from './world.ts';

export interface FaultWorld extends TestWorld {
  /** What `configure` has written goes to the disk. */
  writeConfig(): void;
  /** Somebody has left a mistake in it; until it is written anew or put back. */
  spoilConfig(): void;
  /** Remembers everything; what it gives puts it all back, as often as wanted. */
  snapshot(): () => void;
  /** What the kernel and time do to what a killed process leaves. `taken`: somebody has already taken its lock over. */
  bury(taken: boolean): void;
  /** All that must be the same in the end, as text. */
  whole(): string;
  /** Has the last run told anybody that something went wrong? */
  complained(): boolean;
  forgetWords(): void;
  /** Has nobody worked since then, nor found that there is nothing to do? */
  idle(): boolean;
  /** Which events the user's scripts are told of, `down dsl`. */
  toldOf(): ReadonlySet<string>;
}

const BATCH = /^ip (?:-6 )?-batch -$/;
const DEAD = 99_999_999;

// Each run stands for a process of its own: none finds what another has learnt about the file system's times.
const lockOf = lockfile.lock.bind(lockfile);
Object.assign(lockfile, {
  lock: (file: string, options: { fs: object }) => lockOf(file, { ...options, fs: { ...options.fs } }),
});

/** Longer than a waiter for the lock sleeps between two looks. */
const LOOK_AGAIN_MS = 50;
const later = globalThis.setTimeout;
// Whoever waits for the lock looks again at once: sleeping would be half of a long run's time, and shows nothing.
globalThis.setTimeout = Object.assign((work: () => void, ms = 0) => later(work, ms > LOOK_AGAIN_MS ? ms : 0), {
  __promisify__: later.__promisify__,
});

/** An address that is given back at once: what a kill between the two costs, README's Decisions say. Nothing here repairs it. */
const GIVEN_BACK = /^addr del (.*)\naddr add \1$/;

/** A batch stops at the line that is refused; any other command is refused as a whole. */
function gatedRunner(fake: FakeKernel): Runner {
  return {
    run: (tool, argv, stdin = '') =>
      new Promise<Outcome>((resolve) => {
        const command = [tool, ...argv].join(' ');
        const isWhole = GIVEN_BACK.test(stdin.trim());
        const lines = BATCH.test(command) && !isWhole ? stdin.split('\n').filter((line) => line !== '') : [];
        const operation = { door: 'kernel', name: command, parts: Math.max(1, lines.length) } as const;
        const outcome = gate.pass(operation, {
          whole: () => fake.runSync(tool, argv, stdin),
          some: (parts) => fake.runSync(tool, argv, lines.length === 0 ? stdin : lines.slice(0, parts).join('\n')),
          refuse: (kind, part): Outcome => {
            if (kind === 'hang') throw tookTooLong(tool, argv);
            const where = lines.length === 0 ? '' : `Command failed -:${part + 1}\n`;
            return { code: 1, stdout: '', stderr: `RTNETLINK answers: Cannot allocate memory\n${where}` };
          },
        });
        resolve(outcome);
      }),
  };
}

export function createFaultWorld(): FaultWorld {
  const world = createTestWorld();
  const { fake, files, stateDirectory } = world;
  const etc = scratchDirectory('etc');
  const lock = join(stateDirectory, 'lock');
  const plain = { ...world };
  let code = 0;
  let waitMs = 1000;
  let worked = false;
  let quiet = 0;
  const roots = [stateDirectory, etc, fake.procSys];
  return Object.assign(world, {
    kernel: createKernel(gatedRunner(fake), fake.procSys),
    loadConfig: configReader(etc),
    tell: (events) => events.flatMap((event) => queueEvent(stateDirectory, event)),
    alone: (work, noLongerNeeded) =>
      withLock(lock, { waitMs, flock: () => true, ...(noLongerNeeded && { noLongerNeeded }) }, () => {
        worked = true;
        return work();
      }),
    writeConfig: () => {
      fs.rmSync(etc, { recursive: true, force: true });
      for (const [file, text] of files) {
        fs.mkdirSync(dirname(join(etc, file)), { recursive: true });
        fs.writeFileSync(join(etc, file), text);
      }
    },
    spoilConfig: () => fs.writeFileSync(join(etc, 'wanhook.env'), 'NO_SUCH_KEY=1\n'),
    snapshot: () => {
      const kernel = fake.snapshot();
      const kept = roots.map(readTree);
      const config = [...files];
      const time = world.now();
      return () => {
        kernel();
        roots.forEach((root, n) => restoreTree(root, kept[n]!));
        files.clear();
        for (const [file, text] of config) files.set(file, text);
        world.pass((time - world.now()) / 1000);
        waitMs = 0;
      };
    },
    bury: (taken) => {
      closeAll();
      waitMs = 1000;
      for (const path of readTree(stateDirectory).keys()) {
        if (path.endsWith(`.${process.pid}.tmp`)) fs.renameSync(path, path.replace(/\d+\.tmp$/, `${DEAD}.tmp`));
      }
      if (fs.lstatSync(lock, { throwIfNoEntry: false }) === undefined) return;
      fs.unlinkSync(lock);
      if (!taken) fs.symlinkSync(`${DEAD}.1.1`, lock);
    },
    whole: () => wholeOf(world),
    command: async (...argv) => {
      const said = await plain.command(...argv);
      code = said.code;
      return said;
    },
    idle: () => !worked && world.quiet() === quiet,
    complained: () => {
      // Its last line, whole or not.
      const [last = ''] = readIf(join(stateDirectory, 'journal.jsonl')).trimEnd().split('\n').slice(-1);
      return code !== 0 || world.errors.length + world.warnings.length > 0 || last.includes('"notes":["');
    },
    forgetWords: () => {
      code = 0;
      worked = false;
      quiet = world.quiet();
      for (const said of [world.echoed, world.errors, world.warnings]) said.length = 0;
    },
    toldOf: () =>
      new Set(
        queuedEvents(stateDirectory).map((path) => {
          const said = readQueued(path)?.variables ?? {};
          return `${said['WANHOOK_EVENT'] ?? '?'} ${said['WANHOOK_LINK'] ?? ''}`;
        }),
      ),
  } satisfies Partial<FaultWorld>);
}

const readIf = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');

function wholeOf({ fake, stateDirectory }: TestWorld): string {
  const read = (file: string) => readIf(file) || 'none';
  // Times differ by how often the clock was looked at.
  const timeless = (text: string) => text.replace(/\b1[67]\d{11}\b/g, '0');
  const text = timeless(read(join(stateDirectory, 'state.json'))).replace(/^none$/, '{}');
  const { firewall, memory, ...rest } = JSON.parse(text) as Partial<State>;
  // Stopped, there are no tables that they could be compared with.
  const listed = firewall && { ...firewall, listing: listingInOrder(normalListing(firewall.listing)) };
  const state = rest.stopped === true ? rest : { ...rest, firewall: listed, memory };
  const names = [...readTree(stateDirectory).keys()].map((path) => path.slice(stateDirectory.length + 1));
  return [
    ...fake.dump('ours').toSorted(),
    ...fake.others().split(/(?<=\]),/),
    inOrder(fake.firewall()) ?? 'no firewall',
    ...memoryOf(fake),
    ...sysctlsOf(fake.procSys),
    JSON.stringify(sorted(state), null, 1),
    read(join(stateDirectory, 'health')),
    read(join(stateDirectory, 'lib/clients.json')),
    ...names.filter((name) => /^(?:events|hooks)\/|\.tmp$|^lock$/.test(name)),
  ].join('\n');
}

/** Rules, and who is remembered: whether he was put there with the rules or has stayed is all one. */
function memoryOf(fake: FakeKernel): string[] {
  const lines = (fake.memory() ?? 'no memory').split('\n').filter((line) => !/^(?:add|delete|flush) /.test(line));
  const maps = lines.flatMap((line) => /^ map (\w+) /.exec(line)?.[1] ?? []);
  return [...lines, ...maps.flatMap((map) => fake.remembered(map).toSorted())];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}

/** Files with their text, links with `-> TARGET`, directories without; in an order in which they can be made. */
type Tree = ReadonlyMap<string, string | undefined>;

function readTree(root: string): Tree {
  const tree = new Map<string, string | undefined>();
  const walk = (path: string) => {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isSymbolicLink()) tree.set(path, `-> ${fs.readlinkSync(path)}`);
    else if (!stat.isDirectory()) tree.set(path, fs.readFileSync(path, 'utf8'));
    else {
      tree.set(path, undefined);
      for (const name of fs.readdirSync(path)) walk(join(path, name));
    }
  };
  walk(root);
  return tree;
}

function restoreTree(root: string, kept: Tree): void {
  const now = readTree(root);
  for (const path of [...now.keys()].toReversed()) {
    if (!kept.has(path)) fs.rmSync(path, { recursive: true, force: true });
  }
  for (const [path, text] of kept) {
    if (now.has(path) && now.get(path) === text) continue;
    if (text === undefined) fs.mkdirSync(path, { mode: 0o700 });
    else if (text.startsWith('-> ')) fs.symlinkSync(text.slice(3), path);
    else fs.writeFileSync(path, text, { mode: 0o600 });
  }
}
