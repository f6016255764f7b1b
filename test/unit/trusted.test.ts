/** Root believes only what root alone can write: with real users and modes, so as root. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { showProblem } from '../../src/errors.ts';
import { makePrivateDirectory, requirePrivate, writeAtomically } from '../../src/state/files.ts';
import { hookInput } from '../support/world-hook-input.ts';
import { scratchDirectory } from '../support/world-scratch.ts';
import { createTestWorld } from '../support/world.ts';

const NOBODY = 65_534;
const asRoot = test.runIf(process.getuid?.() === 0);

function configuration(): string {
  const directory = scratchDirectory('etc');
  mkdirSync(join(directory, 'links'), { recursive: true });
  writeFileSync(join(directory, 'links/dsl.env'), 'ID=1\nDEVICE=ppp0\n');
  writeFileSync(join(directory, 'wanhook.env'), 'LAN=any\n');
  return directory;
}
const problemsOf = (directory: string) => loadConfig(directory).problems.map(showProblem);

type Change = (path: string) => void;
const toNobody: Change = (path) => chownSync(path, NOBODY, 0);
const mode =
  (bits: number, gid = 0): Change =>
  (path) => {
    chownSync(path, 0, gid);
    chmodSync(path, bits);
  };

asRoot.each<readonly [string, Change, RegExp]>([
  ['', toNobody, /belongs to user 65534, not to root: chown root/],
  ['links', mode(0o777), /can be written by anybody: chmod o-w/],
  ['links/dsl.env', toNobody, /belongs to user 65534/],
  ['links/dsl.env', mode(0o666), /can be written by anybody/],
  ['wanhook.env', mode(0o664, 4), /can be written by group 4: chmod g-w/],
])('/etc/wanhook/%s that a stranger can write is refused, and the mend told', (name, change, want) => {
  const directory = configuration();
  expect(problemsOf(directory)).toEqual([]);
  const path = join(directory, name).replace(/\/$/, '');
  change(path);
  const problems = problemsOf(directory);
  expect(problems.join('\n')).toMatch(want);
  expect(problems.join('\n')).toContain(`${path}: `);
  expect(loadConfig(directory).config).toBeUndefined();
});

asRoot('a group of root’s own may write', () => {
  const directory = configuration();
  chmodSync(join(directory, 'wanhook.env'), 0o664);
  expect(problemsOf(directory)).toEqual([]);
});

test('a pipe, a device or a huge file in /etc/wanhook keeps nobody waiting', () => {
  const directory = configuration();
  execFileSync('mkfifo', [join(directory, 'links/pipe.env')]);
  symlinkSync('/dev/zero', join(directory, 'links/zero.env'));
  writeFileSync(join(directory, 'links/huge.env'), Buffer.alloc(1024 * 1024 + 1, '#'));
  const problems = problemsOf(directory).join('\n');
  expect(problems).toContain('links/pipe.env: is no file');
  expect(problems).toContain('links/zero.env: is no file');
  expect(problems).toContain('links/huge.env: is larger than 1048576 bytes');
});

asRoot.each<readonly [string, Change, RegExp]>([
  ['a stranger has made it', toNobody, /belongs to user 65534/],
  ['anybody may write it', mode(0o777), /can be written by anybody/],
  ['a group may write it', mode(0o770, 4), /can be written by group 4/],
])('a state directory is refused: %s', (_, change, want) => {
  const directory = scratchDirectory('run');
  makePrivateDirectory(directory);
  expect(() => makePrivateDirectory(directory)).not.toThrow();
  change(directory);
  expect(() => makePrivateDirectory(directory)).toThrow(want);
  expect(() => requirePrivate(directory)).toThrow(want);
});

asRoot(
  'a state directory below a place that anybody can write is refused, unless nobody can take it away there',
  () => {
    const place = scratchDirectory('place');
    const directory = join(place, 'wanhook');
    makePrivateDirectory(directory);
    chmodSync(place, 0o777);
    expect(() => requirePrivate(directory)).toThrow(/place-\d+ can be written by anybody/);
    chmodSync(place, 0o1777);
    expect(() => requirePrivate(directory)).not.toThrow();
  },
);

test('the place of the state directory may be a link of the system’s', () => {
  const disk = scratchDirectory('disk');
  mkdirSync(disk, { mode: 0o755 });
  const place = scratchDirectory('lib');
  symlinkSync(disk, place);
  const directory = join(place, 'wanhook');
  makePrivateDirectory(directory);
  expect(() => requirePrivate(directory)).not.toThrow();
});

test('a link in the place of the state directory is not followed', () => {
  const elsewhere = scratchDirectory('elsewhere');
  mkdirSync(elsewhere);
  const directory = scratchDirectory('run');
  symlinkSync(elsewhere, directory);
  expect(() => makePrivateDirectory(directory)).toThrow(/is no directory/);
  expect(readdirSync(elsewhere)).toEqual([]);
});

test('a link in the place of a file that is written is replaced, not followed', () => {
  const directory = scratchDirectory('run');
  makePrivateDirectory(directory);
  const victim = join(directory, 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, join(directory, 'metrics.prom'));
  symlinkSync(victim, join(directory, `metrics.prom.${process.pid}.tmp`));
  writeAtomically(join(directory, 'metrics.prom'), 'text');
  expect([readFileSync(victim, 'utf8'), readFileSync(join(directory, 'metrics.prom'), 'utf8')]).toEqual([
    'precious',
    'text',
  ]);
});

/** The shell looks before Node does: is the directory root's own? */
const shim = readFileSync(join(import.meta.dirname, '../../hooks/run-hook.sh'), 'utf8');
asRoot.each<readonly [string, (path: string) => void, boolean]>([
  ['nothing', () => undefined, true],
  ['root’s own', (path) => mkdirSync(path), true],
  ['a stranger’s', (path) => [mkdirSync, toNobody].forEach((act: Change) => act(path)), false],
  ['a link', (path) => symlinkSync('/tmp', path), false],
])('run-hook.sh goes on where /run/wanhook is %s', (_, make, goesOn) => {
  const directory = scratchDirectory('run');
  make(directory);
  const check = /^is_strange\(\) \{[^]*?^\}$/m.exec(shim)?.[0] ?? 'exit 9';
  const script = `run=${directory}; ${check}; ! is_strange || exit 3`;
  let code = 0;
  try {
    execFileSync('sh', ['-c', script]);
  } catch (error) {
    code = (error as { status: number }).status;
  }
  expect(code).toBe(goesOn ? 0 : 3);
});

