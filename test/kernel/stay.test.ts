/** A connection never changes line while its line lives, whatever the other lines do. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { HoldSummary } from '../support/traffic-hold.ts';
import { createRouter, type Router } from '../support/router.ts';

const CYCLES = 20;
const FLOWS = 64;
const LONG = 110_000;

const steady = (summary: HoldSummary) =>
  summary.flows.filter((flow) => flow.brokeAt === undefined && flow.sources.length === 1);

describe('long connections', () => {
  let router: Router;
  beforeAll(async () => {
    router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 4 });
  });
  afterEach(async () => expect(await router.strays()).toEqual([]));
  afterAll(() => router.destroy());

  /** Line 0 comes and goes, with a new address each time. */
  async function cycle(lastUp: boolean): Promise<void> {
    for (let n = 0; n < CYCLES; n++) {
      if (lastUp) await router.down(0);
      await router.up(0, { address: `192.0.2.${100 + n}` });
      if (!lastUp) await router.down(0);
    }
  }

  /** LAN TCP and UDP, and the router's own TCP, bound and not. */
  function startAll() {
    const lan = { from: 'lan', ms: LONG, localAddresses: router.clients } as const;
    const own = router.lines.slice(1).map(({ address }) => address);
    return Promise.all([
      router.startHold({ ...lan, count: FLOWS }),
      router.startHold({ ...lan, count: 16, proto: 'udp' }),
      router.startHold({ from: 'rtr', ms: LONG, count: 16 }),
      router.startHold({ from: 'rtr', ms: LONG, count: 8, localAddresses: own }),
    ]);
  }

  test(`all of ${FLOWS} survive ${CYCLES} ups and downs of a line they are not on`, async () => {
    await router.up(1);
    await router.up(2);
    const holds = await startAll();
    await cycle(false);
    const got = await Promise.all(holds.map((hold) => hold.stop()));
    const told = got.map((each) => `${each.survived}/${each.flows.length}`);
    console.log(`held before the other line came: LAN TCP, LAN UDP, router, router bound: ${told.join(', ')}`);
    for (const each of got) {
      expect(each).toMatchObject({ survived: each.flows.length, broken: 0, stalled: 0, sourcesConstant: true });
    }
    expect(got[0]!.flows).toHaveLength(FLOWS);
  });

  test('with all lines up, those on the lines that stay survive; the others end, and do not hang', async () => {
    await router.up(0, { address: '192.0.2.99' });
    const holds = await startAll();
    await cycle(true);
    const [tcp, udp, own, bound] = (await Promise.all(holds.map((hold) => hold.stop()))) as [
      HoldSummary,
      HoldSummary,
      HoldSummary,
      HoldSummary,
    ];
    for (const [name, { flows }] of Object.entries({ tcp, udp, own, bound })) {
      const staying = flows.filter(({ sources }) => sources[0] !== '192.0.2.99');
      const alive = staying.filter(({ brokeAt, sources }) => brokeAt === undefined && sources.length === 1);
      console.log(`${name}: ${alive.length} of ${staying.length} on other lines survived, ${flows.length} in all`);
      expect(staying.length).toBeGreaterThan(0);
      expect(alive).toHaveLength(staying.length);
      expect(Math.max(...staying.map(({ longestGapMs }) => longestGapMs))).toBeLessThan(1500);
    }
    // TCP from the LAN that lost its line is told so, and UDP moved to another line and went on.
    const lost = tcp.flows.filter(({ sources }) => sources[0] === '192.0.2.99');
    expect(lost.every(({ brokeAt }) => brokeAt !== undefined)).toBe(true);
    expect(lost.length + steady(tcp).length).toBe(FLOWS);
    expect(udp).toMatchObject({ survived: 16, broken: 0, stalled: 0 });
  });
});
