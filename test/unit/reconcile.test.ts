/** The whole sequence on the fake kernel, when something goes wrong in the middle of it. */
import { inOrder } from '../support/fake-kernel-nft.ts';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseHook } from '../../src/events/hooks.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { OBSERVE_BATCH, OBSERVE_BATCH6, parseIpBatch } from '../../src/kernel/observe.ts';
import type { Runner } from '../../src/kernel/runner.ts';
import type { Learned } from '../../src/model.ts';
import { reconcile } from '../../src/reconcile.ts';
import { dropEvent } from '../../src/state/inbox.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { sysctlsOf } from '../support/world-scenario.ts';
import { hookInput } from '../support/world-hook-input.ts';
import { playStep } from '../support/world-steps.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const DSL1 = 'links/dsl1.env';
const UP1 = 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl1';
const UP2 = 'ip-up ppp1 192.0.2.12 192.0.2.254 dsl2';
const BOUND = 'dhclient BOUND eth1 198.51.100.2 198.51.100.1';
const START = [
  `config ${DSL1} ID=1 DEVICE=ppp0 PPP_IPPARAM=dsl1 WEIGHT=2`,
  'config links/dsl2.env ID=2 DEVICE=ppp1 PPP_IPPARAM=dsl2 WEIGHT=3',
  'config links/cable.env ID=3 DEVICE=eth1 ON_DOWN=block',
];
const ALL_UP = ['line ppp0 up 192.0.2.11', UP1, 'line ppp1 up 192.0.2.12', UP2, 'line eth1 up 198.51.100.2', BOUND];

async function play(world: TestWorld, ...steps: readonly string[]): Promise<void> {
  const on = fakeSteps(world);
  for (const step of steps) await playStep(on, step);
}

async function started(...steps: readonly string[]): Promise<TestWorld> {
  const world = createTestWorld();
  await play(world, ...START, 'wanhook apply', ...steps);
  expect(world.errors).toEqual([]);
  return world;
}

/** All that wanhook leaves in the kernel. */
const whole = ({ fake }: TestWorld) => [
  ...fake.dump('ours').toSorted(),
  inOrder(fake.firewall()),
  ...sysctlsOf(fake.procSys),
];
const pendingCount = ({ stateDirectory }: TestWorld) => readdirSync(join(stateDirectory, 'events')).length;

const DEVICE_THAT_IS_FULL = '/dev/full';
const readingAs =
  ({ kernel }: TestWorld, key: string, value: string): TestWorld['kernel']['readSysctls'] =>
  (keys) => ({
    ...kernel.readSysctls(keys.filter((each) => each !== key)),
    ...(keys.includes(key) && { [key]: value }),
  });

function eventOf(text: string) {
  const [name = '', ...words] = text.split(' ');
  const parsed = parseHook(name, hookInput(name, words));
  if (!('event' in parsed)) throw new Error(text);
  return parsed.event;
}

test('an event is five commands: look (three with a fail-closed link), load and batch; nothing new is three', async () => {
  const world = await started(...ALL_UP);
  const count = async (...steps: string[]) => {
    const before = world.fake.commands();
    await play(world, ...steps);
    return world.fake.commands() - before;
  };
  expect(await count(UP1), 'no-op').toBe(3);
  expect(
    await count('line ppp0 hangs up', 'ip-down ppp0 192.0.2.11 192.0.2.254 dsl1'),
    'down, and one that ends local TCP',
  ).toBe(5);
  expect(await count('line ppp0 up 192.0.2.11', UP1), 'back').toBe(4);
  expect(await count('config wanhook.env MARK_MASK=0xff00', UP1), 'new firewall, listed once more').toBeLessThanOrEqual(
    6,
  );
});

