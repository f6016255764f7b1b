/** A line drops while new connections start every 5 ms, from the LAN and from the router: which of them are lost? */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProbeResult } from '../support/lab-traffic.ts';
import { createRouter, type Router } from '../support/router.ts';

/** The hook comes this long after the drop, so that the kernel alone is seen at work. */
const HOOK_DELAY_MS = 300;
/**
 * A probe that started this long before the drop may still be on its way: most are answered within 2 ms, but on a busy
 * machine none is sooner than the slowest before it.
 */
const IN_FLIGHT_MS = 50;
/** Of those, a third is on the line that drops. */
const IN_FLIGHT = 10;
/** Of the probes in a phase in which some may be lost; it is long on a busy machine. */
const AT_MOST = 0.5;
/** Probes in the second that the kernel may take to notice a carrier. */
const IN_A_SECOND = 200;
/** Clocks are compared in whole milliseconds. */
const ROUNDING_MS = 2;

/** Names of phases in order, each with the wall-clock time at which it begins. */
type Phases = readonly { readonly name: string; readonly from: number }[];
type Lost = Record<string, { lost: number; of: number }>;

/** A probe belongs to the phase in which it started. */
function lostIn(phases: Phases, { startedAt, probes }: ProbeResult): Lost {
  const counts: Lost = Object.fromEntries(phases.map(({ name }) => [name, { lost: 0, of: 0 }]));
  for (const { at, ok } of probes) {
    const phase = phases.findLast(({ from }) => from <= startedAt + at)?.name ?? phases[0]!.name;
    counts[phase]!.of++;
    if (!ok) counts[phase]!.lost++;
  }
  return counts;
}

/** How long the slowest answer took that had come before this moment. */
function slowestBefore(moment: number, results: readonly ProbeResult[]): number {
  const before = results.flatMap(({ startedAt, probes }) =>
    probes.filter(({ at, ok, ms }) => ok && startedAt + at + ms <= moment),
  );
  return Math.max(0, ...before.map(({ ms }) => ms));
}

