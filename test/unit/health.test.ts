/** What a verdict does, as tables: who is live, who is the last resort, what is kept and what is ended. */
import { expect, test } from 'vitest';
import { withHealth } from '../../src/desired/health.ts';
import { sharingLinks } from '../../src/desired/routing.ts';
import type { Config, LinkHealth, LinkStatus } from '../../src/model.ts';
import { reconcile } from '../../src/reconcile.ts';
import { loadState } from '../../src/state/store.ts';
import { down, up } from '../support/statuses.ts';
import { playStep } from '../support/world-steps.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const said = (id: number, more: Partial<LinkHealth> = {}): LinkHealth => ({
  ...{ verdict: 'dead', since: id, reason: 'no answer', device: `ppp${id}`, address: `192.0.2.${id}` },
  ...more,
});
const all = (...entries: readonly LinkHealth[]) =>
  Object.fromEntries(entries.map((health) => [health.device.replace('ppp', 'l'), health]));

interface Case {
  readonly links: readonly LinkStatus[];
  readonly health: Record<string, LinkHealth>;
  readonly lastResort?: Config['lastResort'];
  readonly sharing: readonly string[];
  /** Whose verdict is remembered; default: all. */
  readonly kept?: readonly string[];
}
const cases: Record<string, Case> = {
  'nobody has looked': { links: [up(1), up(2)], health: {}, sharing: ['l1', 'l2'] },
  'a dead one takes nothing': { links: [up(1), up(2)], health: all(said(1)), sharing: ['l2'] },
  'degraded takes all the same': {
    ...{ links: [up(1), up(2)], health: all(said(1, { verdict: 'degraded' })), sharing: ['l1', 'l2'] },
  },
  'the tier below takes over': { links: [up(1), up(2, { tier: 2 })], health: all(said(1)), sharing: ['l2'] },
  'renumbered: another line': {
    links: [up(1, {}, '192.0.2.9'), up(2)],
    health: all(said(1)),
    sharing: ['l1', 'l2'],
    kept: [],
  },
  'on another device: another line': {
    ...{ links: [up(1), up(2)], health: { l1: said(1, { device: 'ppp7' }) }, sharing: ['l1', 'l2'], kept: [] },
  },
  'down: what was said is kept': { links: [down(1), up(2)], health: all(said(1)), sharing: ['l2'] },
  'no such link any more': { links: [up(2)], health: all(said(1)), sharing: ['l2'], kept: [] },
  'the only one that is up': { links: [up(1), down(2)], health: all(said(1)), sharing: ['l1'] },
  'the only one that is up, LAST_RESORT=block': {
    ...{ links: [up(1), down(2)], health: all(said(1)), lastResort: 'block', sharing: [] },
  },
  'all dead: the last to die': {
    links: [up(1), up(2), up(3)],
    health: all(said(1), said(3), said(2)),
    sharing: ['l3'],
  },
  'all dead: the better tier': { links: [up(1), up(2, { tier: 2 })], health: all(said(1), said(2)), sharing: ['l1'] },
  'all dead: unmetered': { links: [up(1), up(2, { metered: true })], health: all(said(1), said(2)), sharing: ['l1'] },
  'all dead: the one that loses least': {
    ...{ links: [up(1), up(2, { tier: 2 })], health: all(said(1), said(2, { loss: 0.6 })), sharing: ['l2'] },
  },
  'all dead: one that answers again, whatever its tier': {
    ...{ links: [up(1), up(2, { tier: 2 })], health: all(said(1), said(2, { answers: true })), sharing: ['l2'] },
  },
  'all dead, LAST_RESORT=block: one that answers again': {
    links: [up(1), up(2)],
    ...{ health: all(said(1), said(2, { answers: true })), lastResort: 'block', sharing: ['l2'] },
  },
  'not all dead: one that answers again must wait': {
    ...{ links: [up(1), up(2)], health: all(said(1, { answers: true })), sharing: ['l2'] },
  },
  'all dead, LAST_RESORT=block': {
    links: [up(1), up(2)],
    health: all(said(1), said(2)),
    lastResort: 'block',
    sharing: [],
  },
};

test.each(Object.entries(cases))('%s', (_, { links, health, lastResort = 'keep', sharing, kept }) => {
  const got = withHealth({ lastResort }, links, health);
  expect(sharingLinks(got.statuses).map(({ link: { name } }) => name)).toEqual(sharing);
  expect(Object.keys(got.health).toSorted()).toEqual((kept ?? Object.keys(health)).toSorted());
  expect(withHealth({ lastResort }, links, got.health)).toEqual(got);
});

async function started(...config: readonly string[]): Promise<TestWorld> {
  const world = createTestWorld();
  const steps = [
    ...['config links/dsl1.env ID=1 DEVICE=ppp0', 'config links/dsl2.env ID=2 DEVICE=ppp1', ...config],
    ...['line ppp0 up 192.0.2.11', 'ip-up ppp0 192.0.2.11 192.0.2.254'],
    ...['line ppp1 up 192.0.2.12', 'ip-up ppp1 192.0.2.12 192.0.2.254'],
  ];
  for (const step of steps) await playStep(fakeSteps(world), step);
  return world;
}
function traffic({ fake }: TestWorld): void {
  fake.addSocket('192.0.2.11');
  fake.addSocket('192.0.2.12');
  // Foreign bits beside ours, and no bits of ours.
  for (const mark of [0x01000000, 0x01000007, 0x02000000, 0x7]) fake.addConnection(mark);
}

