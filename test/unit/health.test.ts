/** What a verdict does, as tables: who is live, who is the last resort, what is kept and what is ended. */
import { expect, test } from 'vitest';
import { PROBE_DEFAULTS } from '../../src/config/probe-keys.ts';
import { asked, sameLine, withHealth } from '../../src/desired/health.ts';
import { sharingLinks } from '../../src/desired/routing.ts';
import type { Config, LinkConfig, LinkHealth, LinkStatus } from '../../src/model.ts';
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

const six = (id: number, more: Partial<LinkConfig> = {}): LinkStatus => ({
  ...up(id, more, `2001:db8::${id}`),
  family: 6,
});
const OWN = { probe6: PROBE_DEFAULTS };
const NONE = { probe: undefined as never };

test.each<[string, LinkStatus, readonly string[]]>([
  ['IPv4, which is asked', up(1), ['l1']],
  ['IPv4, nobody asks', up(1, NONE), []],
  ['IPv6, which is asked', six(1, OWN), ['l1']],
  ['IPv6, only IPv4 is asked', six(1), []],
])('a verdict on %s, is it kept?', (_, status, kept) => {
  expect(Object.keys(asked([status], all(said(1))))).toEqual(kept);
});

test('a line whose IPv4 is dead is dead, unless its IPv6 speaks for itself', () => {
  const dead = { dead: { reason: 'no answer' } };
  const in4 = [1, 2, 3].map((id): LinkStatus => ({ ...up(id), ...(id < 3 && dead) }));
  expect(Object.keys(sameLine(in4, [six(1), six(2, OWN), six(3)]))).toEqual(['l1']);
});

test('where every line is dead, both families keep the one that IPv4 has found to answer', () => {
  const answers = all(said(1), said(2, { answers: true }));
  const in4 = withHealth({ lastResort: 'keep' }, [up(1), up(2)], answers).statuses;
  const in6 = [six(1), six(2)];
  const found = withHealth({ lastResort: 'block' }, in6, sameLine(in4, in6)).statuses;
  const kept = (statuses: readonly LinkStatus[]) =>
    statuses.filter((status) => status.up && status.dead?.lastResort === true).map(({ link }) => link.name);
  expect([kept(in4), kept(found)]).toEqual([['l2'], ['l2']]);
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

const SIX = 'PROBE=icmp://192.0.2.1,icmp://2001:db8::1';
async function dual(keys = SIX): Promise<TestWorld> {
  const world = createTestWorld();
  const lines = [1, 2].flatMap((id) => [
    `config links/dsl${id}.env ID=${id} DEVICE=eth${id} ${keys}`,
    `line eth${id} up 198.51.${id}.2`,
    `dhclient BOUND eth${id} 198.51.${id}.2 198.51.${id}.1`,
    `line eth${id} advertises 2001:db8:a${id}::5`,
  ]);
  for (const step of [...lines, 'wanhook apply']) await playStep(fakeSteps(world), step);
  return world;
}
const sharing = (statuses: readonly LinkStatus[] = []) =>
  sharingLinks(statuses)
    .map(({ link }) => link.name)
    .join();

test.each([
  // What is said of dsl1's IPv4 and of its IPv6, and who then takes new connections.
  ['dead', undefined, 'dsl2', 'dsl1,dsl2'],
  [undefined, 'dead', 'dsl1,dsl2', 'dsl2'],
  ['dead', 'dead', 'dsl2', 'dsl2'],
  ['dead', 'alive', 'dsl2', 'dsl1,dsl2'],
  ['alive', 'degraded', 'dsl1,dsl2', 'dsl1,dsl2'],
] as const)('each family by itself: IPv4 %s, IPv6 %s', async (four, other, in4, in6) => {
  const world = await dual();
  const after4 = four && (await world.judge('dsl1', four));
  const report = other === undefined ? after4 : await world.judge('dsl1', other, {}, 6);
  expect([sharing(report?.statuses), sharing(report?.statuses6)]).toEqual([in4, in6]);
  expect(world.state().health?.['dsl1']?.verdict).toBe(four);
  expect(world.state().v6?.health?.['dsl1']?.verdict).toBe(other);
  expect(await world.plan()).toEqual([]);
});

test('only the family that died loses its connections', async () => {
  const world = await dual();
  const report = await world.judge('dsl1', 'dead', {}, 6);
  const ended = report?.ops.flatMap((op) => (op.op === 'conntrack-delete' ? [op.mark.family] : []));
  expect(ended).toEqual([6]);
  expect(report?.ops.flatMap((op) => (op.op === 'socket-kill' ? [op.address] : []))).toEqual(['2001:db8:a1::/64']);
});

test('no IPv6 target any more: IPv4’s verdict holds for both again; nor is one kept that nobody asks about', async () => {
  const world = await dual();
  await world.judge('dsl1', 'dead', {}, 6);
  world.files.set('links/dsl1.env', 'ID=1\nDEVICE=eth1\nPROBE=icmp://192.0.2.1\n');
  expect(sharing((await world.apply()).statuses6)).toBe('dsl1,dsl2');
  expect(world.state().v6?.health).toBeUndefined();
  expect(sharing((await world.judge('dsl1', 'dead'))?.statuses6)).toBe('dsl2');
  world.files.set('links/dsl1.env', 'ID=1\nDEVICE=eth1\nPROBE=none\n');
  expect(sharing((await world.apply()).statuses)).toBe('dsl1,dsl2');
});

test('where nobody watches, and after stop, IPv6 has no verdict either', async () => {
  const world = await dual();
  await world.judge('dsl1', 'dead', {}, 6);
  await reconcile(world, { cause: 'wanhook apply', stopped: false, unwatched: true });
  expect(world.state().v6?.health).toBeUndefined();
  await world.judge('dsl1', 'dead', {}, 6);
  await world.stop();
  expect(world.state().v6?.health).toBeUndefined();
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
