/** Ways in which a line that is up can be bad, all at once, each on a line of its own: found out, and told apart. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { LinkHealth, State } from '../../src/model.ts';
import { type Monitor, startMonitor, watchEight } from '../support/router-monitor.ts';
import { createRouter, type Router } from '../support/router.ts';
import { BLACKHOLE, SCENES } from '../support/scenes.ts';
import { startServices } from '../support/services.ts';

/** Half of all packets lost for twenty rounds: three in a row without an answer would be no surprise. */
const QUICK = { PROBE_INTERVAL: 0.2, PROBE_TIMEOUT: 0.4, DOWN_AFTER: 6, FLAP_PENALTY: 0 };

let router: Router;
let monitor: Monitor;
afterEach(() => router.destroy());

const healthOf = async (line: number): Promise<LinkHealth | undefined> =>
  (JSON.parse(await router.rtr.sh('cat /run/wanhook/state.json')) as State).health?.[`line${line + 1}`];
/** As it is thought of now: the record has reasons only of verdicts. */
const thought = async (line: number) => {
  const links = JSON.parse(await router.rtr.sh('cat /run/wanhook/health.json')) as {
    links: Record<string, LinkHealth>;
  };
  return links.links[`line${line + 1}`];
};
const verdicts = async (line: number) => {
  // Causes that came together are one text.
  const causes = (await router.journal()).flatMap(({ cause }) => cause).join('\n');
  return [...causes.matchAll(new RegExp(`monitor: line${line + 1} is (\\w+):`, 'g'))].map(([, word]) => word!);
};
async function until(what: string, done: () => Promise<boolean>, ms = 30_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await done())) {
    if (Date.now() > end) {
      const figures = await router.rtr.sh('cat /run/wanhook/health.json');
      throw new Error(`not within ${ms} ms: ${what}\n${figures}${monitor.said()}`);
    }
    await sleep(50);
  }
}

test('each is found out, and no healthy line notices', async () => {
  const played = SCENES.slice(1);
  // What nobody reaches would be the target's trouble: the healthy line reaches all.
  const all = `${BLACKHOLE.keys['PROBE']},dns://203.0.113.14/example.org,http://203.0.113.15/generate_204`;
  const keys = [...played.map((scene) => ({ ...QUICK, ...scene.keys })), { PROBE: all, ...QUICK }];
  router = await createRouter({ links: keys.map(() => 'dhcp' as const), keys, clients: 2 });
  await startServices(router);
  for (const { index } of router.lines) await router.up(index);
  await router.must('apply');
  monitor = await startMonitor(router);
  const healthy = router.lines.at(-1)!;
  const local = [healthy.address];
  const held = await router.startHold({ from: 'rtr', ms: 60_000, count: 8, localAddresses: local });
  await sleep(1000);
  await Promise.all(played.map((scene, line) => scene.begin(router, line)));
  await until('all verdicts', async () => {
    const found = await Promise.all(played.map(async (_, line) => (await healthOf(line))?.verdict ?? 'alive'));
    return found.join() === played.map(({ verdict }) => verdict).join();
  });
  // The figures are written every 5 s.
  for (const [line, { name, verdict, because }] of played.entries()) {
    await until(`${name}: the reason`, async () => because?.test((await thought(line))?.reason ?? '') ?? true);
    expect((await thought(line))?.verdict, name).toBe(verdict);
  }
  const { broken, stalled } = await held.stop();
  expect({ broken, stalled }, 'connections of the healthy line').toEqual({ broken: 0, stalled: 0 });
  expect(await verdicts(healthy.index)).toEqual([]);
  expect(await router.strays()).toEqual([]);
  expect(monitor.said()).toBe('');
});