test('a death ends the flows of that link alone, and once', async () => {
  const world = await started();
  traffic(world);
  const report = await world.judge('dsl1', 'dead');
  expect(report?.ops.slice(-2).map(({ op }) => op)).toEqual(['conntrack-delete', 'socket-kill']);
  expect(world.fake.connections()).toEqual([0x02000000, 0x7]);
  expect(world.fake.sockets()).toEqual(['192.0.2.12']);
  traffic(world);
  expect((await world.judge('dsl1', 'dead', { reason: 'still no answer' }))?.ops).toEqual([]);
  expect(world.fake.connections()).toHaveLength(6);
  await world.judge('dsl1', 'alive');
  expect(world.fake.connections()).toHaveLength(6);
  await world.judge('dsl1', 'dead');
  expect(world.fake.connections()).toEqual([0x02000000, 0x7, 0x02000000, 0x7]);
});

test('ON_DOWN=block: connections are not forgotten', async () => {
  const world = await started('config links/dsl1.env ID=1 DEVICE=ppp0 ON_DOWN=block');
  traffic(world);
  await world.judge('dsl1', 'dead');
  expect(world.fake.connections()).toHaveLength(4);
  expect(world.fake.sockets()).toEqual(['192.0.2.12']);
});

test('the last resort keeps its flows until another link recovers', async () => {
  const world = await started();
  await world.judge('dsl1', 'dead');
  traffic(world);
  await world.judge('dsl2', 'dead');
  expect(world.fake.connections()).toHaveLength(4);
  await world.judge('dsl1', 'alive');
  expect(world.fake.connections()).toEqual([0x01000000, 0x01000007, 0x7]);
});

test('a killed run ends the flows in the next', async () => {
  const world = await started();
  traffic(world);
  world.fake.beforeEach = (tool) => {
    if (tool === 'ip') throw new Error('killed');
  };
  await expect(world.judge('dsl1', 'dead')).rejects.toThrow();
  world.fake.beforeEach = () => undefined;
  await world.judge('dsl1', 'dead');
  await world.apply();
  expect(world.fake.connections()).toEqual([0x02000000, 0x7]);
});

test('conntrack(8) that is missing or fails is told, and the link is out all the same', async () => {
  const world = await started();
  world.fake.beforeEach = (tool) => {
    if (tool === 'conntrack') throw new Error('not found');
  };
  const report = await world.judge('dsl1', 'dead');
  expect(world.warnings.join()).toContain('cannot end the connections of a dead link, "conntrack -D');
  expect(sharingLinks(report?.statuses ?? []).map(({ link: { name } }) => name)).toEqual(['dsl2']);
  expect(await world.plan()).toEqual([]);
});

test('where nobody watches, apply believes no verdict', async () => {
  const world = await started();
  await world.judge('dsl1', 'dead');
  const report = await reconcile(world, { cause: 'wanhook apply', stopped: false, unwatched: true });
  expect(sharingLinks(report?.statuses ?? [])).toHaveLength(2);
  expect(world.state().health).toEqual({});
});

test('a verdict outlives hooks and apply, and ends with stop', async () => {
  const world = await started();
  await world.judge('dsl1', 'dead');
  await playStep(fakeSteps(world), 'ip-up ppp0 192.0.2.11 192.0.2.254');
  await world.apply();
  expect(world.state().health?.['dsl1']?.verdict).toBe('dead');
  await world.stop();
  expect(world.state().health).toBeUndefined();
});

test.each([{ verdict: 'well' }, { since: 'yesterday' }, { reason: 7 }, { device: undefined }, { loss: '1' }])(
  'a record with %o is damaged',
  async (more) => {
    const world = await started();
    world.writeState({ ...world.state(), health: { dsl1: said(1) } });
    expect(loadState(world.stateDirectory).damaged).toBeUndefined();
    world.writeState({ ...world.state(), health: { dsl1: { ...said(1), ...more } as LinkHealth } });
    expect(loadState(world.stateDirectory).damaged).toContain('damaged');
  },
);

test('gateways are kept asked for, but for those that somebody has made permanent', async () => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  const play = async (...steps: string[]) => {
    for (const step of steps) await playStep(on, step);
    return world.fake.dump('ours').filter((line) => line.startsWith('ip neigh'));
  };
  await play('config links/cable.env ID=1 DEVICE=eth1', 'line eth1 up 198.51.100.2');
  // Nobody has found out yet whether this system can.
  expect(await play('dhclient BOUND eth1 198.51.100.2 198.51.100.1')).toEqual([]);
  expect(await play('wanhook apply')).toEqual(['ip neigh add 198.51.100.1 dev eth1 managed protocol 201']);
  expect(await play('line eth1 carrier off', 'line eth1 carrier on', 'wanhook apply')).toHaveLength(1);
  expect(await play('dhclient RENEW eth1 198.51.100.2 198.51.100.9')).toEqual([
    'ip neigh add 198.51.100.9 dev eth1 managed protocol 201',
  ]);
  expect(await play('wanhook stop')).toEqual([]);
  await play('stranger neigh replace 198.51.100.9 dev eth1 lladdr 02:00:00:00:00:09 nud permanent');
  expect(await play('wanhook apply')).toEqual([]);
  expect(await world.plan()).toEqual([]);
});
