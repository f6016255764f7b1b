/** Worlds to be spoilt: scenarios played to their end, with all that wanhook wrote and all that the kernel told it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OBSERVE_BATCH, OBSERVE_BATCH6 } from '../../src/kernel/observe.ts';
import { must } from './fuzz.ts';
import { whyNotSaid } from './fuzz-grammar.ts';
import { fakeSteps } from './world-fake-steps.ts';
import { clearScratch } from './world-scratch.ts';
import { playStep } from './world-steps.ts';
import { createTestWorld, type ConfigText, type TestWorld } from './world.ts';

/** A line of each kind, both families, rules, pairs, clients, verdicts, fail-closed links. */
const SCENARIOS = ['two-pppoe', 'ipv6-clients', 'ipv6-rules', 'client', 'pair', 'dead6', 'block', 'tunnel'];

export interface Played {
  readonly name: string;
  readonly files: ReadonlyMap<string, string>;
  /** By path below the state directory. */
  readonly written: ReadonlyMap<string, string>;
  /** What was asked, and what the answer was. */
  readonly told: readonly { readonly command: string; readonly stdin: string; readonly stdout: string }[];
}

const text = (name: string) => readFileSync(join(import.meta.dirname, '../scenarios', `${name}.txt`), 'utf8');

/** Only what happens, and nothing that ends it. */
const stepsOf = (name: string) =>
  text(name)
    .split('\n')
    .filter((line) => line.startsWith('> ') && !/^> (?:show |\d+ seconds|wanhook stop)/.test(line))
    .map((line) => line.slice(2));

async function play(name: string): Promise<Played> {
  const world = createTestWorld();
  const on = fakeSteps(world);
  for (const step of stepsOf(name)) {
    const [, map, element] = /^connection (\S+) (.+)$/.exec(step) ?? [];
    if (map !== undefined && element !== undefined) world.fake.remember(map, element);
    else await playStep(on, step);
  }
  const { files, fake } = world;
  await world.apply();
  const told: Played['told'][number][] = [];
  const ask = (stdin: string, tool: string, ...argv: string[]) =>
    told.push({ command: [tool, ...argv].join(' '), stdin, stdout: fake.runSync(tool, argv, stdin).stdout });
  ask(`${OBSERVE_BATCH.join('\n')}\n`, 'ip', '-N', '-j', '-batch', '-');
  ask(`${OBSERVE_BATCH6.join('\n')}\n`, 'ip', '-6', '-N', '-j', '-batch', '-');
  ask('', 'nft', '-s', 'list', 'table', 'inet', 'wanhook');
  return { name, files, written: written(world.stateDirectory), told };
}

export const playAll = (): Promise<Played[]> => Promise.all(SCENARIOS.map(play));

function written(directory: string, below = ''): Map<string, string> {
  const found = readdirSync(join(directory, below), { withFileTypes: true });
  return new Map(
    found.flatMap((entry): [string, string][] => {
      const path = join(below, entry.name);
      return entry.isDirectory()
        ? [...written(directory, path)]
        : [[path, readFileSync(join(directory, path), 'utf8')]];
    }),
  );
}

/** What a bug's error says, and none that is meant for people. */
const BUG =
  /Cannot (?:read|convert|set|destructure|mix)|is not (?:a function|iterable|an object|a constructor|defined)|undefined|NaN|Unexpected|Invalid (?:array|string|count|time)|must be of type|no such command|JSON at/;

/** A world of its own on these files, in which every command is held against the grammar. The one before is no more. */
export function guardedWorld(files: ReadonlyMap<string, string>): {
  world: TestWorld;
  whole: (placed?: readonly string[]) => void;
} {
  clearScratch();
  const copy: ConfigText = new Map(files);
  const world = createTestWorld(copy);
  const refused: string[] = [];
  world.fake.beforeEach = (tool, argv, stdin) => {
    const why = whyNotSaid(tool, argv, stdin);
    if (why !== undefined) refused.push(why);
  };
  const { runner } = world.fake;
  const run = runner.run.bind(runner);
  // The LAN's neighbours are nobody's here.
  runner.run = (tool, argv, ...rest) =>
    argv.join(' ').endsWith('-N -j neigh show')
      ? Promise.resolve({ code: 0, stdout: '[]\n', stderr: '' })
      : run(tool, argv, ...rest);
  world.fake.addDevice('lan0');
  for (const device of ['ppp0', 'ppp1']) world.fake.addDevice(device, { mtu: 1492, pointToPoint: true });
  for (const device of ['eth1', 'eth2']) world.fake.addDevice(device);
  for (const device of ['ppp0', 'ppp1', 'eth1', 'eth2']) world.fake.setUp(device, true);
  return { world, whole: (placed = []) => expectWhole(world, refused, placed) };
}

/** What a terminal obeys, or what turns round or breaks the line it stands in. */
const UNSEEN = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;

const FILE =
  /^(?:(?:lib\/)?(?:state|config|applied|clients|trial|health)\.json|health|changes|names|journal\.jsonl(?:\.1)?|events\/[\d-]+\.json|hooks\/\d+-\d+|lib)$/;

/** Nothing was said that may not be; every message is for people; files have the names they may have, or were `placed`. */
function expectWhole(world: TestWorld, refused: readonly string[], placed: readonly string[]): void {
  must(refused.length === 0, refused[0] ?? '');
  const journal = existsSync(join(world.stateDirectory, 'journal.jsonl')) ? world.journal() : [];
  const notes = journal.flatMap(({ notes: all, error = '' }) => [...all, error]);
  for (const message of [...world.errors, ...world.warnings, ...notes]) {
    for (const line of message.split('\n')) {
      must(!UNSEEN.test(line), `plain: ${JSON.stringify(line)}`);
      must(!BUG.test(line), `a message for people: ${line}`);
    }
  }
  for (const path of written(world.stateDirectory).keys())
    must(FILE.test(path) || placed.includes(path), `a file of ours: ${path}`);
}
