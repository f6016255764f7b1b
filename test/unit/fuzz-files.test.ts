/**
 * Configuration and state files that somebody has spoilt. A configuration is whole, or all that is wrong is told; what is in
 * /run and /var/lib counts as far as it makes sense, and nothing of it comes out anywhere else.
 */
import fc from 'fast-check';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'vitest';
import { parseConfig, type ConfigFiles, type NamedFile } from '../../src/config/parse.ts';
import { entryText } from '../../src/cli/log.ts';
import { showProblem } from '../../src/errors.ts';
import { expectPlain, holds, must, WORLD_SHARE } from '../support/fuzz.ts';
import { asJson, edits, spoilJson, spoilLines, spoilText, word, type Edit } from '../support/fuzz-values.ts';
import { guardedWorld, playAll } from '../support/fuzz-worlds.ts';

const played = await playAll();
const world = (name: string) => played.find((each) => each.name === name)!;
/** By name: a counterexample is printed. */
const one = fc.constantFrom(...played.map(({ name }) => name));

/** Some of a scenario's files spoilt, and now and then one called otherwise. */
const files = fc
  .tuple(one, fc.array(fc.tuple(fc.nat(), fc.boolean(), edits(3)), { minLength: 1, maxLength: 4 }), fc.option(word))
  .map(([scenario, all, name]) => {
    const now = new Map(world(scenario).files);
    for (const [which, byLines, some] of all) {
      const path = [...now.keys()][which % now.size] ?? 'wanhook.env';
      now.set(path, (byLines ? spoilLines : spoilText)(now.get(path) ?? '', some));
    }
    if (name !== null) now.set(`${name.length % 2 ? 'links' : 'rules'}/${name}.env`, [...now.values()][0] ?? '');
    return now;
  });

function asConfigFiles(texts: ReadonlyMap<string, string>): ConfigFiles {
  const named = (folder: string, ending: string): NamedFile[] =>
    [...texts]
      .filter(([path]) => path.startsWith(`${folder}/`))
      .map(([path, text]) => ({
        path: folder,
        text,
        name: path.slice(folder.length + 1, path.length - ending.length),
      }));
  const main = texts.get('wanhook.env');
  return {
    ...(main !== undefined && { main: { path: 'wanhook.env', text: main } }),
    links: named('links', '.env'),
    rules: named('rules', '.env'),
    sets: named('sets', ''),
    clients: named('clients', '.env'),
  };
}

holds('configuration', files, (texts) => {
  const { config, problems, warnings = [] } = parseConfig(asConfigFiles(texts));
  must((config === undefined) === problems.length > 0, 'a configuration or problems');
  must(problems.length < 2_000, 'not too many problems');
  [...problems, ...warnings].forEach((problem) => expectPlain(showProblem(problem)));
});

holds(
  'configuration, in the kernel',
  files,
  async (texts) => {
    const { world: spoilt, whole } = guardedWorld(texts);
    if (spoilt.loadConfig().config === undefined) return;
    for (const [at, device] of ['ppp0', 'ppp1', 'eth1', 'eth2'].entries()) {
      spoilt.fake.addAddress(device, device.startsWith('p') ? `192.0.2.${at + 10}` : `198.51.10${at}.2/24`);
    }
    await spoilt.apply();
    for (const command of [['status'], ['check'], ['plan'], ['clients'], ['log']]) await spoilt.command(...command);
    whole();
  },
  WORLD_SHARE,
);

const STATE = /^(?:state|config|applied|health)\.json$|^lib\//;
const writtenFiles = played.flatMap(({ name, written }) =>
  [...written].filter(([path]) => STATE.test(path)).map(([path, text]) => ({ name, path, text })),
);
test('there are state files to be spoilt', () => {
  const names = new Set(writtenFiles.map(({ path }) => path));
  for (const name of ['state.json', 'config.json', 'lib/clients.json']) must(names.has(name), name);
});

/** Most of it as JSON that is whole and means something else. */
const spoiltState = fc
  .tuple(fc.constantFrom(...writtenFiles), edits(4), fc.nat(9))
  .map(([{ name, path, text }, all, how]) => ({
    name,
    path,
    text: how === 0 ? spoilText(text, all) : asJson(spoilJson(JSON.parse(text), all)),
  }));

