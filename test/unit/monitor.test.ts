/** The resident's parts: what wakes it, how it gathers, what it asks over, and what it does with a bad configuration. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LINK_DEFAULTS } from '../../src/config/keys.ts';
import type { ResidentEvents } from '../../src/kernel/resident.ts';
import type { LinkConfig, LinkHealth, LinkStatus } from '../../src/model.ts';
import { lineReader, readNftLine } from '../../src/monitor/kernel-lines.ts';
import { watchKernel } from '../../src/monitor/kernel-watch.ts';
import { startMonitor, type Surroundings } from '../../src/monitor/monitor.ts';
import type { ProbedLink, ProbeRound } from '../../src/monitor/probe/round.ts';
import type { Passive } from '../../src/monitor/passive.ts';
import { probing, type Engine } from '../../src/monitor/probing.ts';
import { steadyConfig } from '../../src/monitor/steady-config.ts';
import { begin, downEverywhere, judge } from '../../src/monitor/verdict.ts';
import { waker } from '../../src/monitor/waker.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { down, up } from '../support/statuses.ts';
import { playStep } from '../support/world-steps.ts';
import { createTestWorld } from '../support/world.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** As iproute2 6.1 prints them. */
test.each([
  [
    '[LINK]3: eth1@p1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group 0 \\    link/[1] 12:37',
    'eth1 link',
  ],
  [
    '[LINK]Deleted 3: eth1@NONE: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group 0 \\    link/[1] 12:37',
    'eth1 gone',
  ],
  [
    '[LINK]12: ppp0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1492 qdisc fq_codel state UNKNOWN group 0 qlen 3\\    link/[512] ',
    'ppp0 link',
  ],
  [
    '[ADDR]3: eth1    inet6 2001:db8::5/64 scope 0 dynamic mngtmpaddr \\       valid_lft 600sec preferred_lft 300sec',
    'eth1 address',
  ],
  [
    '[ADDR]3: eth1    inet6 2001:db8::5/64 scope 0 tentative dynamic \\       valid_lft 600sec preferred_lft 300sec',
    undefined,
  ],
  [
    '[ADDR]Deleted 3: eth1    inet6 2001:db8::5/64 scope 0 \\       valid_lft forever preferred_lft forever',
    'eth1 address',
  ],
  [
    '[ADDR]4: ppp0    inet6 fe80::2 peer fe80::1/128 scope 253 \\       valid_lft forever preferred_lft forever',
    undefined,
  ],
  ['[ROUTE]Deleted default via fe80::1 dev eth1 proto 9 metric 1024 pref medium', 'default route'],
  ['[ADDR]3: eth1    inet 198.18.1.2/24 scope 0 eth1\\       valid_lft forever preferred_lft forever', 'eth1 address'],
  [
    '[ADDR]Deleted 3: eth1    inet 198.18.1.2/24 scope 0 eth1\\       valid_lft forever preferred_lft forever',
    'eth1 address',
  ],
  [
    '[ADDR]Deleted 2: p1    inet6 fe80::48f1:61ff:febc:808f/64 scope 253 tentative \\       valid_lft forever',
    undefined,
  ],
  ['[RULE]20100:\tfrom all lookup 20001 proto 201', undefined],
  ['[RULE]Deleted 20100:\tfrom all lookup 20001 proto 201', 'rule'],
  ['[RULE]Deleted 5:\tfrom all lookup 7', undefined],
  ['[NEXTHOP]Deleted id 20999 group 20001 proto 201 ', 'nexthop'],
  ['[NEXTHOP]id 20999 group 20001 proto 201 ', undefined],
  ['[NEXTHOP]Deleted id 7 via 198.18.1.1 dev eth1 scope 253 proto 3 ', undefined],
  ['[ROUTE]Deleted default nhid 20999 via 198.18.1.1 dev eth1 table 20000 proto 201 ', 'route'],
  ['[ROUTE]default via 192.0.2.1 dev eth1 ', 'default route'],
  ['[ROUTE]default via 192.0.2.1 dev eth1 table 20001 proto 3 ', 'default route'],
  ['[ROUTE]Deleted 10.0.0.0/8 dev eth1 proto 2 scope 253 src 10.0.0.1 ', undefined],
  ['[ROUTE]2 198.18.1.2 dev eth1 table 255 proto 2 scope 254 src 198.18.1.2 ', undefined],
  [
    'netlink receive error No buffer space available (105)',
    'ip monitor: netlink receive error No buffer space available (105)',
  ],
  ['', undefined],
])('%s', (line, told) => {
  expect(lineReader()(line)).toBe(told);
});

