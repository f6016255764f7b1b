/** The man pages say what the code has: every key, command and option, both ways; and they are clean. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { placesOf } from '../../src/cli/completion.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { CLIENT_KEYS, GLOBAL_KEYS, LINK_KEYS } from '../../src/config/keys.ts';
import { RULE_KEYS } from '../../src/config/rule-keys.ts';
import { createTestWorld } from '../support/world.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAN = join(ROOT, 'docs/man');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The sections of wanhook.env(5) that list keys. */
function section(title: string): string {
  const text = read('docs/man/wanhook.env.5');
  const from = text.indexOf(`.Sh ${title}\n`);
  if (from < 0) throw new Error(`no section ${title}`);
  return text.slice(from, text.indexOf('\n.Sh ', from + 1));
}
const keysIn = (title: string) => [...section(title).matchAll(/^\.It Ev (\S+)$/gm)].map(([, key]) => key!);

test.each([
  ['THE ROUTER', GLOBAL_KEYS],
  ['A LINK', LINK_KEYS],
  ['A RULE', RULE_KEYS],
  ['A CLIENT', CLIENT_KEYS],
])('wanhook.env(5), %s: every key there is, and no other', (title, keys) => {
  expect(keysIn(title).toSorted()).toEqual(Object.keys(keys).toSorted());
});

test('wanhook.env(5): the defaults are those of the wanhook.env that is shipped', () => {
  const shipped = [...read('etc/wanhook/wanhook.env').matchAll(/^#([A-Z0-9_]+)=(.*)$/gm)].map(([, key, value]) => [
    key,
    value,
  ]);
  const items = [
    ...`${section('THE ROUTER')}${section('A LINK')}`.matchAll(/^\.It Ev (\S+)\n([^]*?)(?=^\.(?:It|El))/gm),
  ];
  const said = items.flatMap(([, key, text]) => {
    const value = /^Default:\n\.Ql (\S+) \.$/m.exec(text!)?.[1];
    return value === undefined ? [] : [[key, value]];
  });
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(shipped));
});

/** `pins flush` → its options, as wanhook(8) has them. */
function commandsInMan(): Record<string, string[]> {
  const text = read('docs/man/wanhook.8').replaceAll(
    /^\.It Xo (.*)\n([^]*?)^\.Xc$/gm,
    (_, head: string, rest: string) => {
      return `.It ${head} ${rest.replaceAll(/^\./gm, ' ').replaceAll('\n', ' ')}`;
    },
  );
  const items = [...text.matchAll(/^\.It ((?:Cm|Fl) .*)$/gm)].map(([, item]) => item!);
  const found: Record<string, string[]> = { '': [] };
  for (const item of items) {
    const path = item.startsWith('Cm ') ? (/^Cm ([a-z]+(?: flush)?)/.exec(item)?.[1] ?? '') : '';
    const flags = [...item.matchAll(/\bFl (-?[a-z-]+)|(?<=\| )(-[a-z]+)/gi)].map(
      ([, flag, other]) => `-${flag ?? other!}`,
    );
    found[path] = [...(found[path] ?? []), ...flags].toSorted();
  }
  return found;
}

test('wanhook(8): every command and option there is, and no other', () => {
  const context = createTestWorld().context({ out: () => undefined, err: () => undefined });
  const places = placesOf(buildProgram(context, () => undefined));
  const there = places.map(({ path, options }) => {
    const flags = options
      .flatMap((option) => option.flags)
      .filter((flag) => path === '' || !/^-(?:h|-help)$/.test(flag));
    return [path.slice(1).replaceAll('/', ' '), flags.toSorted()] as const;
  });
  expect(commandsInMan()).toEqual(Object.fromEntries(there));
});

test('wanhook-hooks(7): every variable of a script that events.d/README has', () => {
  const variables = (text: string) => new Set(text.match(/\bWANHOOK_[A-Z0-9_]+/g));
  expect(variables(read('docs/man/wanhook-hooks.7'))).toEqual(variables(read('etc/wanhook/events.d/README')));
});

const there = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
test.runIf(there('mandoc')).each(readdirSync(MAN))('%s: mandoc finds nothing', (page) => {
  const { stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', join(MAN, page)], {
    encoding: 'utf8',
  });
  // It would like a database of all man pages on this machine.
  const found = (stdout + stderr).split('\n').filter((line) => line !== '' && !line.includes('outdated mandoc.db'));
  expect(found).toEqual([]);
});
test.runIf(there('groff')).each(readdirSync(MAN))('%s: groff finds nothing', (page) => {
  const argv = ['-mandoc', '-Tutf8', '-ww', '-z', join(MAN, page)];
  expect(spawnSync('groff', argv, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