test('a device that vanishes between looking and acting: looked again, and right', async () => {
  const world = await started(...ALL_UP.slice(0, 2));
  let gone = false;
  world.fake.beforeEach = (tool, argv) => {
    if (gone || tool !== 'ip' || argv[0] !== '-batch') return;
    gone = true;
    world.fake.removeDevice('ppp1');
  };
  await play(world, ...ALL_UP.slice(2, 4));
  expect(gone).toBe(true);
  expect(world.errors).toEqual([]);
  const [last] = world.journal().slice(-1);
  expect(last?.notes.join()).toMatch(/^looked again: "ip .*ppp1.* was refused: .*ppp1/);
  // The firewall keeps the MTU that ppp1 had, so that its return needs no new one.
  const want = await started(...ALL_UP.slice(0, 2), UP2);
  expect(world.fake.dump('ours').toSorted()).toEqual(want.fake.dump('ours').toSorted());
});

test('the last member of the group dies between looking and acting: group and route are made anew', async () => {
  const world = await started(...ALL_UP.slice(0, 4));
  let done = false;
  world.fake.beforeEach = (tool, argv) => {
    if (done || tool !== 'ip' || argv[0] !== '-batch') return;
    done = true;
    for (const id of [20001, 20002]) world.fake.ip(`nexthop del id ${id}`);
  };
  // A third line joins; wanhook believes the others are still in the group.
  await play(world, ...ALL_UP.slice(4));
  world.fake.beforeEach = () => undefined;
  await world.apply();
  expect(whole(world)).toEqual(whole(await started(...ALL_UP)));
});

test('events that came while somebody else worked are taken with his, in order', async () => {
  const world = await started();
  await play(world, 'line ppp0 up 192.0.2.11', 'line ppp1 up 192.0.2.12');
  const paths = [UP1, UP2, 'ip-down ppp0 192.0.2.99 192.0.2.254 dsl1'].map((text) =>
    dropEvent(world.stateDirectory, eventOf(text)),
  );
  const report = await reconcile(world, { cause: 'x', eventPath: paths[0]!, lenient: true });
  expect(report?.statuses.map(({ up }) => up)).toEqual([true, true, false]);
  expect(pendingCount(world)).toBe(0);
  // The other two find their work done.
  const commands = world.fake.commands();
  for (const eventPath of paths.slice(1)) expect(await reconcile(world, { cause: 'x', eventPath })).toBeUndefined();
  expect(world.fake.commands()).toBe(commands);
});

test('an event that comes while we work is taken before we leave', async () => {
  const world = await started('line ppp0 up 192.0.2.11', 'line ppp1 up 192.0.2.12');
  let dropped = false;
  world.fake.beforeEach = (tool) => {
    if (!dropped && tool === 'nft') dropEvent(world.stateDirectory, eventOf(UP2));
    dropped ||= tool === 'nft';
  };
  await play(world, UP1);
  expect(pendingCount(world)).toBe(0);
  expect(world.state().links).toHaveProperty('dsl2');
});

test('files that are no events are removed, told, and do no harm', async () => {
  const world = await started('line ppp0 up 192.0.2.11', UP1);
  writeFileSync(join(world.stateDirectory, 'events/1-1.json'), '{"kind":');
  await world.apply();
  expect(pendingCount(world)).toBe(0);
  expect(world.journal().at(-1)?.notes).toEqual([expect.stringMatching(/1-1\.json is not an event: removed$/)]);
});

test('a thousand files that are no events are told in a few words', async () => {
  const world = await started('line ppp0 up 192.0.2.11', UP1);
  for (let n = 1; n <= 1000; n++) writeFileSync(join(world.stateDirectory, `events/${n}-1.json`), '{"kind":');
  await world.apply();
  expect(pendingCount(world)).toBe(0);
  const { notes } = world.journal().at(-1)!;
  expect(notes).toHaveLength(4);
  expect(notes.join()).toMatch(/the oldest 488 are removed,.* is not an event: removed,and 510 more$/);
});

test('a damaged state is told, and everything is found again', async () => {
  const world = await started(...ALL_UP);
  const before = whole(world);
  writeFileSync(join(world.stateDirectory, 'state.json'), '{"version":1,');
  // What only the event knew must be in the kernel: dhclient-script's default route is.
  await play(world, 'stranger route add default via 198.51.100.1 dev eth1', 'wanhook apply');
  expect(whole(world)).toEqual(before);
  expect(world.journal().at(-1)?.notes.join()).toContain('is damaged: going on with what the kernel holds');
});

test('a damaged state: what only events and commands knew is found again in our rules and our table', async () => {
  const world = await started(
    'config wanhook.env HELPERS=ftp,sip,tftp',
    'config links/vpn.env ID=4 PPP_IPPARAM=vpn TUNNEL_SERVER=vpn.example.org TUNNEL_OVER=cable,dsl2',
    'config links/lab.env ID=5 PPP_IPPARAM=lab TUNNEL_SERVER=lab.example.org TUNNEL_OVER=dsl1',
    'config links/fixed.env ID=6 PPP_IPPARAM=fixed TUNNEL_SERVER=203.0.113.9',
    ...ALL_UP,
  );
  const learned: Learned = {
    names: { 'vpn.example.org': ['203.0.113.1', '203.0.113.2'], 'lab.example.org': ['203.0.113.3'] },
    helpers: ['ftp', 'sip'],
  };
  world.writeState({ ...world.state(), learned });
  await world.event({ ...eventOf(UP2), dns: ['192.0.2.53', '192.0.2.54'] });
  await world.event({ ...eventOf(BOUND), dns: ['198.51.100.53'] });
  const before = whole(world);
  expect(before.filter((line) => line?.includes(' to ') === true)).toHaveLength(11);
  world.loseState();
  await play(world, UP1);
  expect(whole(world)).toEqual(before);
  expect(world.state().learned).toEqual(learned);
  expect(world.state().links['dsl2']?.dns).toEqual(['192.0.2.53', '192.0.2.54']);
  expect(world.state().links['cable']?.dns).toEqual(['198.51.100.53']);
});

test('a broken configuration with a last good one: hooks go on, commands refuse, and nobody forgets', async () => {
  const world = await started(...ALL_UP);
  const before = whole(world);
  await play(world, `config ${DSL1} ID=99`, 'line ppp0 hangs up', 'ip-down ppp0 192.0.2.11 192.0.2.254 dsl1');
  await play(world, 'line ppp0 up 192.0.2.11', UP1);
  expect(whole(world)).toEqual(before);
  expect(world.warnings.at(-1)).toMatch(
    /^going on with the last good configuration: links\/dsl1\.env:1: ID="99" is not valid/,
  );
  await expect(world.apply()).rejects.toThrow('ID="99" is not valid');
  expect((await world.command('plan')).code).toBe(2);
  expect(whole(world)).toEqual(before);
});

test('a broken configuration, and a last good one of an older version: as if there were none', async () => {
  const world = await started(...ALL_UP);
  const before = whole(world);
  const older = { balance: 'flow', markMask: 0x3f000000, tableBase: 20000, prefBase: 20000, lan: 'any' };
  const links = [{ name: 'dsl1', id: 1, device: 'ppp0', weight: 1, onDown: 'failover', masquerade: true, mss: 'auto' }];
  writeFileSync(join(world.stateDirectory, 'config.json'), JSON.stringify({ ...older, links }));
  await play(world, `config ${DSL1} ID=99`, UP1);
  expect(world.errors.at(-1)).toMatch(/ID="99" is not valid/);
  expect(whole(world)).toEqual(before);
  await play(world, `config ${DSL1} ID=1 DEVICE=ppp0 PPP_IPPARAM=dsl1 WEIGHT=2`, UP1);
  expect(world.errors).toHaveLength(1);
  expect(whole(world)).toEqual(before);
});

test('a run sweeps what killed ones were writing', async () => {
  const world = await started(...ALL_UP);
  const dead = spawnSync('true').pid;
  for (const name of ['state.json', 'events/1-1.json', 'scripts/1-1.json', 'lib/clients.json']) {
    for (const folder of ['lib', 'scripts']) mkdirSync(join(world.stateDirectory, folder), { recursive: true });
    writeFileSync(join(world.stateDirectory, `${name}.${dead}.tmp`), '');
  }
  await play(world, UP1);
  const left = readdirSync(world.stateDirectory, { recursive: true }).filter((name) => String(name).endsWith('.tmp'));
  expect(left).toEqual([]);
});

test('a broken configuration and no good one ever: the event waits for it', async () => {
  const world = createTestWorld();
  await play(world, `config ${DSL1} ID=99`, 'line ppp0 up 192.0.2.11', UP1);
  expect(world.errors).toEqual([expect.stringContaining('ID="99" is not valid')]);
  expect([world.fake.dump('ours'), pendingCount(world)]).toEqual([[], 1]);
  world.errors.length = 0;
  await play(world, ...START, 'wanhook apply');
  expect(pendingCount(world)).toBe(0);
  expect(world.fake.dump('ours')).toContain('ip route add default dev ppp0 src 192.0.2.11 table 20001 proto 201');
});

test('apply fails for ever: told, the record kept, routing as it was; and made good once it works', async () => {
  const world = await started(...ALL_UP.slice(0, 2));
  const before = world.fake.dump('ours');
  world.fake.beforeEach = (tool, argv) => {
    if (tool === 'nft' && argv[0] === '-f') throw new Error('No space left on device');
  };
  await play(world, 'line ppp1 up 192.0.2.12', 'config wanhook.env MSS=1300', UP2);
  expect(world.errors).toEqual(['No space left on device']);
  expect(world.fake.dump('ours')).toEqual(before);
  expect(world.journal().at(-1)).toMatchObject({
    cause: ['pppd ip-up ppp1'],
    error: 'No space left on device',
    notes: Array(3).fill('looked again: No space left on device'),
  });
  expect(world.state().links['dsl2']).toMatchObject({ device: 'ppp1', address: '192.0.2.12' });
  expect(pendingCount(world)).toBe(1);
  world.fake.beforeEach = () => undefined;
  await world.apply();
  expect(world.fake.dump('ours')).toContain('ip route add default dev ppp1 src 192.0.2.12 table 20002 proto 201');
  expect(pendingCount(world)).toBe(0);
});

test('what is refused for ever takes its own link down, with the command in the message', async () => {
  const world = await started();
  await play(world, 'line ppp0 up 192.0.2.11');
  let looks = 0;
  world.fake.beforeEach = (tool, argv, stdin) => {
    if (stdin.startsWith('address show')) looks++;
    // Somebody takes the address away each time.
    if (tool === 'ip' && argv[0] === '-batch') world.fake.delAddress('ppp0', '192.0.2.11');
    if (tool === 'nft') return;
    if (stdin.startsWith('address show')) world.fake.addAddress('ppp0', '192.0.2.11', '192.0.2.254');
  };
  world.fake.delAddress('ppp0', '192.0.2.11');
  await play(world, UP1);
  expect(looks).toBe(3);
  const refusal =
    '"ip route replace default dev ppp0 src 192.0.2.11 table 20001 proto 201" was refused: Error: Invalid prefsrc address.';
  expect(world.errors).toEqual([]);
  expect(world.warnings).toEqual([refusal]);
  expect(world.state().verdicts['dsl1']?.reason).toBe(`the kernel refuses it: ${refusal}`);
});

test('a system without nexthop objects is told plainly', async () => {
  const world = await started();
  const stderr = 'Object "nexthop" is unknown, try "ip help".\nCommand failed -:4\n';
  const runner: Runner = {
    run: (tool, argv, stdin) =>
      argv.includes('-j')
        ? Promise.resolve({ code: 1, stdout: '[]', stderr })
        : world.fake.runner.run(tool, argv, stdin),
  };
  const older = { ...world, kernel: createKernel(runner) };
  await expect(reconcile(older, { cause: 'x' })).rejects.toThrow(
    'this system has no nexthop objects (Linux 5.3 and iproute2 5.3 or later are needed)',
  );
});

test('stop and apply: nothing of ours, then all of it; a second stop is nothing', async () => {
  const world = await started(
    ...ALL_UP,
    'stranger rule add pref 7 lookup 100',
    'stranger route add blackhole 10.0.0.0/8',
  );
  const [before, others] = [whole(world), world.fake.dump('others')];
  await world.stop();
  expect(whole(world)).toEqual([undefined]);
  expect(world.fake.dump('others')).toEqual(others);
  expect((await world.stop()).ops).toEqual([]);
  expect(world.state().stopped).toBe(true);
  // A hook takes notes and leaves the kernel alone.
  await play(world, 'line eth1 has 198.51.100.77', 'dhclient BOUND eth1 198.51.100.77 198.51.100.1');
  expect(whole(world)).toEqual([undefined]);
  expect(world.state().links['cable']?.address).toBe('198.51.100.77');
  await play(world, 'line eth1 has 198.51.100.2', BOUND, 'wanhook apply');
  expect(whole(world)).toEqual(before);
  expect(world.fake.dump('others')).toEqual(others);
});

test('stop needs no configuration', async () => {
  const world = await started(...ALL_UP);
  await play(world, `config ${DSL1} ID=99`, 'config wanhook.env TABLE_BASE=1');
  await world.stop();
  expect(whole(world)).toEqual([undefined]);
});

test('stop gives sysctls back, except those that somebody changed since', async () => {
  const world = createTestWorld();
  world.fake.setSysctl('net/ipv4/ip_forward', '1');
  await play(world, ...START, ...ALL_UP);
  world.fake.setSysctl('net/ipv4/conf/eth1/rp_filter', '1');
  world.fake.setSysctl('net/ipv4/ip_dynaddr', '7');
  await world.stop();
  expect(sysctlsOf(world.fake.procSys)).toEqual(['conf/eth1/rp_filter = 1', 'ip_dynaddr = 7', 'ip_forward = 1']);
});

test('a memory that somebody took away and could not write that down is forgotten: no hook looks for it any more', async () => {
  const world = await started(...ALL_UP, 'config wanhook.env BALANCE=pair', 'wanhook apply');
  const { memory } = world.state();
  await play(world, 'config wanhook.env', 'wanhook apply');
  world.writeState({ ...world.state(), ...(memory && { memory }) });
  await play(world, UP1);
  expect([memory === undefined, world.state().memory]).toEqual([false, undefined]);
});

test('an old value that the system would not take back is given back by the next run', async () => {
  const world = await started(...ALL_UP);
  const forwarding = join(world.fake.procSys, 'net/ipv4/ip_dynaddr');
  rmSync(forwarding);
  symlinkSync(DEVICE_THAT_IS_FULL, forwarding);
  // As a read-only /proc/sys, which root cannot be kept from writing to here: read as set, written in vain.
  const stuck = { ...world, kernel: { ...world.kernel, readSysctls: readingAs(world, 'net/ipv4/ip_dynaddr', '1') } };
  await reconcile(stuck, { cause: 'wanhook stop', stopped: true });
  expect(world.warnings.join()).toContain('cannot set sysctl net/ipv4/ip_dynaddr to 0: ENOSPC');
  rmSync(forwarding);
  world.fake.setSysctl('net/ipv4/ip_dynaddr', '1');
  await world.stop();
  expect(sysctlsOf(world.fake.procSys)).toEqual([]);
  expect(world.state().sysctls).toEqual({});
});

test('local TCP from an address that a link has lost is ended, once, and nobody else’s', async () => {
  const world = await started(...ALL_UP);
  for (const address of ['192.0.2.11', '192.0.2.12', '10.10.0.1']) world.fake.addSocket(address);
  await play(world, 'line ppp0 hangs up', 'ip-down ppp0 192.0.2.11 192.0.2.254 dsl1');
  expect(world.fake.sockets()).toEqual(['192.0.2.12', '10.10.0.1']);
  world.fake.addSocket('192.0.2.11');
  await play(world, 'ip-down ppp0 192.0.2.11 192.0.2.254 dsl1', 'wanhook apply');
  expect(world.fake.sockets()).toHaveLength(3);
  // The hook of a redial with another address is the first that hears of the loss.
  await play(world, 'line ppp1 hangs up', 'line ppp1 up 192.0.2.99', 'ip-up ppp1 192.0.2.99 192.0.2.254 dsl2');
  expect(world.fake.sockets()).toEqual(['10.10.0.1', '192.0.2.11']);
});

test('every change is echoed before it is made, as it can be pasted', async () => {
  const world = await started();
  world.echoed.length = 0;
  const seen: string[] = [];
  world.fake.beforeEach = (tool, argv, stdin) => {
    if (tool === 'ip' && argv[0] === 'neigh') seen.push(`ip ${argv.join(' ')}`);
    if (tool === 'ip' && argv[0] === '-batch')
      seen.push(
        ...stdin
          .trim()
          .split('\n')
          .map((line) => `ip ${line}`),
      );
  };
  await play(world, ...ALL_UP, 'wanhook stop');
  expect(world.echoed.filter((line) => line.startsWith('ip '))).toEqual(seen);
});

test.each([
  ['stop', [], 'wanhook stop'],
  ['a link leaves the configuration', ['config links/cable.env'], 'wanhook apply'],
])('killed between the record and the first change, %s: old sysctls are not forgotten', async (_, happens, event) => {
  const want = await started(...ALL_UP, ...happens, event);
  const world = await started(...ALL_UP, ...happens);
  const cut = {
    ...world,
    echo: () => {
      throw new Error('killed');
    },
  };
  await reconcile(cut, { cause: event, stopped: event === 'wanhook stop' }).catch(() => undefined);
  await play(world, event);
  expect(sysctlsOf(world.fake.procSys)).toEqual(sysctlsOf(want.fake.procSys));
  expect(world.state().sysctls).toEqual(want.state().sysctls);
});

/** Each of these is cut off at every command it would run, one after the other, and run once more. */
const CRASHES: readonly (readonly [
  name: string,
  before: readonly string[],
  world: readonly string[],
  event: string,
])[] = [
  ['a line comes up', ALL_UP.slice(0, 2), ['line ppp1 up 192.0.2.12'], UP2],
  ['the first line comes up', [], ['line ppp0 up 192.0.2.11'], UP1],
  ['a line goes', ALL_UP, ['line ppp1 hangs up'], 'ip-down ppp1 192.0.2.12 192.0.2.254 dsl2'],
  ['a blocked line goes', ALL_UP, ['line eth1 hangs up'], 'dhclient EXPIRE eth1 198.51.100.2'],
  ['a line is renumbered', ALL_UP, ['line eth1 has 198.51.100.9'], 'dhclient BOUND eth1 198.51.100.9 198.51.100.1'],
  ['a link leaves the configuration', ALL_UP, [`config ${DSL1}`], 'wanhook apply'],
  ['all numbers change', ALL_UP, ['config wanhook.env MARK_MASK=0xff TABLE_BASE=500 PREF_BASE=9'], 'wanhook apply'],
  ['stop', ALL_UP, [], 'wanhook stop'],
  ['apply after stop', [...ALL_UP, 'wanhook stop'], [], 'wanhook apply'],
];

test.each(CRASHES)('cut off anywhere: %s', async (_, before, happens, event) => {
  const reference = await started(...before, ...happens, event);
  const want = [whole(reference), reference.state().links, reference.state().sysctls];
  for (let cut = 1; ; cut++) {
    const world = await started(...before, ...happens);
    let left = cut;
    world.fake.beforeEach = () => {
      if (--left === 0) throw new Error('killed');
      if (left < 0) throw new Error('dead');
    };
    await play(world, event).catch(() => undefined);
    world.errors.length = 0;
    world.fake.beforeEach = () => undefined;
    // The next run of whatever kind: here an apply, or stop again.
    await play(world, event === 'wanhook stop' ? event : 'wanhook apply');
    expect([whole(world), world.state().links, world.state().sysctls], `cut at command ${cut}`).toEqual(want);
    expect(await world.plan().then((ops) => (world.state().stopped ? [] : ops))).toEqual([]);
    if (left > 0) break;
  }
});

test.each([
  ['as it was loaded', (listing: string) => listing, 0],
  ['changed since by a stranger', (listing: string) => `${listing} # edited`, 1],
  ['empty: no table, or no nft', () => '', 1],
])('the firewall listed early, outside the lock, is believed only where it confirms: %s', async (_, early, asked) => {
  const world = await started(...ALL_UP);
  const listing = world.state().firewall?.listing ?? '';
  expect(listing).not.toBe('');
  let listed = 0;
  const kernel = {
    ...world.kernel,
    listFirewall: () => {
      listed += 1;
      return world.kernel.listFirewall();
    },
  };
  const report = await reconcile(
    { ...world, kernel, earlyLook: () => ({ listing: early(listing) }) },
    { cause: 'test' },
  );
  expect([listed, report?.ops]).toEqual([asked, []]);
});

/** What run-hook.sh would have looked up at this moment. */
function look(world: TestWorld) {
  const { stdout } = world.fake.runSync('ip', ['-N', '-j', '-batch', '-'], `${OBSERVE_BATCH.join('\n')}\n`);
  const listing = world.state().firewall?.listing ?? '';
  const changes = readFileSync(join(world.stateDirectory, 'changes'), 'utf8').trim();
  return (age = 0) => ({ ip: parseIpBatch(stdout), listing, changes, age: () => age });
}

/** The hook with that look; how many commands it ran. */
async function early(world: TestWorld, given: ReturnType<typeof look>, text: string, age?: number): Promise<number> {
  const before = world.fake.commands();
  let earlyLook: typeof given | undefined = given;
  const once = () => {
    const now = earlyLook?.(age) ?? {};
    earlyLook = undefined;
    return now;
  };
  const event = eventOf(text);
  const eventPath = dropEvent(world.stateDirectory, event);
  await reconcile({ ...world, earlyLook: once }, { cause: event.cause, eventPath, lenient: true });
  expect(pendingCount(world)).toBe(0);
  return world.fake.commands() - before;
}

test('an early look that shows nothing to do starts nothing; any other is built on unless another run came between', async () => {
  const world = await started(...ALL_UP);
  const before = whole(world);
  const state = world.state();
  expect(await early(world, look(world), UP1), 'nothing new').toBe(0);
  expect([whole(world), world.state()]).toEqual([before, state]);

  world.fake.ip('rule del pref 20300 from 192.0.2.11 lookup 20001 protocol 201');
  expect(await early(world, look(world), UP1), 'a rule is missing').toBe(2);
  expect(whole(world)).toEqual(before);

  world.fake.ip('rule del pref 20300 from 192.0.2.11 lookup 20001 protocol 201');
  expect(await early(world, look(world), UP1, 20_000), 'it has waited for the lock').toBe(3);

  const old = look(world);
  await play(world, 'line ppp1 hangs up', 'ip-down ppp1 192.0.2.12 192.0.2.254 dsl2');
  const down = whole(world);
  expect(await early(world, old, UP1), 'another hook was faster').toBe(2);
  expect(whole(world)).toEqual(down);
  expect(world.state().verdicts['dsl2']?.up).toBe(false);
});

test('an early look is not built on if a run changed something since, or was at work, or was killed at it', async () => {
  const lose = 'rule del pref 20300 from 192.0.2.11 lookup 20001 protocol 201';
  const world = await started(...ALL_UP);
  const before = whole(world);
  world.fake.ip(lose);
  const old = look(world);
  await play(world, 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl1');
  world.fake.ip(lose);
  expect(await early(world, old, UP1), 'a run since').toBe(3);
  expect(whole(world)).toEqual(before);
  world.fake.ip(lose);
  // As it stands while another run changes something, and after it was killed.
  writeFileSync(join(world.stateDirectory, 'changes'), '');
  expect(await early(world, look(world), UP1), 'a run at work').toBe(3);
  expect(whole(world)).toEqual(before);
  world.fake.ip(lose);
  expect(await early(world, look(world), UP1), 'that was the end of it').toBe(2);
  expect(whole(world)).toEqual(before);
});

const sysctlOf = (world: TestWorld, key: string) => readFileSync(join(world.fake.procSys, key), 'utf8').trim();

test('a sysctl of the device that an event is about counts as it is now, not as the shell saw it', async () => {
  const key = 'net/ipv4/conf/ppp0/rp_filter';
  const world = await started(...ALL_UP);
  const old = look(world);
  world.fake.setSysctl(key, '1');
  await early(world, old, UP1);
  expect(sysctlOf(world, key)).toBe('2');
});

test('what netlink tells only in part is not given back in the place of what somebody has set', async () => {
  const key = 'net/ipv4/conf/ppp0/ignore_routes_with_linkdown';
  const world = await started(...ALL_UP);
  world.fake.setSysctl(key, '2');
  await play(world, 'wanhook stop');
  expect(sysctlOf(world, key)).toBe('2');
});

test('an ip(8) that knows no netconf leaves those sysctls to their files; one that fails before is not believed', async () => {
  const { fake } = createTestWorld(new Map());
  const failing = (line: number): Runner => ({
    run: (tool, argv, stdin = '') => {
      const known = stdin
        .split('\n')
        .slice(0, line - 1)
        .join('\n');
      const { stdout } = fake.runSync(tool, argv, known);
      return Promise.resolve({
        code: 1,
        stdout,
        stderr: `Object is unknown, try "ip help".\nCommand failed -:${line}\n`,
      });
    },
  });
  await expect(createKernel(failing(OBSERVE_BATCH.length)).observe()).resolves.toMatchObject({
    sysctls: {},
    rules: [],
  });
  await expect(createKernel(failing(OBSERVE_BATCH.length - 1)).observe()).rejects.toThrow(
    'cannot read rules and routes',
  );
});

test('an early look decides nothing about events that may be newer', async () => {
  const world = await started(...ALL_UP);
  const old = look(world);
  // Ours is the last word on a link that another hook, whose event we take along, says has changed.
  world.fake.ip('rule del pref 20300 from 192.0.2.12 lookup 20002 protocol 201');
  dropEvent(world.stateDirectory, eventOf(UP2));
  await early(world, old, UP1);
  expect(whole(world)).toEqual(whole(await started(...ALL_UP)));
});

test('an early look does not decide about pairs, which it has not seen', async () => {
  const world = await started('config wanhook.env BALANCE=pair', ...ALL_UP);
  expect(await early(world, look(world), UP1)).toBeGreaterThan(0);
});

test('run-hook.sh looks up what we understand', () => {
  const script = readFileSync(new URL('../../hooks/run-hook.sh', import.meta.url), 'utf8');
  expect(script).toContain(` exec 8<<'LOOK' || return\n${OBSERVE_BATCH.join('\n')}\nLOOK\n`);
  expect(script).toContain(` ip -6 -N -j -batch - <<'LOOK'\n${OBSERVE_BATCH6.join('\n')}\nLOOK\n`);
});

test('one link that the kernel will not have does not keep the others from coming up', async () => {
  const world = await started(...ALL_UP, 'line ppp0 hangs up');
  // Nothing we could have known: the kernel says no to this gateway.
  const { runner } = world.fake;
  const kernel = createKernel(
    {
      run: (tool, argv, stdin = '') => {
        const at = stdin.split('\n').findIndex((line) => line.includes('via 198.51.100.9'));
        if (tool !== 'ip' || at < 0) return runner.run(tool, argv, stdin);
        const stderr = `Error: Nexthop has invalid gateway.\nCommand failed -:${at + 1}\n`;
        return Promise.resolve({ code: 2, stdout: '', stderr });
      },
    },
    world.fake.procSys,
  );
  dropEvent(world.stateDirectory, eventOf('dhclient RENEW eth1 198.51.100.2 198.51.100.9'));
  await play(world, 'line ppp0 up 192.0.2.77');
  dropEvent(world.stateDirectory, eventOf('ip-up ppp0 192.0.2.77 192.0.2.254 dsl1'));
  const report = await reconcile({ ...world, kernel }, { cause: 'test' });
  expect([...(report?.refused.keys() ?? [])]).toEqual(['cable']);
  expect(world.fake.dump('ours')).toContain('ip route add default dev ppp0 src 192.0.2.77 table 20001 proto 201');
  expect(pendingCount(world)).toBe(0);
});

test.each([
  ['with nothing else to remember', () => undefined],
  ['with every sysctl right beforehand', (world: TestWorld) => world.loseState()],
])('a stop is remembered, %s, and apply lifts it', async (_, before) => {
  const world = await started(...ALL_UP);
  before(world);
  await world.stop();
  expect(world.state().stopped).toBe(true);
  await play(world, UP1);
  expect(world.fake.dump('ours')).toEqual([]);
  await world.apply();
  expect(world.state().stopped).toBe(false);
});

test('a stop that is killed half-way stays a stop', async () => {
  const world = await started(...ALL_UP);
  world.fake.beforeEach = (tool, argv) => {
    if (tool === 'ip' && argv[0] === '-batch') throw new Error('killed');
  };
  await expect(world.stop()).rejects.toThrow('killed');
  world.fake.beforeEach = () => undefined;
  await play(world, UP1);
  expect(world.fake.dump('ours')).toEqual([]);
});

test('stop works without nft, and says so', async () => {
  const world = await started(...ALL_UP);
  world.fake.beforeEach = (tool) => {
    if (tool === 'nft') throw new Error('cannot find the command "nft"');
  };
  const report = await world.stop();
  expect(report.notes).toEqual(['cannot find the command "nft"']);
  expect(world.fake.dump('ours')).toEqual([]);
});

test('links are renamed and swapped while they are up: the lines stay what they are', async () => {
  const world = await started(...ALL_UP.slice(0, 4));
  const swapped = [
    'config links/dsl1.env ID=1 PPP_IPPARAM=dsl2 WEIGHT=2',
    'config links/dsl2.env ID=2 PPP_IPPARAM=dsl1 WEIGHT=3',
  ];
  await play(world, ...swapped);
  await world.apply();
  const ours = world.fake.dump('ours');
  expect(ours).toContain('ip route add default dev ppp1 src 192.0.2.12 table 20001 proto 201');
  expect(ours).toContain('ip route add default dev ppp0 src 192.0.2.11 table 20002 proto 201');
});

test('another DEVICE for a link that is up: the old one is left at once', async () => {
  const world = await started(...ALL_UP, 'line eth2 up 203.0.113.2');
  await play(world, 'config links/cable.env ID=3 DEVICE=eth2 GATEWAY=203.0.113.1');
  await world.apply();
  expect(world.fake.dump('ours').filter((line) => line.includes('20003'))).toContain(
    'ip route add default via 203.0.113.1 dev eth2 src 203.0.113.2 table 20003 proto 201',
  );
  expect(world.fake.dump('ours').join()).not.toContain('eth1');
});
