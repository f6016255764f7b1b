/** A new connection every few milliseconds: how long was the line away? */
import { type CommonOptions, type Exchange, exchange, now, print, turn } from './traffic-io.ts';

export interface Probe extends Exchange {
  /** When it started, in ms after the run's start. */
  readonly at: number;
}

export interface Outage {
  /** Start of the first probe that was lost. */
  readonly fromMs: number;
  /** Start of the next one that was answered; the end of the run if none was. */
  readonly toMs: number;
  readonly lost: number;
}

export interface ProbeSummary {
  /** Of the start, as Date.now(): compare with the test's own times. */
  readonly startedAt: number;
  readonly sent: number;
  readonly ok: number;
  readonly lost: number;
  readonly longestOutageMs: number;
  readonly outages: readonly Outage[];
  readonly sources: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  /** Of the answered ones. */
  readonly latencyMs: { readonly median: number; readonly p99: number; readonly max: number };
}

export function tally(values: readonly (string | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) if (value !== undefined) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function outagesOf(probes: readonly Probe[], endMs: number): Outage[] {
  const outages: Outage[] = [];
  let current: { fromMs: number; lost: number } | undefined;
  for (const probe of probes) {
    if (!probe.ok) {
      current ??= { fromMs: probe.at, lost: 0 };
      current.lost++;
    } else if (current !== undefined) {
      outages.push({ ...current, toMs: probe.at });
      current = undefined;
    }
  }
  if (current !== undefined) outages.push({ ...current, toMs: endMs });
  return outages;
}

function summarise(probes: readonly Probe[], startedAt: number, endMs: number): ProbeSummary {
  const outages = outagesOf(probes, endMs);
  const times = probes.filter((probe) => probe.ok).map((probe) => probe.ms);
  times.sort((a, b) => a - b);
  const quantile = (q: number) => times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? 0;
  return {
    startedAt,
    sent: probes.length,
    ok: times.length,
    lost: probes.length - times.length,
    longestOutageMs: Math.max(0, ...outages.map((outage) => outage.toMs - outage.fromMs)),
    outages,
    sources: tally(probes.map((probe) => probe.source)),
    errors: tally(probes.map((probe) => probe.error)),
    latencyMs: { median: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
  };
}

/** Each probe starts at its own planned time: a late timer is made up for, not passed on. */
export async function probe(options: CommonOptions & { ms: number; everyMs: number }): Promise<void> {
  const startedAt = Date.now();
  const start = now();
  const running: Promise<Probe>[] = [];
  print({ startedAt });
  await new Promise<void>((resolve) => {
    const tick = () => {
      const elapsed = now() - start;
      while (running.length * options.everyMs <= Math.min(elapsed, options.ms - 1)) {
        const n = running.length;
        const at = now() - start;
        const target = { ...options, host: turn(options.to, n)!, from: turn(options.from, n) };
        running.push(
          exchange(options.proto, target).then((result) => {
            const probe = { at, ...result };
            print(probe);
            return probe;
          }),
        );
      }
      if (elapsed >= options.ms || options.stop.aborted) {
        clearInterval(timer);
        resolve();
      }
    };
    const timer = setInterval(tick, Math.min(options.everyMs, 5));
    tick();
  });
  const endMs = now() - start;
  print({ summary: summarise(await Promise.all(running), startedAt, endMs) });
}