describe('new connections when a line drops', () => {
  let router: Router;
  beforeEach(async () => {
    router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 3 });
    for (const { index } of router.lines) await router.up(index);
  });
  afterEach(async () => {
    try {
      expect(await router.strays()).toEqual([]);
    } finally {
      await router.destroy();
    }
  });

  /** Probes through the phases, which run one after the other; gives the lost ones by origin and phase. */
  async function probeThrough(
    what: string,
    phases: readonly (readonly [string, () => Promise<unknown>])[],
  ): Promise<{ lan: Lost; rtr: Lost; udp: Lost; sources: string[] }> {
    const common = { ms: 60_000, everyMs: 5, timeoutMs: 900 };
    const probes = await Promise.all([
      router.startProbe({ ...common, from: 'lan', localAddresses: router.clients }),
      router.startProbe({ ...common, from: 'rtr' }),
      router.startProbe({ ...common, from: 'lan', proto: 'udp', everyMs: 20 }),
    ]);
    const times = [{ name: 'before', from: 0 }];
    await sleep(500);
    for (const [name, act] of phases) {
      times.push({ name, from: Date.now() });
      await act();
      times.push({ name: `after ${name}`, from: Date.now() + ROUNDING_MS });
      await sleep(HOOK_DELAY_MS);
    }
    const got = await Promise.all(probes.map((probe) => probe.stop()));
    times[1]!.from -= Math.max(IN_FLIGHT_MS, slowestBefore(times[1]!.from, got));
    const [lan, rtr, udp] = got.map((result) => lostIn(times, result)) as [Lost, Lost, Lost];
    const sent = got.map((result) => result.sent).join('+');
    const tell = (counts: Lost) =>
      JSON.stringify(
        Object.fromEntries(Object.entries(counts).flatMap(([n, { lost }]) => (lost > 0 ? [[n, lost]] : []))),
      );
    console.log(`${what}: of ${sent} (LAN TCP, router TCP, LAN UDP) lost ${tell(lan)}, ${tell(rtr)}, ${tell(udp)}`);
    return { lan, rtr, udp, sources: Object.keys(got[0]!.sources) };
  }

  /** Only what was on its way at the very moment may be lost. */
  function expectLostOnlyAt(lost: Lost, moments: Readonly<Record<string, number>>): void {
    for (const [phase, { lost: count, of }] of Object.entries(lost)) {
      const moment = moments[phase];
      const allowed = moment === undefined ? 0 : Math.max(moment, of * AT_MOST);
      expect([phase, count <= allowed, count, of]).toEqual([phase, true, count, of]);
    }
  }

  /**
   * Of an Ethernet line whose gateway has gone and come back: a nexthop group passes over a member whose gateway has not
   * answered ARP (net/ipv4/nexthop.c), and the kernel asks a second time only after a second. Nothing is lost meanwhile.
   */
  async function expectUsed(address: string): Promise<void> {
    const sources = async () => Object.keys((await router.share({ from: 'lan', count: 60 })).sources);
    await expect.poll(sources, { timeout: 10_000, interval: 100 }).toContain(address);
  }

  test('hang-up of a ppp line: none before the hook, at it, or when the line is redialled', async () => {
    const got = await probeThrough('hang-up', [
      ['drop', () => router.lineHangup(0)],
      ['ip-down', () => router.ppp('ip-down', 0)],
      ['redial', () => router.lineUp(0, { address: '192.0.2.77' })],
      ['ip-up', () => router.ppp('ip-up', 0)],
    ]);
    for (const each of [got.lan, got.rtr, got.udp]) expectLostOnlyAt(each, { drop: IN_FLIGHT });
    expect(got.sources.sort()).toEqual(['192.0.2.11', '192.0.2.12', '192.0.2.77', '198.51.100.2']);
    expect(await router.plan()).toEqual([]);
  });

  test('a slow router, on which every step of a change is long visible: none is lost between two steps', async () => {
    for (const tool of ['ip', 'nft', 'conntrack'] as const)
      await router.fake(tool, 'sleep 0.15; "$REAL" "$@"; status=$?; sleep 0.15; exit $status');
    const got = await probeThrough('slow', [
      ['drop', () => router.lineHangup(0)],
      ['ip-down', () => router.ppp('ip-down', 0)],
      ['redial', () => router.lineUp(0, { address: '192.0.2.77' })],
      ['ip-up', () => router.ppp('ip-up', 0)],
    ]);
    for (const each of [got.lan, got.rtr, got.udp]) expectLostOnlyAt(each, { drop: IN_FLIGHT });
    expect(got.sources.sort()).toEqual(['192.0.2.11', '192.0.2.12', '192.0.2.77', '198.51.100.2']);
  });

  test('a hang-up whose hook never ran, and the redial with a new address', async () => {
    const got = await probeThrough('hang-up without ip-down', [
      ['drop', () => router.lineHangup(1)],
      ['redial', () => router.lineUp(1, { address: '192.0.2.78' })],
      ['ip-up', () => router.ppp('ip-up', 1)],
    ]);
    for (const each of [got.lan, got.rtr, got.udp]) expectLostOnlyAt(each, { drop: IN_FLIGHT });
    expect(got.sources).toContain('192.0.2.78');
  });

  test('admin down of a ppp line (LCP timeout): none before the hook, at it, or when it is back', async () => {
    const got = await probeThrough('admin down', [
      ['drop', () => router.lineAdminDown(0)],
      ['ip-down', () => router.ppp('ip-down', 0)],
      ['return', () => router.lineUp(0, { address: '192.0.2.79' })],
      ['ip-up', () => router.ppp('ip-up', 0)],
    ]);
    for (const each of [got.lan, got.rtr, got.udp]) expectLostOnlyAt(each, { drop: IN_FLIGHT });
    expect(got.sources).toContain('192.0.2.79');
  });

  /**
   * The kernel looks at a carrier at once, unless it looked at another one, anywhere on the machine, within the last
   * second (net/core/link_watch.c); until then the line is a black hole to everybody.
   */
  async function carrierLoss(index: number): Promise<void> {
    const start = performance.now();
    await router.carrier(index, false);
    const { device } = router.lines[index]!;
    // First the device says so, then, when no packet is in it any more, its nexthops go.
    await router.rtr.sh(`while ip nexthop show dev ${device} | grep -q .; do sleep 0.005; done`);
    console.log(`the kernel noticed that ${device} has no carrier after ${Math.round(performance.now() - start)} ms`);
  }

  test.each([0, 2])(
    'carrier loss of line %i: no hook runs, and none is lost; an apply takes it back',
    async (index) => {
      const { address } = router.lines[index]!;
      const got = await probeThrough(`carrier loss of line ${index}`, [
        ['drop', () => carrierLoss(index)],
        ['return', () => router.carrier(index, true)],
      ]);
      for (const each of [got.lan, got.rtr, got.udp]) expectLostOnlyAt(each, { drop: IN_FLIGHT + IN_A_SECOND });
      expect((await router.share({ from: 'lan', count: 60 })).sources[address]).toBeUndefined();
      expect(await router.plan()).not.toEqual([]);
      await router.must('apply');
      expect((await router.share({ from: 'lan', count: 60 })).sources[address]).toBeGreaterThan(5);
    },
  );

  test('RENEW of the same lease changes nothing and is not worth a line in the journal', async () => {
    const before = [await router.snapshot(), await router.journal()];
    await router.dhclient('RENEW', 2);
    expect([await router.snapshot(), await router.journal()]).toEqual(before);
    expect(await router.plan()).toEqual([]);
  });

  /** dhclient-script changes the address and waits for the hook, so they are one phase here. */
  test.each([
    ['in its subnet', '198.51.100.77'],
    ['into another subnet', '198.18.7.9'],
  ])('the dhcp line is renumbered %s: none is lost once the hook has run', async (where, address) => {
    const old = router.lines[2]!.address;
    const got = await probeThrough(`renumbered ${where}`, [
      [
        'BOUND',
        async () => {
          await router.setAddress(2, address);
          await router.rtr.sh(`ip route replace default via ${router.lines[2]!.gateway} dev eth1`);
          await router.dhclient('BOUND', 2, {
            ...{ old_ip_address: old, old_subnet_mask: '255.255.255.0', new_ip_address: address },
            ...{ new_subnet_mask: '255.255.255.0', new_routers: router.lines[2]!.gateway },
          });
        },
      ],
    ]);
    for (const each of [got.lan, got.rtr, got.udp]) expectLostOnlyAt(each, { BOUND: IN_FLIGHT + 30 });
    await expectUsed(address);
    expect(await router.rtr.sh('ip rule show')).not.toContain(old);
    expect(await router.plan()).toEqual([]);
  });

  test.each(['EXPIRE', 'RELEASE'])('%s of the dhcp line: none is lost once the hook has run', async (reason) => {
    const got = await probeThrough(reason, [
      [
        reason,
        async () => {
          await router.lineHangup(2);
          await router.dhclient(reason, 2);
        },
      ],
      ['BOUND', () => router.up(2)],
    ]);
    for (const each of [got.lan, got.rtr, got.udp]) expectLostOnlyAt(each, { [reason]: IN_FLIGHT + 30 });
    expect(await router.plan()).toEqual([]);
    expect((await router.share({ from: 'lan', count: 60 })).sources['198.51.100.2']).toBeGreaterThan(5);
  });

  /** The kernel would give it the LAN's address (inet_select_addr), and conntrack would keep that for the whole flow. */
  test('while a dhcp line has no address, before the hook: nothing leaves it with another device’s address', async () => {
    await router.lineHangup(2);
    await router.share({ from: 'lan', proto: 'udp', count: 60, timeoutMs: 300 });
    await router.share({ from: 'rtr', proto: 'udp', count: 60, timeoutMs: 300 });
    expect(await router.strays()).toEqual([]);
  });

  test('UDP flows on a renumbered dhcp line go on, whenever they sent their packets', async () => {
    const flows = await router.startHold({ from: 'lan', proto: 'udp', count: 48, ms: 60_000, everyMs: 10 });
    await router.lineHangup(2);
    await sleep(100);
    await router.up(2, { address: '198.51.100.88' });
    await sleep(1500);
    const got = await flows.stop();
    console.log(`UDP flows through a renumbering: ${got.survived} of ${got.flows.length} went on`);
    expect(got).toMatchObject({ survived: 48, broken: 0, stalled: 0 });
  });

  test('the last line drops and returns: nothing leaves by main’s leftovers, and all is well again', async () => {
    await router.down(1);
    await router.down(2);
    expect((await router.share({ from: 'lan', count: 30 })).sources).toEqual({ '192.0.2.11': 30 });
    await router.down(0);
    const dark = await router.share({ from: 'lan', count: 3, timeoutMs: 300 });
    expect(dark.ok).toBe(0);
    expect(await router.plan()).toEqual([]);
    await router.up(1, { address: '192.0.2.80' });
    expect((await router.share({ from: 'lan', count: 30 })).sources).toEqual({ '192.0.2.80': 30 });
    expect((await router.share({ from: 'rtr', count: 30 })).sources).toEqual({ '192.0.2.80': 30 });
  });
});
