/** FAILBACK and METERED as tables, and the one sleeper that comes back when a delay is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LINK_DEFAULTS } from '../../src/config/keys.ts';
import { nextFailback, withFailback } from '../../src/desired/failback.ts';
import { sharingLinks } from '../../src/desired/routing.ts';
import { wakeAt } from '../../src/kernel/sleeper.ts';
import type { LinkConfig, LinkStatus, State } from '../../src/model.ts';
import { playStep } from '../support/world-steps.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { createTestWorld } from '../support/world.ts';

const dsl: LinkConfig = { ...LINK_DEFAULTS, name: 'dsl', id: 1, failback: 60 };
const lte: LinkConfig = { ...LINK_DEFAULTS, name: 'lte', id: 2, tier: 2 };
const cable: LinkConfig = { ...LINK_DEFAULTS, name: 'cable', id: 3 };

const up = (link: LinkConfig): LinkStatus => ({
  ...{ up: true, link, device: `ppp${link.id}`, mtu: 1492, address: `192.0.2.${link.id}`, onlink: false },
});
const down = (link: LinkConfig): LinkStatus => ({ up: false, link, present: false, pointToPoint: true, reason: 'x' });
const verdicts = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { up: true, since: 0, reason: 'up' }]));
const NOW = 1_000_000;
const S = 1000;

interface Case {
  readonly links: LinkStatus[];
  readonly before?: Pick<State, 'verdicts' | 'failback'>;
  readonly sharing: string[];
  readonly memory?: State['failback'];
  readonly due?: number;
}
const cases: Record<string, Case> = {
  'never lost: shares at once': { links: [up(dsl), up(lte)], sharing: ['dsl'] },
  'just lost: remembered': {
    links: [down(dsl), up(lte)],
    before: { verdicts: verdicts('dsl', 'lte') },
    sharing: ['lte'],
    memory: { dsl: {} },
  },
  'down, but never seen up: not lost': { links: [down(dsl), up(lte)], sharing: ['lte'] },
  'back: the delay begins': {
    links: [up(dsl), up(lte)],
    before: { verdicts: {}, failback: { dsl: {} } },
    sharing: ['lte'],
    memory: { dsl: { backAt: NOW } },
    due: NOW + 60 * S,
  },
  'back for 59.999 s: still waits': {
    links: [up(dsl), up(lte)],
    before: { verdicts: {}, failback: { dsl: { backAt: NOW - 59_999 } } },
    sharing: ['lte'],
    memory: { dsl: { backAt: NOW - 59_999 } },
    due: NOW + 1,
  },
  'back for 60 s: takes traffic, and is forgotten': {
    links: [up(dsl), up(lte)],
    before: { verdicts: {}, failback: { dsl: { backAt: NOW - 60 * S } } },
    sharing: ['dsl'],
  },
  'lost again while waiting: the delay begins anew at the next return': {
    links: [down(dsl), up(lte)],
    before: { verdicts: {}, failback: { dsl: { backAt: NOW - 59 * S } } },
    sharing: ['lte'],
    memory: { dsl: {} },
  },
  'the clock was set back: it waits no longer than its delay': {
    links: [up(dsl), up(lte)],
    before: { verdicts: {}, failback: { dsl: { backAt: NOW + 1e9 } } },
    sharing: ['lte'],
    memory: { dsl: { backAt: NOW } },
    due: NOW + 60 * S,
  },
  'manual: waits without end': {
    links: [up({ ...dsl, failback: 'manual' }), up(lte)],
    before: { verdicts: {}, failback: { dsl: { backAt: 0 } } },
    sharing: ['lte'],
    memory: { dsl: { backAt: 0 } },
  },
  'changed to immediate meanwhile': {
    links: [up({ ...dsl, failback: 'immediate' }), up(lte)],
    before: { verdicts: {}, failback: { dsl: { backAt: NOW } } },
    sharing: ['dsl'],
  },
  'nobody else is up: needed': {
    links: [up(dsl), down(lte)],
    before: { verdicts: {}, failback: { dsl: {} } },
    sharing: ['dsl'],
  },
  'a link of its own tier is at work: nothing to wait for': {
    links: [up(dsl), up(lte), up(cable)],
    before: { verdicts: {}, failback: { dsl: {} } },
    sharing: ['dsl', 'cable'],
  },
  'two wait for the same worse tier': {
    links: [up(dsl), up(lte), up({ ...cable, failback: 10 })],
    before: { verdicts: {}, failback: { dsl: {}, cable: {} } },
    sharing: ['lte'],
    memory: { dsl: { backAt: NOW }, cable: { backAt: NOW } },
    due: NOW + 10 * S,
  },
  'a worse tier never waits for a better one': {
    links: [up(dsl), up({ ...lte, failback: 'manual' })],
    before: { verdicts: {}, failback: { lte: {} } },
    sharing: ['dsl'],
  },
  'metered: after every tier that is not': {
    links: [up({ ...dsl, tier: 9 }), up({ ...lte, tier: 1, metered: true })],
    sharing: ['dsl'],
  },
  'metered only: by tier among themselves': {
    links: [up({ ...dsl, tier: 3, metered: true }), up({ ...lte, metered: true }), down(cable)],
    sharing: ['lte'],
  },
  'an unmetered link with FAILBACK waits while a metered one works': {
    links: [up({ ...dsl, tier: 9 }), up({ ...lte, metered: true })],
    before: { verdicts: {}, failback: { dsl: {} } },
    sharing: ['lte'],
    memory: { dsl: { backAt: NOW } },
    due: NOW + 60 * S,
  },
};

test.each(Object.entries(cases))('%s', (_, { links, before = { verdicts: {} }, sharing, memory = {}, due }) => {
  const { statuses, failback } = withFailback(links, before, NOW);
  expect(sharingLinks(statuses).map(({ link }) => link.name)).toEqual(sharing);
  expect(failback).toEqual(memory);
  expect(nextFailback(statuses)).toBe(due);
  // Looking again at the same moment changes nothing.
  expect(withFailback(links, { ...before, failback }, NOW).failback).toEqual(memory);
});

test('a dialled line’s router answers its hook’s question later: a run looks again, and not for ever', async () => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  const play = async (...steps: string[]) => {
    for (const step of steps) await playStep(on, step);
  };
  const dialled = ['line ppp0 up 192.0.2.11', 'stranger addr add fe80::2/128 peer fe80::1 dev ppp0'];
  await play('config links/dsl.env ID=1 DEVICE=ppp0', ...dialled, 'ip-up ppp0 192.0.2.11 192.0.2.254');
  await play('ipv6-up ppp0 fe80::2 fe80::1 dsl');
  expect(world.wakes()! - world.now()).toBeLessThan(10 * S);
  world.pass(30);
  await world.command('failback', '--due');
  expect(world.wakes()).toBeUndefined();
  await play('line ppp0 hangs up', 'ip-down ppp0 192.0.2.11 192.0.2.254', ...dialled);
  await play('ip-up ppp0 192.0.2.11 192.0.2.254');
  expect(world.wakes()).toBeDefined();
  await play('stranger addr add 2001:db8:a1::2/64 dev ppp0', 'wanhook apply');
  expect(world.wakes()).toBeUndefined();
});

test('a run asks to be woken while a delay runs, and not otherwise', async () => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  const play = async (...steps: string[]) => {
    for (const step of steps) await playStep(on, step);
  };
  await play('config links/dsl.env ID=1 DEVICE=ppp0 FAILBACK=delay:60', 'config links/lte.env ID=2 DEVICE=ppp1 TIER=2');
  await play('line ppp0 up 192.0.2.11', 'ip-up ppp0 192.0.2.11 192.0.2.254');
  await play('line ppp1 up 192.0.2.12', 'ip-up ppp1 192.0.2.12 192.0.2.254');
  await play('line ppp0 hangs up', 'ip-down ppp0 192.0.2.11 192.0.2.254');
  expect(world.wakes()).toBeUndefined();
  await play('line ppp0 up 192.0.2.11', 'ip-up ppp0 192.0.2.11 192.0.2.254');
  expect(world.wakes()! - world.now()).toBeGreaterThan(50 * S);
  const { links } = JSON.parse((await world.command('status', '--json')).out) as { links: { waitsUntil: string }[] };
  expect(Date.parse(links[0]!.waitsUntil)).toBe(world.wakes());
  world.pass(60);
  await world.command('failback', '--due');
  expect(world.wakes()).toBeUndefined();
  expect(world.state().failback).toEqual({});
  expect((await world.command('failback', 'nobody')).code).toBe(2);
});

/** A note in memory. */
function notebook() {
  let text: string | undefined;
  return { read: () => text, write: (now: string) => void (text = now), pid: () => Number(text?.split(' ')[0]) };
}
const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
async function gone(pid: number): Promise<boolean> {
  for (let n = 0; n < 100 && alive(pid); n++) await sleep(10);
  return !alive(pid);
}

test('one sleeper: kept while it is early enough, replaced when it would be late, ended when nothing waits', async () => {
  const note = notebook();
  const at = (due: number | undefined) => wakeAt(note, ['/bin/true'], due, NOW);
  at(undefined);
  expect(note.read()).toBeUndefined();
  at(NOW + 50 * S);
  const first = note.pid();
  expect(alive(first)).toBe(true);
  at(NOW + 50 * S);
  at(NOW + 70 * S);
  expect(note.pid()).toBe(first);
  at(NOW + 20 * S);
  const second = note.pid();
  expect(second).not.toBe(first);
  expect(await gone(first)).toBe(true);
  at(undefined);
  expect(await gone(second)).toBe(true);
  // Killed by somebody: the next run that needs one starts it.
  at(NOW + 20 * S);
  const third = note.pid();
  process.kill(-third, 'SIGKILL');
  expect(await gone(third)).toBe(true);
  at(NOW + 20 * S);
  expect(note.pid()).not.toBe(third);
  at(undefined);
  expect(await gone(note.pid())).toBe(true);
});
