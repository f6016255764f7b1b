/** Traffic through the demo's router, measured: how it is shared, and what an event costs it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../support/lab.ts';
import type { HoldSummary } from '../support/traffic-hold.ts';
import type { Probe } from '../support/traffic-probe.ts';
import { ms, percent } from './print.ts';

const CONNECTIONS = 200;
/** A fair draw is beyond four standard deviations once in 16,000 runs. */
const SIGMAS = 4;
const HELD = 20;
/** Probed before an event and after it: long enough for TCP's first retransmission (1 s), which is not a loss. */
const BEFORE_MS = 500;
const AFTER_MS = 1500;
const PROBE_TIMEOUT_MS = 5000;

export interface Share {
  readonly line: string;
  readonly address: string;
  readonly weight: number;
}

/** `CONNECTIONS` new connections from the LAN: which line did each one take? */
export async function measureShares(lab: Lab, shares: readonly Share[]) {
  const { sources, ok } = await lab.share({ from: 'lan', count: CONNECTIONS, to: lab.servers });
  const total = shares.reduce((sum, { weight }) => sum + weight, 0);
  const problems = ok === CONNECTIONS ? [] : [`${CONNECTIONS - ok} of ${CONNECTIONS} connections failed`];
  const rows = shares.map(({ line, address, weight }) => {
    const count = sources[address] ?? 0;
    const part = weight / total;
    const deviation = (count - CONNECTIONS * part) / Math.sqrt(CONNECTIONS * part * (1 - part));
    if (Math.abs(deviation) > SIGMAS) {
      problems.push(`${line} took ${count} of ${CONNECTIONS}: ${deviation.toFixed(1)} sigma from its weight`);
    }
    return {
      count,
      deviation,
      text: `${line} ${count} = ${percent(count, CONNECTIONS)} (wanted ${percent(weight, total)})`,
    };
  });
  const strangers = Object.keys(sources).filter((source) => !shares.some(({ address }) => address === source));
  if (strangers.length > 0) problems.push(`connections left with the addresses ${strangers.join(', ')}`);
  const sigma = Math.max(...rows.map(({ deviation }) => Math.abs(deviation))).toFixed(1);
  const shared = rows.map((row) => row.text).join(', ');
  return {
    text: `${CONNECTIONS} connections from the LAN: ${shared}\nsampling error: ${sigma} sigma, at most ${SIGMAS} allowed`,
    summary: `shared ${rows.map(({ count }) => count).join(':')}, ${sigma} sigma from the weights`,
    problems,
  };
}

/** New connections, and what became of them. */
interface Attempts {
  readonly count: number;
  readonly lost: number;
  readonly slowestMs: number;
}

export interface Disturbance {
  /** Date.now() when the event began. */
  readonly begun: number;
  /** Until it was complete. */
  readonly tookMs: number;
  /** Opened before the event was complete: they may have been under way on a line that went. */
  readonly before: Attempts;
  /** Opened afterwards: none may be lost. */
  readonly after: Attempts;
  readonly longestOutageMs: number;
  readonly held: HoldSummary;
}

const NODES = ['lan', 'rtr'] as const;

const attempts = (probes: readonly Probe[]): Attempts => ({
  count: probes.length,
  lost: probes.filter(({ ok }) => !ok).length,
  slowestMs: Math.max(0, ...probes.filter(({ ok }) => ok).map((probe) => probe.ms)),
});

/**
 * Opens `HELD` connections, then a new one every 5 ms from the LAN and from the router, while `event` happens.
 * `event` resolves with the time, as Date.now(), from which on nothing may be lost.
 */
export async function disturb(lab: Lab, event: () => Promise<number>): Promise<Disturbance> {
  const holding = await lab.startHold({ from: 'lan', count: HELD, to: lab.servers, ms: 60_000, everyMs: 50 });
  const probing = await Promise.all(
    NODES.map((from) => lab.startProbe({ from, to: lab.servers, ms: 60_000, timeoutMs: PROBE_TIMEOUT_MS })),
  );
  await pause(BEFORE_MS);
  const begun = Date.now();
  const complete = await event();
  await pause(AFTER_MS);
  const results = await Promise.all(probing.map((each) => each.stop()));
  const held = await holding.stop();

  const split = (afterwards: boolean) =>
    attempts(results.flatMap((run) => run.probes.filter(({ at }) => run.startedAt + at >= complete === afterwards)));
  return {
    begun,
    tookMs: complete - begun,
    before: split(false),
    after: split(true),
    longestOutageMs: Math.max(...results.map(({ longestOutageMs }) => longestOutageMs)),
    held,
  };
}

/** `event`: what has happened, as in "before …" and "after …". */
export function tellDisturbance({ before, after, longestOutageMs }: Disturbance, event: string): string {
  const row = (when: string, { count, lost, slowestMs }: Attempts) =>
    `  ${when} ${event}: ${count} opened, ${lost} lost, slowest ${ms(slowestMs)}`;
  return [
    'new connections, one every 5 ms from the LAN and one from the router:',
    row('before', before),
    row('after', after),
    `  longest time without one that succeeds: ${ms(longestOutageMs)}`,
  ].join('\n');
}

/** An echo is due every 50 ms; a connection that was silent for so long hung. */
const HUNG_MS = 1000;

/** The held connections that began on one line. */
export function heldOn({ flows, startedAt }: HoldSummary, address: string) {
  const own = flows.filter(({ sources }) => sources[0] === address);
  const ended = own.flatMap(({ brokeAt }) => (brokeAt === undefined ? [] : [brokeAt]));
  return {
    count: own.length,
    alive: own.filter(({ brokeAt, longestGapMs }) => brokeAt === undefined && longestGapMs < HUNG_MS).length,
    /** Reset, so that their programs can connect again at once. */
    told: ended.length,
    /** When the last of those was told, as Date.now(). */
    toldBy: startedAt + Math.max(0, ...ended),
    moved: own.filter(({ sources }) => sources.length > 1).length,
    longestGapMs: Math.max(0, ...own.map(({ longestGapMs }) => longestGapMs)),
  };
}