test('no secret of a daemon’s environment is written anywhere', async () => {
  const world = createTestWorld(new Map([['links/dsl.env', 'ID=1\nDEVICE=ppp0\n']]));
  world.fake.addDevice('ppp0', { pointToPoint: true });
  world.fake.addAddress('ppp0', '192.0.2.11', '192.0.2.254');
  world.fake.setUp('ppp0', true);
  const env = { PPP_PASSWORD: 'S3CRET', PPPLOGNAME: 'S3CRET', CALL_FILE: 'S3CRET', LINKNAME: 'x', DNS1: 'S3CRET' };
  const { args } = hookInput('ip-up', ['ppp0', '192.0.2.11', '192.0.2.254', 'dsl']);
  await world.hook('ip-up', { args, env });
  await world.hook('ip-up', { args: ['ppp0', 'S3CRET', '', 'no address'], env });
  expect(world.state().links['dsl']?.address).toBe('192.0.2.11');
  const files = readdirSync(world.stateDirectory, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(world.stateDirectory, name),
  );
  const texts = files.flatMap((path) => (existsSync(path) && !path.endsWith('lib') ? [textOf(path)] : []));
  expect([...texts, ...world.errors, ...world.warnings, JSON.stringify(world.told)].join('\n')).not.toContain('S3CRET');
});

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** What a daemon is started with ends at `env -i`; no process is started before, and after it only named variables go on. */
test('run-hook.sh hands on named variables only, neither passwords nor anything that Node or the loader obeys', () => {
  const lists = [...shim.matchAll(/handed='([^']*)'/g)].map(([, names = '']) => names.split(/\s+/));
  expect(lists.length).toBeGreaterThan(7);
  for (const name of lists.flat()) expect(name).not.toMatch(/NODE|^LD_|PASS|SECRET|^ENV$|IFS|PATH/i);
  expect(shim).toMatch(/^clean='\/usr\/bin\/env -i PATH=[a-z:/]+ LC_ALL=C'$/m);
  const code = shim.replace(/^ *#.*$|handed='[^']*'|"hook \$hook: .*$/gm, '').replace(/<<'LOOK'[^]*?^LOOK$/gm, '');
  const started = [...code.matchAll(/(\S+) (?:grep|logger|rm|sleep|ip|nft|\/bin\/sh|WANHOOK_LOOK=\S+) /g)];
  expect(started.length).toBeGreaterThan(9);
  expect(started.filter(([, before = '']) => !before.endsWith('$clean')).map(([all]) => all)).toEqual([]);
});

/** The shims: only assignments, builtins, and what sources run-hook.sh; but for pppd's and udhcpc's own scripts. */
test.each(['pppd', 'dhclient-exit-hook', 'dhcpcd-hook', 'udhcpc', 'networkmanager', 'networkd', 'ifupdown'])(
  '%s.sh starts nothing in the daemon’s environment',
  (name) => {
    const text = readFileSync(join(import.meta.dirname, `../../hooks/${name}.sh`), 'utf8');
    const lines = text.split('\n').filter((line) => !/^\s*#|^$/.test(line));
    const plain =
      /^\s*(?:if \[|elif \[|fi$|exit 0$|\[ -r |\w+=|set --|\. \/usr\/lib\/wanhook\/run-hook\.sh$|\/usr\/bin\/env -i PATH=[a-z:/]+ logger |'hook \w+: not heard|\((?:set -- && )?hook=\S+ && \. \/usr\/lib\/wanhook\/run-hook\.sh\))/;
    expect(lines.filter((line) => !plain.test(line)).map((line) => line.trim())).toEqual(
      name === 'pppd' ? ['"$0.before-wanhook" "$@"'] : [],
    );
  },
);
