/**
 * Fault injection on the real kernel: at each command that an event starts, the hook or the command is killed (kill -9), or
 * that one fails, or all from there on, or it is killed when it has done its work. Then new connections find their way, and
 * one `apply` gives what it would have given. One point an event; FAULTS=all for all of them (npm run faults).
 * What happens between the commands is test/unit/faults.test.ts's.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kind } from '../support/faults-gate.ts';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';

const ALL = process.env['FAULTS'] === 'all';
const KINDS: readonly Kind[] = ['die', 'fail', 'broken', 'hang'];
const COUNTED_ONLY = 1_000_000;

let router: Router;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'] });
  await router.up(1);
  await router.up(2);
});
afterAll(() => router.destroy());

const KEYS: readonly LinkKeys[] = [
  { ID: 1, PPP_IPPARAM: 'line1' },
  { ID: 2, PPP_IPPARAM: 'line2' },
  { ID: 3, DEVICE: 'eth1' },
];

interface Event {
  readonly name: string;
  /** What the daemon or the user does before. */
  readonly before: () => Promise<unknown>;
  readonly run: () => Promise<unknown>;
  readonly after: () => Promise<unknown>;
  /** Afterwards this machine forwards as it would without wanhook, or as if it had not been stopped: perhaps nothing. */
  readonly stops?: true;
}

const EVENTS: readonly Event[] = [
  {
    // Later the firewall knows it: then there is nothing to load.
    name: 'a line comes up for the first time',
    before: async () => {
      await router.must('stop');
      await router.rtr.sh('rm -rf /run/wanhook');
      await router.must('apply');
      await router.ppp('ip-up', 1);
      await router.lineUp(0);
    },
    run: () => router.ppp('ip-up', 0),
    after: () => router.down(0),
  },
  {
    name: 'a line comes up again',
    before: () => router.lineUp(0),
    run: () => router.ppp('ip-up', 0),
    after: () => router.down(0),
  },
  {
    name: 'a line hangs up',
    before: async () => {
      await router.up(0);
      await router.lineHangup(0);
    },
    run: () => router.ppp('ip-down', 0),
    after: () => Promise.resolve(),
  },
  {
    name: 'a lease has another address',
    before: () => router.setAddress(2, '198.51.100.77'),
    run: () => router.dhclient('BOUND', 2),
    after: async () => {
      await router.setAddress(2, '198.51.100.2');
      await router.dhclient('BOUND', 2);
    },
  },
  {
    name: 'apply: weights and tables change',
    before: () =>
      router.configure(
        KEYS.map((keys) => ({ ...keys, WEIGHT: 3 })),
        { LAN: 'lan0', TABLE_BASE: 30000 },
      ),
    run: () => router.must('apply'),
    after: async () => {
      await router.configure(KEYS);
      await router.must('apply');
    },
  },
  {
    name: 'stop',
    before: () => Promise.resolve(),
    run: () => router.must('stop'),
    after: () => Promise.resolve(),
    stops: true,
  },
];

const counts = { points: 0, chosen: 0, struck: 0 };
const missed: string[] = [];

async function struck(kind: Kind, at: number, run: () => Promise<unknown>): Promise<number> {
  await router.strike(kind, at);
  try {
    await run().catch(() => undefined);
    return Number(await router.rtr.sh('cat /run/struck 2>/dev/null || echo 0'));
  } finally {
    await router.strike(undefined);
  }
}

test.each(EVENTS)(
  '$name, and something goes wrong',
  { timeout: 600_000 },
  async ({ name, before, run, after, stops }) => {
    await before();
    const commands = await struck('fail', COUNTED_ONLY, run);
    await router.must('apply');
    const want = await router.snapshot();
    await after();
    const points = Array.from({ length: commands }, (_, n) => KINDS.map((kind) => ({ kind, at: n + 1 }))).flat();
    const chosen = ALL ? points : [points[Math.floor(Math.random() * points.length)]!];
    counts.points += points.length;
    counts.chosen += chosen.length;
    for (const { kind, at } of chosen) {
      await before();
      const reached = await struck(kind, at, run);
      const where = `${kind} at command ${at} of ${commands}`;
      if (reached >= at) counts.struck += 1;
      else missed.push(`${name}: ${where}`);
      if (stops !== true)
        expect(await router.share({ from: 'lan', count: 12 }), where).toMatchObject({ ok: 12, errors: {} });
      await router.must('apply');
      expect(await router.plan(), where).toEqual([]);
      expect(await router.snapshot(), where).toBe(want);
      await after();
    }
  },
);

test('every point was reached', async () => {
  console.log(`points: ${counts.struck} of ${counts.chosen}${ALL ? '' : `, of ${counts.points} that there are`}`);
  expect(counts.chosen).toBeGreaterThan(EVENTS.length - 1);
  expect(missed).toEqual([]);
  expect(counts.struck).toBe(counts.chosen);
  expect(await router.strays()).toEqual([]);
});