test('a device that says the same again is nothing new', () => {
  const read = lineReader();
  const line = (flags: string, mtu = 1500) =>
    read(`[LINK]3: eth1: <${flags}> mtu ${mtu} qdisc noqueue state UP group 0 \\`);
  expect(line('BROADCAST,UP,LOWER_UP')).toBe('eth1 link');
  expect(line('BROADCAST,UP,LOWER_UP')).toBeUndefined();
  expect(line('BROADCAST,PROMISC,UP,LOWER_UP')).toBeUndefined();
  expect(line('NO-CARRIER,BROADCAST,UP')).toBe('eth1 link');
  expect(line('NO-CARRIER,BROADCAST,UP', 1492)).toBe('eth1 link');
});

test('an advertisement that says the same again is nothing new', () => {
  const read = lineReader();
  const line = (flags: string) => read(`[ADDR]3: eth1    inet6 2001:db8::5/64 scope 0 ${flags} \\ valid_lft 600sec`);
  expect(['dynamic', 'dynamic', 'deprecated dynamic', 'deprecated dynamic'].map(line)).toEqual([
    'eth1 address',
    undefined,
    'eth1 address',
    undefined,
  ]);
});

test('of nftables, only our tables', () => {
  expect(readNftLine('delete table inet wanhook')).toBe('firewall');
  expect(readNftLine('delete table inet wanhook_memory')).toBe('firewall of flows');
  expect(readNftLine('delete rule inet wanhook prerouting handle 17')).toBe('firewall');
  expect(readNftLine('add rule inet wanhook prerouting drop')).toBe('firewall');
  expect(readNftLine('delete element inet wanhook wan { "eth1" }')).toBe('firewall');
  expect(readNftLine('W: Received event for an unknown set.')).toBe('firewall');
  expect(readNftLine('delete rule inet wanhook_kept keep_1 handle 4')).toBe('firewall of flows');
  expect(readNftLine('delete element inet wanhook_kept kept_1 { 10.10.0.2 }')).toBeUndefined();
  expect(readNftLine('# new generation 12 by process 28207 (nft)')).toBeUndefined();
  expect(readNftLine('delete table inet wanhook_use_77')).toBeUndefined();
  expect(readNftLine('delete table ip wanhook')).toBeUndefined();
});

