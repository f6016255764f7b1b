/** A link of which only IPv6 works: what `wanhook health`, scripts, `status`, metrics and `doctor` say of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { routingOf } from '../../src/doctor/gather.ts';
import { preview } from '../../src/reconcile.ts';
import { playStep } from '../support/world-steps.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

async function played(keys: string, ...steps: readonly string[]): Promise<TestWorld> {
  const world = createTestWorld();
  const first = [`config links/dsl.env ID=1 DEVICE=eth1 ${keys}`, 'wanhook apply', 'line eth1 up 198.51.100.2'];
  for (const step of [...first, ...steps]) await playStep(fakeSteps(world), step);
  return world;
}

const IPV4 = 'dhclient BOUND eth1 198.51.100.2 198.51.100.1';
const GONE = ['line eth1 hangs up', 'dhclient EXPIRE eth1 198.51.100.2'];
const IPV6 = ['line eth1 advertises 2001:db8:a::5', 'wanhook apply'];
const OWN = 'PROBE=icmp://2001:db8::1';

const health = (world: TestWorld) => readFileSync(join(world.stateDirectory, 'health'), 'utf8');
const told = (world: TestWorld) => world.told.map(({ WANHOOK_EVENT: event = '' }) => event);
const rows = async (world: TestWorld) =>
  (await world.command('status')).out
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/ +/).slice(0, 4).join(' '));

const NO_IPV4 = ['stranger addr del 198.51.100.2/24 dev eth1', ...IPV6];
const V4 = '198.51.100.2';
const V6 = '2001:db8:a::5';
test.each([
  ['it has no IPv4', '', NO_IPV4, 'up', ['up', 'ipv6'], [`dsl up eth1 ${V6}`]],
  ['its IPv4 has no gateway', '', IPV6, 'down', ['ipv6'], ['dsl down eth1 -', `IPv6 up eth1 ${V6}`]],
  ['IPV4=no', 'IPV4=no', IPV6, 'up', ['up', 'ipv6'], [`dsl up eth1 ${V6}`]],
  ['IPV4=no, dead', `IPV4=no ${OWN}`, [...IPV6, 'monitor dsl dead IPv6'], 'dead', ['up', 'ipv6', 'dead', 'ipv6', 'all-down'], [`dsl dead eth1 ${V6}`]],
  ['IPV4=no, degraded', `IPV4=no ${OWN}`, [...IPV6, 'monitor dsl degraded IPv6'], 'degraded', ['up', 'ipv6', 'degraded'], [`dsl degraded eth1 ${V6}`]],
  ['its IPv4 is dead, IPv6 is asked', `${OWN},icmp://192.0.2.1`, [IPV4, ...IPV6, 'monitor dsl dead'], 'dead', ['up', 'ipv6', 'dead', 'all-down'], [`dsl dead eth1 ${V4}`, `IPv6 up eth1 ${V6}`]],
  ['its IPv4 is dead', '', [IPV4, ...IPV6, 'monitor dsl dead'], 'dead', ['up', 'ipv6', 'dead', 'ipv6', 'all-down'], [`dsl dead eth1 ${V4}`, `IPv6 dead eth1 ${V6}`]],
  ['its IPv4 is lost', '', [IPV4, ...GONE, ...IPV6], 'down', ['up', 'down', 'all-down', 'ipv6'], ['dsl down eth1 -', `IPv6 up eth1 ${V6}`]],
  ['its IPv4 is lost, IPv6 stays', '', [IPV4, ...IPV6, 'stranger addr del 198.51.100.2/24 dev eth1', 'dhclient EXPIRE eth1 198.51.100.2'], 'down', ['up', 'ipv6', 'down', 'all-down'], ['dsl down eth1 -', `IPv6 up eth1 ${V6}`]],
])('%s', async (_, keys, steps, want, events, shown) => {
  const world = await played(keys, ...steps);
  expect(health(world)).toBe(`link dsl ${want} eth1\n`);
  expect(told(world)).toEqual(events);
  expect(await rows(world)).toEqual(shown);
  expect(await world.plan()).toEqual([]);
}); // prettier-ignore

test.each([
  ['it has no IPv4', '', NO_IPV4, []],
  [
    'its IPv4 has no gateway',
    '',
    IPV6,
    ['dsl: no gateway known on eth1: none came with the address; set GATEWAY=, or IPV4=no'],
  ],
  ['IPV4=no', 'IPV4=no', IPV6, []],
  ['IPV4=no, down', 'IPV4=no', [], ['dsl: eth1 has no IPv6 address']],
  ['its IPv4 is lost', '', [IPV4, ...GONE, ...IPV6], ['dsl: taken down by dhclient (EXPIRE)']],
])('doctor: %s', async (_, keys, steps, want) => {
  const { statuses } = routingOf(await preview(await played(keys, ...steps), { lenient: true }));
  expect(statuses.map(({ device }) => device)).toEqual(['eth1']);
  expect(statuses.flatMap((one) => (one.up ? [] : [`${one.link.name}: ${one.reason}`]))).toEqual(want);
});

test('metrics: up, usable, and since when, by the family that it has', async () => {
  const world = await played('IPV4=no', ...IPV6);
  const { out } = await world.command('metrics');
  for (const name of ['up', 'usable', 'share_ratio']) expect(out).toContain(`wanhook_link_${name}{link="dsl"} 1\n`);
  expect(out).toContain(`wanhook_link_info{link="dsl",device="eth1",address="${V6}"} 1\n`);
  expect(out).toMatch(/^wanhook_link_last_change_timestamp_seconds\{link="dsl"\} \d{9}/m);
});