holds(
  'state files',
  spoiltState,
  async ({ name, path, text }) => {
    const { world: spoilt, whole } = guardedWorld(world(name).files);
    spoilt.fake.addAddress('ppp0', '192.0.2.10');
    const place = join(spoilt.stateDirectory, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
    await spoilt.apply();
    await spoilt.hook('ip-up', { args: ['ppp0', '', '', '192.0.2.10', '192.0.2.254', 'dsl'], env: {} });
    for (const command of [['status'], ['status', '--json'], ['metrics'], ['clients'], ['pins']]) {
      const { err } = await spoilt.command(...command);
      must(!/Cannot read|is not a/.test(err), err);
    }
    whole();
  },
  WORLD_SHARE * 4,
);

const EVENT = {
  ...{
    source: 'dhclient',
    kind: 'up',
    device: 'eth1',
    address: '198.51.100.2',
    gateway: '198.51.100.1',
    cause: 'BOUND',
  },
  ...{ dns: ['192.0.2.53'], prefix: 24, family: 6, prefixes: ['2001:db8:1::/56'], ipparam: 'dsl', linkname: 'x' },
};
/** In events/ and in hooks/, under names that fit and that do not. */
const drops = fc.array(fc.tuple(fc.boolean(), edits(4), fc.option(word), fc.nat(3)), { minLength: 1, maxLength: 3 });
holds(
  'dropped events',
  fc.tuple(one, drops),
  async ([name, all]) => {
    const { world: spoilt, whole } = guardedWorld(world(name).files);
    for (const name of ['events', 'hooks']) mkdirSync(join(spoilt.stateDirectory, name), { recursive: true });
    const placed = all.map(([isHook, some, name, how], n) => {
      const path = isHook
        ? `hooks/${nameOf(name) ?? `${100 + n}-${n}`}`
        : `events/${nameOf(name) ?? `00${n}-${n}.json`}`;
      writeFileSync(join(spoilt.stateDirectory, path), isHook ? spoilText(DROPPED, some) : spoiltEvent(some, how));
      return path;
    });
    await spoilt.apply();
    whole(placed);
  },
  WORLD_SHARE,
);

const DROPPED = ['dhclient', '0', 'reason=BOUND', 'interface=eth1', 'new_ip_address=198.51.100.2', ''].join('\0');
const spoiltEvent = (some: readonly Edit[], how: number) =>
  how === 0 ? spoilText(JSON.stringify(EVENT), some) : asJson(spoilJson(EVENT, some));
/** One that a file can have. */
function nameOf(name: string | null): string | undefined {
  const can = name !== null && !/[/\0\ud800-\udfff\ufffd]|^\.{0,2}$/.test(name) && Buffer.byteLength(name) < 200;
  return can ? name : undefined;
}

const ENTRY = {
  ...{ time: '2026-01-01T00:00:00.000Z', cause: ['pppd ip-up ppp0'], events: ['up dsl: x'], changed: ['ip rule add'] },
  ...{ notes: ['one', 'two'], error: 'no', ms: 12 },
};
holds(
  'journal',
  fc.tuple(one, fc.array(fc.tuple(fc.boolean(), edits(3)), { maxLength: 5 })),
  async ([name, all]) => {
    const { world: spoilt } = guardedWorld(world(name).files);
    const line = JSON.stringify(ENTRY);
    const lines = all.map(([asText, some]) => (asText ? spoilText(line, some) : asJson(spoilJson(ENTRY, some))));
    writeFileSync(join(spoilt.stateDirectory, 'journal.jsonl'), `${lines.join('\n')}\n`);
    for (const argv of [['log'], ['log', '--json'], ['-v', 'log']]) {
      const { code, out, err } = await spoilt.command(...argv);
      must(code === 0 && err === '', `"wanhook ${argv.join(' ')}" shows what it can: ${err}`);
      must(!/[\p{Cc}]/u.test(out.replaceAll('\n', '')), 'nothing that a terminal obeys');
    }
  },
  WORLD_SHARE * 4,
);

test('a journal entry as it is written', () => expectPlain(entryText(ENTRY, false).trimEnd()));
