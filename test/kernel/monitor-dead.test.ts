/** Lines that are up but dead, with `wanhook monitor` running: how soon it is noticed, what is lost, what is left alone. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { State } from '../../src/model.ts';
import type { HoldSummary } from '../support/traffic-hold.ts';
import { type Monitor, startMonitor, watchEight } from '../support/router-monitor.ts';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';

const TARGETS = 'icmp://203.0.113.11,icmp://203.0.113.12,icmp://203.0.113.13';
/** Shorter than by default, so that one test does not take minutes; the default is measured once. */
const QUICK = { PROBE: TARGETS, PROBE_INTERVAL: 0.5, PROBE_TIMEOUT: 0.5, FLAP_PENALTY: 0 };
const ADDRESSES = ['192.0.2.11', '192.0.2.12', '198.51.100.2'];

describe('dead lines', () => {
  let router: Router;
  let monitor: Monitor;
  beforeEach(async () => {
    router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 4 });
  });
  afterEach(async () => {
    try {
      expect(await router.strays()).toEqual([]);
    } finally {
      await router.destroy();
    }
  });

  async function start(keys: LinkKeys | readonly LinkKeys[], main: LinkKeys = {}): Promise<void> {
    const each = (n: number): LinkKeys => ('PROBE' in keys ? keys : (keys as readonly LinkKeys[])[n]!);
    await router.configure(
      router.lines.map(({ kind, device }, n) => ({
        ID: n + 1,
        ...(kind === 'ppp' ? { PPP_IPPARAM: `line${n + 1}` } : { DEVICE: device }),
        ...each(n),
      })),
      { LAN: 'lan0', ...main },
    );
    for (const { index } of router.lines) await router.up(index);
    await router.must('apply');
    monitor = await startMonitor(router);
    await sleep(1500);
  }
  const state = async () => JSON.parse(await router.rtr.sh('cat /run/wanhook/state.json')) as State;
  async function until(verdicts: Readonly<Record<string, string>>, ms = 20_000): Promise<number> {
    const begun = Date.now();
    for (;;) {
      const { health } = await state();
      if (Object.entries(verdicts).every(([name, want]) => (health?.[name]?.verdict ?? 'alive') === want)) break;
      if (Date.now() - begun > ms) throw new Error(`after ${ms} ms: ${JSON.stringify(health)}\n${monitor.said()}`);
      await sleep(20);
    }
    return Date.now() - begun;
  }
  const used = async (count = 60) => Object.keys((await router.share({ from: 'lan', count })).sources).sort();
  const hold = () =>
    router.startHold({ from: 'lan', ms: 200_000, count: 24, localAddresses: router.clients, everyMs: 100 });
  const holdUdp = () =>
    router.startHold({ from: 'lan', ms: 200_000, count: 12, proto: 'udp', localAddresses: router.clients });
  const cutOn = ({ flows }: HoldSummary, addresses: readonly string[]) =>
    flows.filter(({ sources, brokeAt }) => addresses.includes(sources[0]!) && brokeAt !== undefined).length;

  test('upstream blackholed, by default: noticed within 6 s, healthy lines notice nothing; and back', async () => {
    await start({ PROBE: TARGETS });
    const holds = await hold();
    const udp = await holdUdp();
    const probe = await router.startProbe({ from: 'lan', ms: 100_000, everyMs: 50, timeoutMs: 1000 });
    await sleep(1000);
    const at = Date.now();
    await router.deadUpstream(0, true);
    const noticed = await until({ line1: 'dead' });
    await sleep(1500);
    expect(await used()).toEqual(ADDRESSES.slice(1));
    await sleep(1000);
    await router.deadUpstream(0, false);
    const back = await until({ line1: 'alive' }, 30_000);
    expect(await used()).toEqual(ADDRESSES);
    const seen = await probe.stop();
    const last = Math.max(
      ...seen.probes.filter(({ ok }) => !ok).map(({ at: started }) => seen.startedAt + started - at),
    );
    const [tcp, moved] = [await holds.stop(), await udp.stop()];
    const { cpuMs, rssKb } = await monitor.cost();
    console.log(
      `noticed after ${noticed} ms, the last new connection lost began after ${last} ms, ${seen.lost} lost of ${seen.sent}; ` +
        `well again after ${back} ms; ${rssKb} kB, ${cpuMs} ms of CPU; longest gap of UDP ` +
        `${Math.max(...moved.flows.map(({ longestGapMs }) => longestGapMs))} ms`,
    );
    expect(noticed).toBeLessThan(8000);
    expect(last).toBeLessThan(noticed + 500);
    expect(cutOn(tcp, ADDRESSES.slice(1)), 'cut on healthy lines').toBe(0);
    expect(tcp.stalled, 'TCP on the dead line is told').toBe(0);
    expect(moved, 'UDP has moved').toMatchObject({ survived: 12, broken: 0, stalled: 0 });
  });

  test('FAST=yes: within a second', async () => {
    await start({ PROBE: TARGETS, FAST: 'yes', FLAP_PENALTY: 0 });
    const times: number[] = [];
    for (let n = 0; n < 3; n++) {
      await router.deadUpstream(n % 2, true);
      times.push(await until({ [`line${(n % 2) + 1}`]: 'dead' }));
      await router.deadUpstream(n % 2, false);
      await until({ [`line${(n % 2) + 1}`]: 'alive' });
    }
    console.log(`noticed after ${times.join(', ')} ms`);
    // One that is not disturbed by other tests on the same machine.
    expect(Math.min(...times)).toBeLessThan(1200);
  });

  test('ON_DOWN=block: nothing of a dead line leaves by another, and UDP goes on when it is back', async () => {
    await start([{ ...QUICK, ON_DOWN: 'block' }, QUICK, QUICK]);
    await router.down(1);
    await router.down(2);
    const udp = await holdUdp();
    const tcp = await hold();
    await router.up(1);
    await router.up(2);
    await router.deadUpstream(0, true);
    const at = Date.now();
    await until({ line1: 'dead' });
    await sleep(1500);
    const told = await tcp.stop();
    expect(told.broken, 'refused').toBe(24);
    expect(await used()).toEqual(ADDRESSES.slice(1));
    await router.deadUpstream(0, false);
    await until({ line1: 'alive' });
    await sleep(1000);
    const got = await udp.stop();
    const first = Math.min(...told.flows.map(({ brokeAt }) => told.startedAt + (brokeAt ?? 0) - at));
    console.log(`TCP refused from ${first} ms on; UDP: ${got.survived} of 12 go on`);
    expect(got).toMatchObject({ survived: 12, broken: 0, stalled: 0 });
    expect(new Set(got.flows.flatMap(({ sources }) => sources))).toEqual(new Set([ADDRESSES[0]]));
  });

  test('one target down, for all lines: no line is down', async () => {
    await start(QUICK);
    await router.net.sh('ip addr del 203.0.113.12/32 dev lo');
    await sleep(6000);
    expect(Object.values((await state()).health ?? {}).filter(({ verdict }) => verdict === 'dead')).toEqual([]);
    expect(await used()).toEqual(ADDRESSES);
  });

  test('all dead: one stays in use; the first that answers takes over', async () => {
    await start(QUICK);
    for (const n of [0, 1, 2]) {
      await router.deadUpstream(n, true);
      await until({ [`line${n + 1}`]: 'dead' });
    }
    const { stdout } = await router.rtr.run(['ip', 'nexthop', 'show', 'id', '20999']);
    expect(stdout).toContain('group 20003 ');
    expect(await router.must('status')).toContain('dead, but in use, for all are');
    await router.deadUpstream(1, false);
    const at = Date.now();
    while (!(await router.rtr.sh('ip nexthop show id 20999')).includes('group 20002 ')) await sleep(20);
    const took = Date.now() - at;
    console.log(`in use ${took} ms after it was well`);
    expect(took, 'with its first answer, not after UP_AFTER').toBeLessThan(2000);
    expect(await used()).toEqual([ADDRESSES[1]]);
    await until({ line2: 'alive' });
    expect(await used()).toEqual([ADDRESSES[1]]);
  });

  test('with nothing but the capabilities of its unit', async () => {
    const capabilities = /^CapabilityBoundingSet=(.*)$/m.exec(
      await readFile(new URL('../../etc/systemd/system/wanhook-monitor.service', import.meta.url), 'utf8'),
    )![1]!;
    const set = capabilities.split(' ').map((name) => `+${name.replace('CAP_', '').toLowerCase()}`);
    await start(QUICK);
    await monitor.stop();
    const sandbox = ['/usr/bin/setpriv', '--no-new-privs', `--bounding-set=${['-all', ...set].join()}`];
    monitor = await startMonitor(router, {}, sandbox);
    await router.rtr.sh(
      'nft delete table inet wanhook; ip rule del pref 20900; echo 0 >/proc/sys/net/ipv4/conf/ppp0/rp_filter',
    );
    await monitor.settled();
    // Not before: until the table is back nothing is masqueraded, and on a busy machine the LAN's packets get out as they are.
    const holds = await hold();
    await router.deadUpstream(0, true);
    await until({ line1: 'dead' });
    await sleep(1500);
    const got = await holds.stop();
    expect([got.stalled, cutOn(got, ADDRESSES.slice(1))], 'those of the dead line are ended, no others').toEqual([
      0, 0,
    ]);
    expect(await used()).toEqual(ADDRESSES.slice(1));
    expect(monitor.said()).toBe('');
  });

  test('boot with a line that is up but dead, and one that comes later', async () => {
    await router.deadUpstream(0, true);
    await router.configure([
      { ID: 1, PPP_IPPARAM: 'line1', ...QUICK },
      { ID: 2, PPP_IPPARAM: 'line2', TIER: 2, ...QUICK },
    ]);
    monitor = await startMonitor(router);
    await router.up(0);
    await until({ line1: 'dead' });
    expect(await router.rtr.sh('ip nexthop show id 20999'), 'the only one').toContain('group 20001 ');
    await router.up(1);
    await monitor.settled();
    expect(await used()).toEqual([ADDRESSES[1]]);
    await monitor.signal('SIGKILL');
    monitor = await startMonitor(router);
    await sleep(1000);
    expect((await state()).health?.['line1']?.verdict, 'after a crash').toBe('dead');
    await router.deadUpstream(0, false);
    await until({ line1: 'alive' });
    expect(await used()).toEqual([ADDRESSES[0]]);
  });
});

/** MONITOR_MINUTES=10 for a longer look. */
const minutes = Number(process.env['MONITOR_MINUTES'] ?? 0.25);

test('what it costs to watch eight lines', async () => {
  const { percent, rssKb, verdicts, said } = await watchEight({ PROBE: TARGETS }, minutes);
  console.log(`eight lines, ${minutes} min: ${percent.toFixed(2)} % of a core; ${rssKb[0]} kB, then ${rssKb[1]} kB`);
  expect(percent).toBeLessThan(3);
  expect(rssKb[1]).toBeLessThan(rssKb[0] * 1.5);
  expect([verdicts, said]).toEqual([[], '']);
}, 1_200_000);
