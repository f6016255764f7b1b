/** The user's scripts in events.d, as real programs: what they are given, their limits, and what becomes of their words. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { inspectScripts } from '../../src/kernel/scripts.ts';
import { markBegun, queuedEvents, queueEvent, readQueued, type Variables } from '../../src/state/script-queue.ts';
import { playStep } from '../support/world-steps.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { scratchDirectory } from '../support/world-scratch.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const dead = (link: string): Variables => ({ WANHOOK_EVENT: 'dead', WANHOOK_LINK: link });

interface Scripts extends TestWorld {
  readonly folder: string;
  script(name: string, text: string, mode?: number): void;
  queue(...events: readonly Variables[]): void;
  run(): Promise<void>;
  /** What scripts wrote to $OUT, which is a path in their text. */
  wrote(): string[];
}

function scriptWorld(timeout = 30): Scripts {
  const world = createTestWorld(new Map([['wanhook.env', `EVENT_TIMEOUT=${timeout}`]]));
  const folder = join(world.stateDirectory, 'events.d');
  const out = join(world.stateDirectory, 'out');
  mkdirSync(folder, { mode: 0o755 });
  return Object.assign(world, {
    folder,
    script: (name: string, text: string, mode = 0o755) => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${text.replaceAll('$OUT', out)}\n`);
      chmodSync(join(folder, name), mode);
    },
    queue: (...events: readonly Variables[]) => {
      for (const event of events) queueEvent(world.stateDirectory, event);
    },
    run: async () => {
      expect(await world.command('run-scripts')).toEqual({ code: 0, out: '', err: '' });
      expect(queuedEvents(world.stateDirectory)).toEqual([]);
    },
    wrote: () => (existsSync(out) ? readFileSync(out, 'utf8').trimEnd().split('\n') : []),
  });
}

test('events one after the other, and for each the scripts by name', async () => {
  const world = scriptWorld();
  world.script('20-b', 'echo "b $1 $2" >>$OUT');
  world.script('10-a', 'sleep 0.2; echo "a $WANHOOK_EVENT $WANHOOK_LINK" >>$OUT');
  world.queue(dead('dsl'), dead('cable'), { WANHOOK_EVENT: 'all-down' });
  await world.run();
  const want = ['a dead dsl', 'b dead dsl', 'a dead cable', 'b dead cable', 'a all-down', 'b all-down'];
  expect(world.wrote().map((line) => line.trimEnd())).toEqual(want);
  expect(world.journal().map(({ cause }) => cause[0])).toEqual([
    'script dead dsl',
    'script dead cable',
    'script all-down',
  ]);
  expect(world.errors).toEqual([]);
});

test('a clean environment, and a session of its own', async () => {
  const world = scriptWorld();
  process.env['WANHOOK_TEST_SECRET'] = 'x';
  world.script('env', 'env | sort >>$OUT; read -r a b c d e g f </proc/$$/stat; [ $$ = $e ] && echo own >>$OUT');
  world.queue({ ...dead('dsl'), WANHOOK_REASON: '$(touch /no) `x`' });
  await world.run();
  delete process.env['WANHOOK_TEST_SECRET'];
  expect(world.wrote()).toEqual([
    'HOME=/root',
    'LANG=C.UTF-8',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'PWD=/',
    'WANHOOK_EVENT=dead',
    'WANHOOK_LINK=dsl',
    'WANHOOK_REASON=$(touch /no) `x`',
    'own',
  ]);
});

test('who may not run is said, and the others run', async () => {
  const world = scriptWorld();
  world.script('10-others-write', 'echo no >>$OUT', 0o757);
  world.script('20-group-writes', 'echo no >>$OUT', 0o775);
  world.script('30-plain', 'echo no >>$OUT', 0o644);
  world.script('mail.example', 'echo no >>$OUT');
  world.script('40-backup~', 'echo no >>$OUT');
  world.script('README', 'echo no >>$OUT', 0o644);
  mkdirSync(join(world.folder, '50-folder'));
  symlinkSync('/no/such/file', join(world.folder, '60-nowhere'));
  world.script('70-right', 'echo right >>$OUT');
  world.queue(dead('dsl'));
  await world.run();
  expect(world.wrote()).toEqual(['right']);
  const said = [
    '10-others-write can be written by others (chmod go-w): not run',
    '20-group-writes can be written by others (chmod go-w): not run',
    '30-plain is not executable (chmod +x): not run',
    '50-folder is no file: not run',
    '60-nowhere points to nothing: not run',
  ].map((each) => join(world.folder, each));
  expect(world.journal()[0]?.notes.slice(0, 5)).toEqual(said);
  expect(world.errors).toEqual([said.map((each) => `script dead dsl: ${each}`).join('\n')]);
  expect(inspectScripts(world.folder, 4711).refused).toEqual([
    expect.stringMatching(/events\.d belongs to user \d+, not to root \(chown root\): no script was run$/),
  ]);
  chmodSync(world.folder, 0o777);
  expect(inspectScripts(world.folder, process.getuid?.()).runnable).toEqual([]);
});

test('too slow: TERM and KILL to the whole group, and the next one runs', async () => {
  const world = scriptWorld(1);
  // Its child would outlive it, and ignores TERM.
  world.script('10-slow', '(trap "" TERM; echo $$ >>$OUT; exec sleep 60) & echo begun; wait');
  world.script('20-stubborn', 'trap "echo asked" TERM; while :; do sleep 0.1; done');
  world.script('30-next', 'echo next >>$OUT');
  world.queue(dead('dsl'));
  await world.run();
  expect(world.wrote().slice(1)).toEqual(['next']);
  const [entry] = world.journal();
  // The shell may tell how its sleep ended.
  const notes = entry?.notes.filter((note) => !note.endsWith('Terminated'));
  expect(notes?.map((note) => note.replace(/, \d+ ms/, ''))).toEqual([
    '10-slow: ended after 1 s',
    '10-slow: | begun',
    '20-stubborn: ended after 1 s',
    '20-stubborn: | asked',
    '30-next: exit 0',
  ]);
  expect(entry?.error).toMatch(/^10-slow: ended after 1 s: begun; 20-stubborn: ended after 1 s: .*asked$/);
  expect(entry?.ms).toBeLessThan(12_000);
  const group = world.wrote()[0]!;
  expect(spawnSync('pgrep', ['-g', group]).stdout.toString()).toBe('');
}, 20_000);

test('what it leaves running is not waited for; what it prints is kept within bounds, and harmless', async () => {
  const world = scriptWorld();
  world.script('10-leaves', 'sleep 5 & echo started');
  world.script('20-talks', 'printf "\\033[2J\\007bell\\n" >&2; yes yes yes | head -c 300000; exit 3');
  world.script('30-broken', '');
  writeFileSync(join(world.folder, '30-broken'), '#!/no/such/shell\n');
  world.queue(dead('dsl'));
  const started = Date.now();
  await world.run();
  expect(Date.now() - started).toBeLessThan(4000);
  const [entry] = world.journal();
  const notes = entry?.notes.map((note) => note.replace(/, \d+ ms/, '')) ?? [];
  expect(notes.slice(0, 4)).toEqual([
    '10-leaves: exit 0',
    '10-leaves: | started',
    '20-talks: exit 3',
    expect.stringMatching(/^20-talks: \| (?: \[2J bell|yes)/),
  ]);
  expect(notes.join('\n').length).toBeLessThan(30_000);
  expect(notes.at(-1)).toMatch(/^30-broken: cannot be run: spawn .* ENOENT$/);
  expect(world.errors.join()).toMatch(/20-talks: exit 3: yes/);
});

test('a runner that takes over goes on behind the script that was running', async () => {
  const world = scriptWorld();
  for (const name of ['10-a', '20-b', '30-c']) world.script(name, `echo ${name} >>$OUT`);
  world.queue(dead('dsl'), dead('cable'));
  const [first] = queuedEvents(world.stateDirectory);
  markBegun(readQueued(first!)!, '20-b');
  await world.run();
  expect(world.wrote()).toEqual(['30-c', '10-a', '20-b', '30-c']);
  expect(world.journal()[0]?.error).toBe('20-b was running when its runner was killed: not run again');
});

test('the queue is bounded; rubbish in it is removed', async () => {
  const world = scriptWorld();
  world.script('10-a', 'echo "$2" >>$OUT');
  const notes = Array.from({ length: 258 }, (_, n) => queueEvent(world.stateDirectory, dead(`l${n}`))).flat();
  expect(notes).toHaveLength(2);
  expect(notes[0]).toMatch(/^more than 256 events wait/);
  expect(readQueued(queuedEvents(world.stateDirectory)[0]!)?.variables['WANHOOK_LINK']).toBe('l2');
  for (const path of queuedEvents(world.stateDirectory).slice(0, -2))
    writeFileSync(path, '{"variables":{"PATH":"/x"}}');
  await world.run();
  expect(world.wrote()).toEqual(['l256', 'l257']);
});

test('reconcile tells each change once, whoever notices; stopping and starting is no news', async () => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  const told = () => world.told.splice(0).map((v) => `${v['WANHOOK_EVENT']} ${v['WANHOOK_LINK']}`.trim());
  const steps = async (...all: string[]) => {
    for (const step of all) await playStep(on, step);
    return told();
  };
  const START = [
    'config links/dsl.env ID=1 DEVICE=ppp0 PPP_IPPARAM=dsl',
    'config links/lte.env ID=2 DEVICE=eth1 TIER=2',
  ];
  await steps(...START);
  expect(await steps('line ppp0 up 192.0.2.11', 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl')).toEqual(['up dsl']);
  expect(await steps('ip-up ppp0 192.0.2.11 192.0.2.254 dsl')).toEqual([]);
  expect(await steps('line eth1 up 198.51.100.2', 'dhclient BOUND eth1 198.51.100.2 198.51.100.1')).toEqual(['up lte']);
  const down = await steps('line ppp0 hangs up', 'ip-down ppp0 192.0.2.11 192.0.2.254 dsl');
  expect(down).toEqual(['down dsl', 'tier']);
  expect(world.journal().at(-1)?.events?.[0]).toBe('down dsl: taken down by pppd (ip-down)');
  await world.stop();
  await world.apply();
  expect(told()).toEqual([]);
  expect(readFileSync(join(world.stateDirectory, 'health'), 'utf8')).toBe('link dsl down ppp0\nlink lte up eth1\n');
  await world.stop();
  expect(readFileSync(join(world.stateDirectory, 'health'), 'utf8')).toBe('stopped\n');
});

test('what cannot be told is told by the next run', async () => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  for (const step of ['config links/dsl.env ID=1 DEVICE=ppp0 PPP_IPPARAM=dsl', 'line ppp0 up 192.0.2.11']) {
    await playStep(on, step);
  }
  const { tell } = world;
  Object.assign(world, {
    tell: () => {
      throw new Error('no space left on device');
    },
  });
  await playStep(on, 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl');
  expect(world.warnings).toEqual(['cannot tell scripts and "wanhook health": no space left on device']);
  Object.assign(world, { tell });
  await world.apply();
  expect(world.told.map((each) => each['WANHOOK_EVENT'])).toEqual(['up']);
});

/** An example of events.d, with a stand-in for the program that it needs: what that was given. */
function example(name: string, event: Variables): string {
  const folder = scratchDirectory('bin');
  mkdirSync(folder);
  for (const tool of ['curl', 'sendmail', 'systemctl']) {
    writeFileSync(join(folder, tool), '#!/bin/sh\necho "${0##*/} $*"; [ "${0##*/}" != sendmail ] || cat\n', {
      mode: 0o755,
    });
  }
  const path = fileURLToPath(new URL(`../../etc/wanhook/events.d/${name}.example`, import.meta.url));
  const env = { ...event, PATH: `${folder}:/usr/bin:/bin` };
  const { stdout, stderr, status } = spawnSync('/bin/sh', [path], { encoding: 'utf8', env });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

test('the examples: mail, dynamic DNS, VPN', () => {
  const line = { ...dead('dsl'), WANHOOK_DEVICE: 'ppp0', WANHOOK_ADDRESS: '192.0.2.1', WANHOOK_LINKS_UP: 'lte' };
  const mail = example('10-mail', { ...line, WANHOOK_REASON: 'no answer' });
  expect(mail).toMatch(
    /^sendmail -oi -- root\nTo: root\nSubject: \[.*\] dsl: dead\n\n.*\nno answer\n\nworking: +lte\n/,
  );
  expect(example('10-mail', { ...line, WANHOOK_EVENT: 'tier' })).toBe('');
  expect(example('30-ddns', line)).toBe('');
  expect(example('30-ddns', { ...line, WANHOOK_EVENT: 'up' })).toMatch(
    / --interface ppp0 --get --data-urlencode hostname=dsl\.home\.example\.org --data-urlencode myip=192\.0\.2\.1 https:/,
  );
  expect(example('40-vpn', line)).toBe('systemctl try-restart openvpn-client@office.service\n');
  expect(example('40-vpn', { ...line, WANHOOK_LINKS_UP: '' })).toBe('');
  expect(example('40-vpn', { ...line, WANHOOK_EVENT: 'up' })).toBe('');
});
