/** What random walks found, and readers, each made small: after these steps nothing is left to do, and what is there is right. */
import { expect, test } from 'vitest';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { playStep } from '../support/world-steps.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

async function play(...steps: readonly string[]): Promise<TestWorld> {
  const world = createTestWorld();
  world.fake.addDevice('eth1');
  for (const step of steps) await playStep(fakeSteps(world), step);
  return world;
}

test('a client gave up, and main has a gateway for the address all the same: the line is up, and stays up', async () => {
  const world = await play(
    'config links/cable.env ID=3 DEVICE=eth1',
    'line eth1 up 198.51.100.2',
    'dhclient FAIL eth1',
    'stranger route add default via 198.51.100.1 dev eth1 metric 50 proto 16',
    'wanhook apply',
  );
  expect(world.state().verdicts['cable']).toMatchObject({ up: true, address: '198.51.100.2' });
  expect(await world.plan()).toEqual([]);
});

test('the state was lost, and what is delegated over the dialled line comes next: it stays delegated', async () => {
  const world = await play(
    'config links/dsl.env ID=1 PPP_IPPARAM=dsl',
    'line ppp0 up 192.0.2.11',
    'ip-up ppp0 192.0.2.11 192.0.2.254 dsl',
    'the state is lost',
    'wanhook apply',
    'line ppp0 advertises 2001:db8:a1::2',
    'dhclient BOUND6 ppp0 2001:db8:a1:100::/56',
  );
  expect(await world.plan()).toEqual([]);
  expect(world.fake.dump('ours').join('\n')).toContain('from 2001:db8:a1:100::/56');
});

const BY_FLOW = ['config wanhook.env', 'wanhook apply'];
test.each([
  ['BALANCE is another since', BY_FLOW],
  ['it is stopped', ['wanhook stop']],
  ['BALANCE is another since, and it is stopped', ['config wanhook.env', 'wanhook stop']],
])('killed before it was written down that the memory of clients is loaded; %s: it is taken away', async (_, steps) => {
  const world = await play(
    'config links/dsl.env ID=1 PPP_IPPARAM=dsl',
    'wanhook apply',
    'config wanhook.env BALANCE=client',
    'wanhook apply',
  );
  expect(world.fake.memory()).toBeDefined();
  const { memory, ...state } = world.state();
  expect(memory).toBeDefined();
  world.writeState(state);
  for (const step of steps) await playStep(fakeSteps(world), step);
  expect(world.fake.memory()).toBeUndefined();
});

test('a dialled line is not named by its device any more: what was delegated over it stays', async () => {
  const world = await play(
    'config links/dsl.env ID=1 PPP_IPPARAM=dsl DEVICE=ppp0',
    'line ppp0 up 192.0.2.11',
    'ip-up ppp0 192.0.2.11 192.0.2.254 dsl',
    'line ppp0 advertises 2001:db8:a1::2',
    'dhclient BOUND6 ppp0 2001:db8:a1:100::/56',
    'config links/dsl.env ID=1 PPP_IPPARAM=dsl',
    'wanhook apply',
  );
  expect(world.fake.dump('ours').join('\n')).toContain('from 2001:db8:a1:100::/56');
});
