import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { keepConfig, keptConfig } from '../../src/state/kept-config.ts';
import { scratchDirectory } from '../support/world-scratch.ts';

const LATER = Date.now() + 3_600_000;

function place(rules: string[] = []) {
  const root = scratchDirectory('kept');
  const [stateDirectory, configDirectory] = [join(root, 'run'), join(root, 'etc')];
  for (const folder of ['run', 'etc/links', 'etc/rules', 'lib']) mkdirSync(join(root, folder), { recursive: true });
  const write = (path: string, text: string) => writeFileSync(join(root, path), text);
  write('etc/links/dsl.env', 'ID=1\nDEVICE=ppp0\n');
  write('lib/ip-up.cjs', 'code');
  write('run/config.json', '{}');
  write('run/names', 'ppp0\n\n');
  const links = [{ path: 'dsl.env', name: 'dsl', text: 'ID=1\nDEVICE=ppp0\n' }];
  const files = rules.map((text, n) => ({ path: `${n}`, name: `10-${n}`, text }));
  const { config, problems } = parseConfig({ links, rules: files });
  expect(problems).toEqual([]);
  const keeper = { stateDirectory, configDirectory, bundle: join(root, 'lib/ip-up.cjs') };
  return { root, keeper, config: config!, kept: join(stateDirectory, 'ip-up.config') };
}

test('what one hook has parsed is the next one’s', () => {
  const { keeper, config } = place(['USE=dsl\nFROM=10.0.0.0/8']);
  expect(keptConfig(keeper)).toBeUndefined();
  keepConfig(keeper, config, LATER);
  expect(keptConfig(keeper)?.config).toEqual(config);
});

test.each<[string, (root: string) => void]>([
  ['a file is longer', (root) => appendFileSync(join(root, 'etc/links/dsl.env'), '#')],
  [
    'a file is another of the same length',
    (root) => writeFileSync(join(root, 'etc/links/dsl.env'), 'ID=2\nDEVICE=ppp0\n'),
  ],
  ['a file is dated back', (root) => utimesSync(join(root, 'etc/links/dsl.env'), 0, 0)],
  ['others may write a file', (root) => chmodSync(join(root, 'etc/links/dsl.env'), 0o666)],
  ['there is another file', (root) => writeFileSync(join(root, 'etc/links/new.env'), '')],
  ['there is one less', (root) => rmSync(join(root, 'etc/links/dsl.env'))],
  ['there is a first main file', (root) => writeFileSync(join(root, 'etc/wanhook.env'), '')],
  ['there is a first set', (root) => mkdirSync(join(root, 'etc/sets'))],
  ['the last good one is another', (root) => writeFileSync(join(root, 'run/config.json'), '{} ')],
  ['the names are lost', (root) => rmSync(join(root, 'run/names'))],
  ['the hook is another version’s', (root) => appendFileSync(join(root, 'lib/ip-up.cjs'), ';')],
  ['the hook is gone', (root) => renameSync(join(root, 'lib/ip-up.cjs'), join(root, 'lib/else'))],
  ['what was kept is cut', (root) => cut(join(root, 'run/ip-up.config'))],
  ['what was kept is no object', (root) => writeFileSync(join(root, 'run/ip-up.config'), '[]')],
  ['what was kept is empty', (root) => writeFileSync(join(root, 'run/ip-up.config'), '{}')],
])('parsed anew when %s', (_, change) => {
  const { root, keeper, config } = place();
  keepConfig(keeper, config, LATER);
  expect(keptConfig(keeper)?.config).toEqual(config);
  change(root);
  expect(keptConfig(keeper)).toBeUndefined();
});

const cut = (path: string) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20));

test('not kept: files that may change once more within a tick of the clock, and what JSON has no word for', () => {
  const young = place();
  keepConfig(young.keeper, young.config, Date.now());
  expect(keptConfig(young.keeper)).toBeUndefined();
  const six = place(['USE=dsl\nTO=2001:db8::/32']);
  keepConfig(six.keeper, six.config, LATER);
  expect(keptConfig(six.keeper)).toBeUndefined();
});
