/** `wanhook try` on the fake kernel: which configuration holds when, whoever asks; and what a trial's file may say. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadTrial } from '../../src/state/trial.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { playStep } from '../support/world-steps.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const UP1 = 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl1';
const UP2 = 'ip-up ppp1 192.0.2.12 192.0.2.254 dsl2';
const weights = (one: number, two: number) => [
  `config links/dsl1.env ID=1 PPP_IPPARAM=dsl1 WEIGHT=${one}`,
  `config links/dsl2.env ID=2 PPP_IPPARAM=dsl2 WEIGHT=${two}`,
];

async function play(world: TestWorld, ...steps: readonly string[]): Promise<void> {
  for (const step of steps) await playStep(fakeSteps(world), step);
}

/** Two lines, 1:1. */
async function started(): Promise<TestWorld> {
  const world = createTestWorld();
  await play(world, ...weights(1, 1));
  await say(world, 'apply');
  await play(world, 'line ppp0 up 192.0.2.11', UP1, 'line ppp1 up 192.0.2.12', UP2);
  expect(weightsOf(world)).toBe('1:1');
  return world;
}

async function say(world: TestWorld, ...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await world.command(...argv);
  if (code !== 0) throw new Error(`exit ${code}: ${err}${out}`);
  return out;
}

/** Of the nexthop group. */
function weightsOf({ fake }: TestWorld): string {
  const group = fake.dump('ours').find((line) => /\bgroup\b/.test(line)) ?? 'none';
  const members = /group (\S+)/.exec(group)?.[1]?.split('/') ?? [];
  return members.map((member) => member.split(',')[1] ?? '1').join(':');
}

const shell = async (world: TestWorld) => JSON.parse(await say(world, 'status', '--json')) as { trial: unknown };
/** An event that changes nothing by itself. */
const hook = UP1;

test('it holds until the time is over, and then the one before, for hooks, status and events by hand', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  expect(await say(world, 'try', '--confirm', '600')).toMatch(/2 of 2 links up\n.*wanhook confirm/);
  expect(weightsOf(world)).toBe('2:3');
  // Edited once more meanwhile: that is not what is on trial.
  await play(world, ...weights(7, 7), hook);
  expect(weightsOf(world)).toBe('2:3');
  await say(world, 'event', 'up', 'ppp0');
  expect(weightsOf(world)).toBe('2:3');
  expect(await shell(world)).toMatchObject({ trial: { state: 'running' } });
  world.pass(601);
  await play(world, hook);
  expect(weightsOf(world)).toBe('1:1');
  expect(await say(world, 'status')).toContain('was tried and not confirmed');
  expect(await shell(world)).toMatchObject({ trial: { state: 'over', secondsLeft: 0 } });
  await say(world, 'event', 'up', 'ppp0');
  expect(weightsOf(world)).toBe('1:1');
  expect((await world.command('plan')).code).toBe(3);
  await say(world, 'apply');
  expect(weightsOf(world)).toBe('7:7');
  expect(await shell(world)).toMatchObject({ trial: null });
});

test('confirmed, it stays; and it is what the next try goes back to', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  await say(world, 'try', '--confirm', '600');
  await say(world, 'confirm');
  world.pass(601);
  await play(world, hook);
  expect(weightsOf(world)).toBe('2:3');
  await play(world, ...weights(5, 1));
  await say(world, 'try', '--confirm', '600');
  expect(await say(world, 'rollback')).toContain('the configuration before is in force again: ');
  expect(weightsOf(world)).toBe('2:3');
  for (const command of ['confirm', 'rollback']) expect((await world.command(command)).code, command).toBe(1);
});

test('a hook that took a half-finished edit does not make it what try goes back to', async () => {
  const world = await started();
  await play(world, ...weights(9, 9), hook);
  expect(weightsOf(world)).toBe('9:9');
  await play(world, ...weights(2, 3));
  await say(world, 'try', '--confirm', '600');
  world.pass(601);
  await say(world, 'rollback', '--due');
  expect(weightsOf(world)).toBe('1:1');
});

test('two tries at once: the second is refused; after a failed one the first one’s is gone back to', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  await say(world, 'try', '--confirm', '600');
  await play(world, ...weights(5, 1));
  expect(await world.command('try')).toMatchObject({ code: 1, err: expect.stringContaining('is running') as string });
  expect(weightsOf(world)).toBe('2:3');
  world.pass(601);
  await say(world, 'try', '--confirm', '600');
  expect(weightsOf(world)).toBe('5:1');
  await say(world, 'rollback');
  expect(weightsOf(world)).toBe('1:1');
});