test('a resident that ends is started again, later each time, and what it missed is looked for', async () => {
  const started: { command: string; events: ResidentEvents }[] = [];
  const told: string[] = [];
  const watch = watchKernel(
    (command, _, events) => {
      started.push({ command, events });
      return { pid: 1, stop: () => undefined };
    },
    { changed: (what) => told.push(what), warn: (message) => told.push(message) },
  );
  const starts = () => started.filter(({ command }) => command === 'ip').length;
  expect(starts()).toBe(1);
  for (const [ms, count] of [
    [100, 2],
    [200, 3],
    [400, 4],
  ] as const) {
    started.findLast(({ command }) => command === 'ip')!.events.end('SIGKILL');
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(starts()).toBe(count - 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(starts()).toBe(count);
  }
  expect(told.at(-1)).toBe('ip monitor restarted');
  await vi.advanceTimersByTimeAsync(20_000);
  started.at(-1)!.events.end('SIGKILL');
  await vi.advanceTimersByTimeAsync(50);
  expect(starts(), 'one that lived is started at once').toBe(5);
  started.at(-1)!.events.end('SIGKILL');
  watch.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(starts(), 'stopped').toBe(5);
});

describe('waking', () => {
  const runs: (readonly string[])[] = [];
  let takes = 10;
  let works = true;
  beforeEach(() => {
    runs.length = 0;
    [takes, works] = [10, true];
  });
  const run = async (causes: readonly string[]) => {
    runs.push(causes);
    await new Promise((resolve) => setTimeout(resolve, takes));
    return works;
  };

  test('what comes together is one run; what comes meanwhile is the next', async () => {
    const { wake } = waker(run);
    wake('a');
    wake('b');
    wake('a');
    await vi.advanceTimersByTimeAsync(4);
    expect(runs).toEqual([['a', 'b']]);
    wake('c');
    wake('d');
    await vi.advanceTimersByTimeAsync(50);
    expect(runs).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(runs).toHaveLength(2);
  });

  test('a storm is gathered', async () => {
    const { wake } = waker(run);
    const storm = setInterval(() => wake('again'), 1);
    await vi.advanceTimersByTimeAsync(10_000);
    clearInterval(storm);
    expect(runs.length).toBeLessThanOrEqual(110);
    expect(runs.length).toBeGreaterThan(30);
  });

  test('a failed run is tried again with its causes, later each time, and at once when something changes', async () => {
    const { wake } = waker(run);
    works = false;
    wake('a');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toEqual([['a'], ['a'], ['a'], ['a']]);
    wake('b');
    await vi.advanceTimersByTimeAsync(10);
    expect(runs.at(-1)).toEqual(['a', 'b']);
    works = true;
    await vi.advanceTimersByTimeAsync(120_000);
    const { length } = runs;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(runs).toHaveLength(length);
  });

  test('stop waits for the run that is under way, and none follows', async () => {
    const { wakeNow, wake, stop } = waker(run);
    wakeNow('a');
    await vi.advanceTimersByTimeAsync(1);
    wake('b');
    let stopped = false;
    void stop().then(() => (stopped = true));
    await vi.advanceTimersByTimeAsync(5);
    expect(stopped).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect([stopped, runs]).toEqual([true, [['a']]]);
  });
});

test('a bad configuration is said once, the last good one holds, and asked for it is said again', () => {
  const world = createTestWorld(new Map([['links/a.env', 'ID=1\nDEVICE=ppp0\n']]));
  const said: string[] = [];
  const good = world.loadConfig();
  let kept = good;
  const steady = steadyConfig(
    world.loadConfig,
    () => kept,
    (message) => said.push(message),
  );
  expect(steady.load()).toEqual(good);
  world.files.set('links/a.env', 'ID=1\nDEVICE=ppp0\nWEIGHT=no\n');
  expect(steady.load()).toEqual(good);
  expect(steady.load()).toEqual(good);
  expect(said).toHaveLength(1);
  steady.tellAgain();
  // What an `apply` has made the last good one since.
  kept = { ...good, problems: [] };
  expect(steady.load()).toBe(kept);
  expect(said).toHaveLength(2);
  world.files.set('links/a.env', 'ID=1\nDEVICE=ppp0\nWEIGHT=7\n');
  expect(steady.load().config?.links[0]?.weight).toBe(7);
  expect(said.at(-1)).toBe('the configuration is right again');
  const bad = createTestWorld(new Map([['links/a.env', 'ID=no']]));
  const never = steadyConfig(
    bad.loadConfig,
    () => undefined,
    () => undefined,
  );
  expect(never.load().problems.length).toBeGreaterThan(0);
});

/** An engine whose rounds the test calls. */
function fakeEngine() {
  const asked = new Map<string, { link: ProbedLink; round: (round: ProbeRound) => void }>();
  let starts = 0;
  const engine: Engine = {
    begin,
    judge,
    downEverywhere,
    startProbes: (link, _, round) => {
      starts++;
      const name = link.family === 6 ? `${link.name} IPv6` : link.name;
      asked.set(name, { link, round });
      return { stop: () => asked.delete(name) };
    },
  };
  const answer = (name: string, ok: boolean) => {
    const at = performance.now();
    const results = ['icmp://1.1.1.1', 'icmp://8.8.8.8', 'icmp://9.9.9.9'].map((target) => ({ target, ok, rttMs: 9 }));
    asked.get(name)?.round({ at, results });
  };
  return { engine, asked, answer, starts: () => starts };
}
/** Nothing is known of any connection. */
const NOBODY: Passive = {
  follow: () => undefined,
  since: () => Promise.resolve(undefined),
  stop: () => Promise.resolve(),
};
const NOW = () => ({ monotonic: performance.now(), epoch: Date.now() });

describe('probing', () => {
  test('over exactly the links that are up; anew when line or settings change', () => {
    const { engine, asked, starts } = fakeEngine();
    const probes = probing(engine, NOW, () => undefined, NOBODY);
    probes.follow([up(1), up(2), down(3), up(4, { probe: undefined as never })], {});
    expect([...asked.keys()]).toEqual(['l1', 'l2']);
    probes.follow([up(1), up(2), down(3)], {});
    expect(starts()).toBe(2);
    probes.follow([up(1, {}, '192.0.2.99'), down(2), up(3)], {});
    expect([...asked.keys()]).toEqual(['l1', 'l3']);
    expect(asked.get('l1')?.link.address).toBe('192.0.2.99');
    expect(starts()).toBe(4);
    probes.follow([up(1, { probe: { ...LINK_DEFAULTS.probe!, need: 2 } }, '192.0.2.99'), up(3)], {});
    expect(starts()).toBe(5);
    void probes.stop();
    expect(asked.size).toBe(0);
  });

  test('only a change of mind is told; one that was dead before this process must show that it lives', async () => {
    const { engine, answer } = fakeEngine();
    const told: string[] = [];
    const probes = probing(engine, NOW, (name, { verdict }) => told.push(`${name} ${verdict}`), NOBODY);
    const said: LinkHealth = { verdict: 'dead', since: 1, reason: 'x', device: 'ppp2', address: '192.0.2.2' };
    probes.follow([up(1), up(2)], { l2: said });
    const rounds = async (name: string, ok: boolean, count: number) => {
      for (let n = 0; n < count; n++) {
        answer(name, ok);
        await vi.advanceTimersByTimeAsync(2000);
      }
    };
    await rounds('l1', true, 3);
    await rounds('l2', true, 3);
    expect(told).toEqual([]);
    await rounds('l2', true, 2);
    await rounds('l1', false, 10);
    expect(told).toEqual(['l2 alive', 'l1 dead']);
    expect(probes.figures()['l1']).toMatchObject({ verdict: 'dead', device: 'ppp1', address: '192.0.2.1' });
    const dead: LinkHealth = { verdict: 'dead', since: 1, reason: 'x', device: 'ppp1', address: '192.0.2.1' };
    probes.follow([up(1), up(2)], { l1: dead });
    expect(told).toHaveLength(2);
    await rounds('l1', true, 5);
    expect(told.at(-1)).toBe('l1 alive');
  });

  const OWN = { probe6: LINK_DEFAULTS.probe! };
  const six = (id: number, more: Partial<LinkConfig> = OWN): LinkStatus => ({
    ...up(id, more, `2001:db8::${id}`),
    family: 6,
  });

  test('each family of a line by itself; IPv6 only where it has targets', async () => {
    const { engine, asked, answer } = fakeEngine();
    const told: string[] = [];
    const tell = (name: string, { verdict, address }: LinkHealth, family?: 6) =>
      told.push(`${name} ${family ?? 4} ${verdict} ${address}`);
    const probes = probing(engine, NOW, tell, NOBODY);
    const both = [up(1, OWN), six(1), up(2), six(2, {}), six(3, { ...OWN, probe: undefined as never })];
    probes.follow(both, {}, {});
    expect([...asked.keys()]).toEqual(['l1', 'l1 IPv6', 'l2', 'l3 IPv6']);
    for (let n = 0; n < 4; n++) {
      for (const name of ['l1', 'l2', 'l3 IPv6']) answer(name, true);
      answer('l1 IPv6', false);
      await vi.advanceTimersByTimeAsync(2000);
    }
    expect(told).toEqual(['l1 6 dead 2001:db8::1']);
    expect(Object.keys(probes.figures())).toEqual(['l1', 'l2']);
    expect(probes.figures(6)).toMatchObject({ l1: { verdict: 'dead' }, l3: { verdict: 'alive' } });
    // What the record has of it is not told again; what it has lost is.
    probes.follow(both, {}, { l1: probes.figures(6)['l1']! });
    expect(told).toHaveLength(1);
    probes.follow(both, {}, {});
    expect(told).toHaveLength(2);
    probes.follow([up(1, OWN)], {}, {});
    expect([...asked.keys()]).toEqual(['l1']);
    await probes.stop();
  });

  test('all dead is a matter of each family', async () => {
    const { engine, answer } = fakeEngine();
    const told: string[] = [];
    const tell = (name: string, { answers }: LinkHealth, family?: 6) =>
      told.push(`${name} ${family ?? 4}${answers === true ? ' answers' : ''}`);
    const probes = probing(engine, NOW, tell, NOBODY);
    probes.follow([up(1, OWN), six(1), six(2)], {}, {});
    for (let n = 0; n < 4; n++) {
      answer('l1', true);
      answer('l1 IPv6', false);
      answer('l2 IPv6', false);
      await vi.advanceTimersByTimeAsync(2000);
    }
    answer('l2 IPv6', true);
    expect(told.toSorted()).toEqual(['l1 6', 'l2 6', 'l2 6 answers']);
    await probes.stop();
  });

  test('what the record lacks, or has from before, is told once there was a round', async () => {
    const { engine, answer } = fakeEngine();
    const told: string[] = [];
    const probes = probing(engine, NOW, (name, { verdict }) => told.push(`${name} ${verdict}`), NOBODY);
    const said: LinkHealth = { verdict: 'degraded', since: 1, reason: 'x', device: 'ppp1', address: '192.0.2.1' };
    probes.follow([up(1)], { l1: said });
    expect(told).toEqual([]);
    answer('l1', true);
    expect(told).toEqual(['l1 alive']);
    for (let n = 0; n < 5; n++) {
      answer('l1', false);
      await vi.advanceTimersByTimeAsync(2000);
    }
    expect(told).toEqual(['l1 alive', 'l1 dead']);
    probes.follow([up(1)], {});
    expect(told).toEqual(['l1 alive', 'l1 dead', 'l1 dead']);
  });
});

describe('the whole', () => {
  async function started() {
    const world = createTestWorld();
    for (const step of [
      ...['config links/dsl1.env ID=1 DEVICE=ppp0', 'config links/dsl2.env ID=2 DEVICE=ppp1'],
      ...['line ppp0 up 192.0.2.11', 'ip-up ppp0 192.0.2.11 192.0.2.254'],
      ...['line ppp1 up 192.0.2.12', 'ip-up ppp1 192.0.2.12 192.0.2.254'],
    ])
      await playStep(fakeSteps(world), step);
    const fake = fakeEngine();
    const residents: ResidentEvents[] = [];
    const surroundings: Surroundings = {
      world,
      version: 'test',
      engine: fake.engine,
      spawn: (_command, argv, events) => {
        if (argv.includes('monitor')) residents.push(events);
        else queueMicrotask(() => events.end('exit code 0'));
        return { pid: 1, stop: () => undefined };
      },
      now: NOW,
      ready: () => undefined,
    };
    const monitor = startMonitor(surroundings);
    await vi.advanceTimersByTimeAsync(10);
    return { world, monitor, residents, ...fake };
  }
  async function rounds(answer: (name: string, ok: boolean) => void, ...each: readonly (readonly [string, boolean])[]) {
    for (let n = 0; n < 10; n++) {
      each.forEach(([name, ok]) => answer(name, ok));
      await vi.advanceTimersByTimeAsync(2000);
    }
  }
  const group = (lines: readonly string[]) => lines.find((line) => line.includes(' group '))?.split(' ')[6];

  test('a verdict reaches the kernel, and one recovered, too', async () => {
    const { world, answer, monitor } = await started();
    await rounds(answer, ['dsl1', false], ['dsl2', true]);
    expect(group(world.fake.dump('ours'))).toBe('20002,1');
    expect(world.journal().at(-1)?.cause.join()).toMatch(/^monitor: dsl1 is dead: no answer from 3 of 3 targets/);
    await rounds(answer, ['dsl1', true], ['dsl2', true]);
    expect(group(world.fake.dump('ours'))).toBe('20001,1/20002,1');
    await monitor.stop();
  });

  test('IPv6 is dead and IPv4 lives: only IPv6 leaves the line, and comes back', async () => {
    const { world, answer, monitor } = await started();
    for (const step of [
      ...['config links/dsl1.env ID=1 DEVICE=eth1 PROBE=gateway,icmp://2001:db8::1', 'line eth1 up 198.51.100.2'],
      ...['dhclient BOUND eth1 198.51.100.2 198.51.100.1', 'line eth1 advertises 2001:db8:a1::5'],
      ...['config links/dsl2.env ID=2 DEVICE=eth2', 'line eth2 up 198.51.102.2'],
      ...['dhclient BOUND eth2 198.51.102.2 198.51.102.1', 'line eth2 advertises 2001:db8:a2::5', 'wanhook apply'],
    ])
      await playStep(fakeSteps(world), step);
    monitor.reload();
    await vi.advanceTimersByTimeAsync(20);
    const balance = () => world.fake.dump('ours').filter((line) => / table 20000 /.test(line) && line.includes('-6'));
    await rounds(answer, ['dsl1', true], ['dsl1 IPv6', false], ['dsl2', true]);
    expect(group(world.fake.dump('ours'))).toBe('20001,1/20002,1');
    expect(balance()).toEqual([expect.stringContaining('dev eth2 table 20000')]);
    expect(world.state().v6?.health?.['dsl1']?.verdict).toBe('dead');
    expect(world.journal().flatMap(({ cause }) => cause)).toContainEqual(
      expect.stringMatching(/^monitor: dsl1 IPv6 is dead: no answer from 3 of 3 targets/),
    );
    await rounds(answer, ['dsl1', true], ['dsl1 IPv6', true], ['dsl2', true]);
    expect(balance().join()).toMatch(/dev eth1 .*dev eth2/);
    await monitor.stop();
  });

  test('all dead: the first that answers is used at once, and is the only one until another is well', async () => {
    const { world, answer, monitor } = await started();
    await rounds(answer, ['dsl1', false], ['dsl2', true]);
    await rounds(answer, ['dsl1', false], ['dsl2', false]);
    expect(group(world.fake.dump('ours'))).toBe('20002,1');
    const lines = world.journal().length;
    answer('dsl1', true);
    await vi.advanceTimersByTimeAsync(20);
    expect(group(world.fake.dump('ours'))).toBe('20001,1');
    await rounds(answer, ['dsl1', true], ['dsl2', false]);
    expect(group(world.fake.dump('ours'))).toBe('20001,1');
    expect(world.state().health?.['dsl1']?.verdict).toBe('alive');
    const [change, verdict] = world.journal().slice(lines);
    expect(change?.cause).toEqual(['monitor: dsl1 answers again, and all others are dead']);
    expect(verdict?.changed, 'the verdict that follows changes nothing').toEqual([]);
    await monitor.stop();
  });

  test('all dead: the one in use stays it through a lost round; one that is silent loses all', async () => {
    const { world, answer, monitor } = await started();
    await rounds(answer, ['dsl1', true], ['dsl2', true]);
    await rounds(answer, ['dsl1', false], ['dsl2', false]);
    expect(world.state().health).toMatchObject({ dsl1: { loss: 1 }, dsl2: { loss: 1 } });
    answer('dsl2', true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(group(world.fake.dump('ours'))).toBe('20002,1');
    const lines = world.journal().length;
    for (const ok of [false, true, false, false, true]) {
      answer('dsl2', ok);
      answer('dsl1', false);
      await vi.advanceTimersByTimeAsync(2000);
      expect(group(world.fake.dump('ours'))).toBe('20002,1');
    }
    expect(world.journal()).toHaveLength(lines);
    await monitor.stop();
  });

  test('a verdict that could not be carried out is carried out later', async () => {
    const { world, answer, monitor } = await started();
    world.fake.beforeEach = () => {
      throw new Error('no memory');
    };
    await rounds(answer, ['dsl1', false], ['dsl2', true]);
    expect(world.warnings.filter((warning) => warning.includes('no memory'))).toHaveLength(1);
    world.fake.beforeEach = () => undefined;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(group(world.fake.dump('ours'))).toBe('20002,1');
    await monitor.stop();
  });

  test('a redial is another line; stopped, nobody is asked; apply begins again', async () => {
    const { world, answer, asked, residents, monitor } = await started();
    await rounds(answer, ['dsl1', false], ['dsl2', true]);
    for (const step of ['line ppp0 hangs up', 'ip-down ppp0 192.0.2.11 192.0.2.254'])
      await playStep(fakeSteps(world), step);
    residents[0]!.line('[LINK]Deleted 3: ppp0: <POINTOPOINT> mtu 1492 qdisc noop state DOWN group 0 \\');
    await vi.advanceTimersByTimeAsync(10);
    expect([...asked.keys()]).toEqual(['dsl2']);
    for (const step of ['line ppp0 up 192.0.2.77', 'ip-up ppp0 192.0.2.77 192.0.2.254'])
      await playStep(fakeSteps(world), step);
    residents[0]!.line('[ADDR]4: ppp0    inet 192.0.2.77 peer 192.0.2.254/32 scope 0 ppp0\\');
    await vi.advanceTimersByTimeAsync(10);
    expect(asked.get('dsl1')?.link.address).toBe('192.0.2.77');
    expect(group(world.fake.dump('ours'))).toBe('20001,1/20002,1');
    await world.stop();
    await vi.advanceTimersByTimeAsync(61_000);
    expect(asked.size).toBe(0);
    expect(world.fake.dump('ours')).toEqual([]);
    await world.apply();
    await vi.advanceTimersByTimeAsync(61_000);
    expect(asked.size).toBe(2);
    await monitor.stop();
  });

  test('before any configuration it waits', async () => {
    const world = createTestWorld(new Map([['links/a.env', 'ID=no']]));
    const { engine, asked } = fakeEngine();
    const spawn = () => ({ pid: 1, stop: () => undefined });
    const none = () => undefined;
    const monitor = startMonitor({ world, version: 'test', engine, spawn, now: NOW, ready: none });
    await vi.advanceTimersByTimeAsync(200_000);
    expect(world.warnings).toHaveLength(1);
    for (const step of ['config links/a.env ID=1 DEVICE=ppp0', 'line ppp0 up 192.0.2.11'])
      await playStep(fakeSteps(world), step);
    await vi.advanceTimersByTimeAsync(61_000);
    expect([...asked.keys()]).toEqual(['a']);
    await monitor.stop();
  });
});
