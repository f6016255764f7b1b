/** The completions that are built, in the shells that use them. zsh and fish only where they are installed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestWorld } from '../support/world.ts';

const scratch = mkdtempSync(join(tmpdir(), 'wanhook-completion-'));
const links = join(scratch, 'links');
beforeAll(() => {
  mkdirSync(links);
  for (const name of ['dsl', 'cable-2']) writeFileSync(join(links, `${name}.env`), '');
  writeFileSync(join(links, 'README'), '');
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** As built, but for the place where the links are. */
async function script(shell: string): Promise<string> {
  const { code, out } = await createTestWorld().command('completion', shell);
  if (code !== 0) throw new Error(`no completion for ${shell}`);
  const path = join(scratch, shell === 'zsh' ? '_wanhook' : shell);
  writeFileSync(path, out.replaceAll('/etc/wanhook/links', links));
  return path;
}

function run(argv: readonly string[], input = ''): string {
  const [file = '', ...args] = argv;
  const env = {
    PATH: process.env['PATH'],
    HOME: scratch,
    TERM: 'dumb',
    XDG_CONFIG_HOME: scratch,
    XDG_DATA_HOME: scratch,
  };
  const { stdout, stderr, status } = spawnSync(file, args, { input, encoding: 'utf8', cwd: '/', env, timeout: 20_000 });
  if (status !== 0) throw new Error(`${file}: ${String(status)}: ${stderr}${stdout}`);
  return stdout;
}

const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion';
function bash(path: string, words: readonly string[]): string {
  const rest = existsSync(BASH_COMPLETION) ? `. ${BASH_COMPLETION}` : ':';
  const list = words.map((word) => `'${word}'`).join(' ');
  return run([
    'bash',
    '-c',
    `${rest}; . ${path}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; COMP_LINE="\${COMP_WORDS[*]}"
     COMP_POINT=\${#COMP_LINE}; _wanhook; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);
}

/** A zsh on a terminal of its own that prints what it would offer at TAB, instead of offering it. */
function zsh(_: string, words: readonly string[]): string {
  const inner = `PS1=; fpath=(${scratch} $fpath); autoload -Uz compinit; compinit -u -d ${scratch}/dump; bindkey '^I' complete-word
zstyle ':completion:*' list-prompt ''; zstyle ':completion:*' menu no
begin() { print -r -- '<begin>' }; finish() { print -r -- '<end>'; exit }
compprefuncs=(begin); comppostfuncs=(finish)
compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -A hits "$@"; print -rl -- $hits; builtin compadd "$@"
}`;
  writeFileSync(join(scratch, 'inner.zsh'), inner);
  const outer = `zmodload zsh/zpty; zpty inner zsh -f -i; zpty -w inner 'source ${scratch}/inner.zsh; print ready'
zpty -r inner line '*ready*ready*'; zpty -n -w inner $'${words.join(' ')}\\t'
zpty -r inner line '*<end>*'; print -r -- "\${\${line##*<begin>}%%<end>*}"`;
  return run(['zsh', '-f', '-c', outer]);
}

function fish(path: string, words: readonly string[]): string {
  return run(['fish', '--no-config', '-c', `source ${path}; complete -C "${words.join(' ')}"`]).replaceAll(/\t.*/g, '');
}

/** What is offered for the last word, exactly; or some of it. */
const CASES: readonly [
  words: readonly string[],
  want: readonly string[] | { readonly including: readonly string[] },
][] = [
  [['wanhook', 'sta'], ['status']],
  [['wanhook', ''], { including: ['apply', 'init', 'try', 'confirm', 'rollback', 'use', 'health'] }],
  [['wanhook', '-v', 'pl'], ['plan']],
  [
    ['wanhook', 'use', ''],
    ['cable-2', 'dsl'],
  ],
  [['wanhook', 'use', 'd'], ['dsl']],
  [['wanhook', 'failback', 'dsl', 'c'], ['cable-2']],
  [
    ['wanhook', 'health', '--a'],
    ['--all', '--any'],
  ],
  [
    ['wanhook', 'health', ''],
    ['cable-2', 'dsl'],
  ],
  [
    ['wanhook', 'event', ''],
    ['down', 'up'],
  ],
  [['wanhook', 'event', 'up', 'l'], ['lo']],
  [['wanhook', 'event', 'up', 'lo', '--ad'], ['--address']],
  [['wanhook', 'explain', '--iif', 'l'], ['lo']],
  [['wanhook', 'try', '--c'], ['--confirm']],
  [['wanhook', 'pins', 'f'], ['flush']],
  [['wanhook', 'status', '--js'], ['--json']],
  [['wanhook', 'use', 'dsl', '--', 'mktem'], ['mktemp']],
];

const SHELLS = { bash, zsh, fish };
const has = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
// zsh answers on a terminal, and on a busy machine what was typed may come between.
describe.each(Object.entries(SHELLS))('%s', { retry: 2 }, (name, complete) => {
  const there = has(name);
  let path = '';
  beforeAll(async () => {
    path = await script(name);
  });
  test.runIf(there).each(CASES)('%j', (words, want) => {
    const got = complete(path, words)
      .split(/[\s\0]+/)
      .filter((word) => /^[\w-]/.test(word));
    if ('including' in want) expect(got).toEqual(expect.arrayContaining([...want.including]));
    else expect([...new Set(got)].toSorted()).toEqual(want);
  });
});

test('there is no completion for other shells, and what is hidden stays so', async () => {
  expect(await createTestWorld().command('completion', 'csh')).toMatchObject({ code: 2 });
  for (const shell of Object.keys(SHELLS)) {
    expect((await createTestWorld().command('completion', shell)).out).not.toMatch(
      /run-scripts|--due|\bcompletion shell/,
    );
  }
});