test('with a broken configuration, or a wrong time, nothing is tried', async () => {
  const world = await started();
  for (const time of ['0', '3601', 'soon', '1.5']) {
    expect(await world.command('try', '--confirm', time), time).toMatchObject({ code: 2 });
  }
  await play(world, 'config links/dsl1.env ID=1 PPP_IPPARAM=dsl1 WEIGHT=heavy');
  expect((await world.command('try')).code).toBe(2);
  expect(loadTrial(world)).toBeUndefined();
  expect(weightsOf(world)).toBe('1:1');
});

test('a configuration that is broken meanwhile keeps nobody from going back, or from keeping what was tried', async () => {
  const world = await started();
  for (const [verb, want] of [
    ['rollback', '1:1'],
    ['confirm', '2:3'],
  ] as const) {
    await play(world, ...weights(2, 3));
    await say(world, 'try', '--confirm', '600');
    await play(world, 'config links/dsl1.env ID=1 PPP_IPPARAM=dsl1 WEIGHT=heavy');
    await say(world, verb);
    await play(world, hook);
    expect(weightsOf(world), verb).toBe(want);
  }
});

test('while one is running, "apply" of some script applies it, and decides nothing', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  await say(world, 'try', '--confirm', '600');
  await play(world, ...weights(7, 7));
  expect((await world.command('apply')).err).toContain('"wanhook try" is running');
  expect(weightsOf(world)).toBe('2:3');
  await say(world, 'rollback');
  expect(weightsOf(world)).toBe('1:1');
});

test('a reboot: the start of the system takes the one before, a person’s "apply" then what is there', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  await say(world, 'try', '--confirm', '600');
  world.reboot();
  rmSync(join(world.stateDirectory, 'config.json'));
  rmSync(join(world.stateDirectory, 'applied.json'));
  world.loseState();
  await play(world, hook, UP2);
  expect(weightsOf(world)).toBe('1:1');
  expect((await world.command('apply')).err).toContain('not confirmed');
  expect(weightsOf(world)).toBe('1:1');
  await say(world, 'apply');
  expect(weightsOf(world)).toBe('2:3');
});

test.each(['stopped', 'new'])('before it wanhook was %s: so it is after it', async (before) => {
  const world = createTestWorld();
  await play(world, ...weights(1, 1), 'line ppp0 up 192.0.2.11');
  if (before === 'stopped') {
    await say(world, 'apply');
    await play(world, UP1);
    await say(world, 'stop');
  }
  const clean = world.fake.dump('ours');
  await say(world, 'try', '--confirm', '600');
  expect(world.fake.dump('ours')).not.toEqual(clean);
  world.pass(601);
  await play(world, UP1);
  expect(world.fake.dump('ours')).toEqual(clean);
  expect(world.state().stopped).toBe(true);
  expect(loadTrial(world)).toBeUndefined();
});

test('stopped in the middle of it: it stays stopped', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  await say(world, 'try', '--confirm', '600');
  await say(world, 'stop');
  world.pass(601);
  await world.command('rollback', '--due');
  await play(world, hook);
  expect(world.state().stopped).toBe(true);
  expect(world.fake.dump('ours')).toEqual([]);
});

test('nothing can be applied: the one before is back at once, and the error is told', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  world.fake.beforeEach = () => {
    if ((loadTrial(world)?.left ?? 0) > 0) throw new Error('no memory');
  };
  const { code, err } = await world.command('try');
  expect(code).toBe(1);
  expect(err).toContain('no memory');
  expect(weightsOf(world)).toBe('1:1');
  expect(loadTrial(world)).toMatchObject({ left: 0 });
});

const place = () => {
  const world = createTestWorld();
  mkdirSync(world.libraryDirectory);
  return { world, path: join(world.libraryDirectory, 'trial.json') };
};

test.each(['', 'null', '{', '[]', '{"version":1}', '{"version":2,"boot":"x","due":1,"tried":{},"former":null}'])(
  'a file that says %j is no trial',
  (text) => {
    const { world, path } = place();
    writeFileSync(path, text);
    expect(loadTrial(world)).toBeUndefined();
  },
);

test('one whose former configuration is spoilt is none: it must not mean "stopped"', async () => {
  const world = await started();
  await play(world, ...weights(2, 3));
  await say(world, 'try');
  const path = join(world.libraryDirectory, 'trial.json');
  const kept = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...kept, former: { links: [] } }));
  expect(loadTrial(world)).toBeUndefined();
  expect(existsSync(path)).toBe(true);
});