test('a link’s own connections: unanswered they make it dead sooner, answered they speak for it; and one that flaps is left out', async () => {
  const all = BLACKHOLE.keys['PROBE']!;
  const one = 'icmp://203.0.113.11';
  const keys = [
    // The LAN's, none, the router's own, none that matters.
    { PROBE: all, TIER: 1 },
    { PROBE: all, TIER: 3 },
    { PROBE: one, TIER: 2, ...QUICK, PROBE_INTERVAL: 0.5, DOWN_AFTER: 3 },
    { PROBE: all, TIER: 2, PROBE_INTERVAL: 0.2, PROBE_TIMEOUT: 0.2, UP_AFTER: 15 },
  ];
  router = await createRouter({ links: keys.map(() => 'dhcp' as const), keys });
  for (const { index } of router.lines) await router.up(index);
  await router.must('apply');
  monitor = await startMonitor(router);
  const table = async () => router.rtr.sh('nft list tables');
  const lan = await router.startProbe({ from: 'lan', ms: 60_000, everyMs: 50 });
  const localAddresses = [router.lines[2]!.address];
  const own = await router.startProbe({ from: 'rtr', ms: 60_000, everyMs: 100, localAddresses });
  await sleep(1500);
  expect(await table(), 'while all is well').not.toContain('wanhook_watch');

  for (const line of [0, 1]) await BLACKHOLE.begin(router, line);
  await router.isps[2]!.sh(`nft 'add rule ip lab upstream iifname "line" ip protocol icmp drop'`);
  for (let flaps = 0; flaps < 10; flaps++) {
    await router.deadUpstream(3, flaps % 2 === 0);
    await sleep(700);
  }
  expect(await table()).toContain('wanhook_watch');
  expect(await router.plan(), 'no hook takes it for a change').toEqual([]);
  await until('both dead', async () => (await verdicts(0)).concat(await verdicts(1)).join() === 'dead,dead');
  const [mute, idle] = [(await healthOf(0))!.since, (await healthOf(1))!.since];
  console.log(`with unanswered connections dead ${idle - mute} ms before one without`);
  // A third of the interval, if both are asked at the same time.
  expect(idle - mute).toBeGreaterThan(200);
  await lan.stop();
  const flapped = await verdicts(3);
  console.log(`flapping every 0.7 s for 7 s, asked every 0.2 s: ${flapped.join(', ')}`);
  expect(flapped.filter((verdict) => verdict === 'dead')).toHaveLength(1);

  await sleep(3000);
  expect(await verdicts(2), 'its only target is silent').toEqual([]);
  await own.stop();
  await until('nothing speaks for it any more', async () => (await verdicts(2)).join() === 'dead');
  await monitor.stop();
  expect(await table()).not.toContain('wanhook_watch');
});

/** SUSPENDED_SECONDS=30 for a longer sleep. */
test('suspended with all it keeps running: when it wakes nothing is dead for that, and what is then is noticed', async () => {
  const keys = { PROBE: BLACKHOLE.keys['PROBE']!, PROBE_INTERVAL: 0.5, PROBE_TIMEOUT: 0.5, FLAP_PENALTY: 0 };
  router = await createRouter({ links: ['dhcp', 'dhcp'], keys: [keys, keys] });
  for (const { index } of router.lines) await router.up(index);
  await router.must('apply');
  // nsenter(1) would stop with the monitor, were that its child.
  monitor = await startMonitor(router, {}, ['/bin/sh', '-c', '"$@"; :', 'sh']);
  await sleep(2000);
  const all = async (signal: string) => {
    const pid = (await router.rtr.sh('readlink /run/wanhook/monitor.lock')).split('.')[0]!;
    await router.rtr.sh(`kill -${signal} ${pid} $(ps -o pid= --ppid ${pid})`);
  };
  // Asleep with rounds under way, and once with a round lost before.
  for (const lost of [false, true]) {
    if (lost) {
      await router.deadUpstream(0, true);
      await sleep(600);
    }
    await all('STOP');
    await router.deadUpstream(0, false);
    await sleep(Number(process.env['SUSPENDED_SECONDS'] ?? 2.5) * 1000);
    await all('CONT');
    await sleep(1500);
  }
  expect((await verdicts(0)).concat(await verdicts(1))).toEqual([]);
  expect(monitor.said()).toBe('');
  await BLACKHOLE.begin(router, 1);
  await until('dead', async () => (await verdicts(1)).join() === 'dead', 10_000);
  expect(await verdicts(0)).toEqual([]);
});

/** MONITOR_MINUTES=10: with default thresholds. Short, it has to be quick to see as many rounds: 360 of them. */
test('a fifth of all packets lost on eight lines: none is called dead', async () => {
  const minutes = Number(process.env['MONITOR_MINUTES'] ?? 0.15);
  const quick = minutes < 1 ? { PROBE_INTERVAL: 0.2, PROBE_TIMEOUT: 0.6 } : {};
  const lossy = async ({ isps }: Router) => {
    for (const isp of isps) await isp.sh('nft add rule ip lab upstream iifname line numgen random mod 100 "<" 20 drop');
  };
  const { percent, verdicts: told } = await watchEight({ PROBE: BLACKHOLE.keys['PROBE']!, ...quick }, minutes, lossy);
  const degraded = told.filter((cause) => cause.includes(' is degraded: ')).length;
  console.log(`20 % lost, ${minutes} min: ${percent.toFixed(2)} % of a core, ${degraded} times degraded`);
  expect(told.filter((cause) => cause.includes(' is dead: '))).toEqual([]);
}, 1_200_000);
