import type { Band, QualityBands } from '../model.ts';
import type { ProbeRound } from './probe/round.ts';

/** Rounds over which a link's quality is measured: a minute, if they come every two seconds. */
export const WINDOW_ROUNDS = 30;

/**
 * With fewer rounds nothing is called bad. Ten would not do: of 200 lines with 20 % loss one was called dead for 50 %.
 */
const ENOUGH_ROUNDS = 20;

/** `loss`: 0 to 1; the others in milliseconds, absent if nothing answered. */
export interface Quality {
  readonly loss: number;
  readonly rtt?: number;
  readonly jitter?: number;
}

/** Which thresholds a link is beyond. */
export type Beyond = Readonly<Partial<Record<keyof QualityBands, true>>>;

/**
 * A link is as good as its middle target (the better one of two): one that answers pings when it likes says nothing
 * about the link. Nor do those that never answer while others do: they are down.
 */
export function measure(window: readonly ProbeRound[]): Quality {
  const byTarget = new Map<string, { ok: boolean; rttMs?: number }[]>();
  for (const { results } of window) {
    for (const result of results) {
      if (result.unsent === true) continue;
      const seen = byTarget.get(result.target);
      if (seen === undefined) byTarget.set(result.target, [result]);
      else seen.push(result);
    }
  }
  const all = [...byTarget.values()];
  const alive = all.filter((seen) => seen.some(({ ok }) => ok));
  const targets = alive.length > 0 ? alive : all;
  const rtts = targets.map((seen) => seen.flatMap(({ ok, rttMs }) => (ok && rttMs !== undefined ? [rttMs] : [])));
  const rtt = middle(rtts.filter((each) => each.length > 0).map(mean));
  const jitter = middle(rtts.filter((each) => each.length > 1).map(variation));
  return {
    loss: middle(targets.map((seen) => seen.filter(({ ok }) => !ok).length / seen.length)) ?? 0,
    ...(rtt !== undefined && { rtt }),
    ...(jitter !== undefined && { jitter }),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Between one answer and the next, as RFC 3550 has it, without its smoothing: the window smooths. */
const variation = (values: readonly number[]) =>
  mean(values.slice(1).map((value, index) => Math.abs(value - (values[index] ?? value))));

/** Of an even number the lower one. */
function middle(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** Beyond `enter`, or still not back at `leave`. */
export function beyond(bands: QualityBands, quality: Quality, rounds: number, before: Beyond): Beyond {
  const is = (what: keyof QualityBands, value: number | undefined): Beyond => {
    const band = bands[what];
    if (band === undefined) return {};
    // Nothing answered: no latency to measure, and no reason to call it good again.
    if (value === undefined) return before[what] === true ? { [what]: true } : {};
    const bad = before[what] === true ? value > band.leave : value >= band.enter && rounds >= ENOUGH_ROUNDS;
    return bad ? { [what]: true } : {};
  };
  return {
    ...is('loss', quality.loss * 100),
    ...is('latency', quality.rtt),
    ...is('jitter', quality.jitter),
  };
}

/** "27 % of probes lost (LOSS_DEGRADED=20/10)" */
export function beyondReason(
  suffix: 'DEGRADED' | 'DOWN',
  bands: QualityBands,
  found: Beyond,
  quality: Quality,
): string {
  const key = (name: string, band: Band | undefined) => `(${name}_${suffix}=${band?.enter ?? ''}/${band?.leave ?? ''})`;
  return [
    ...(found.loss ? [`${Math.round(quality.loss * 100)} % of probes lost ${key('LOSS', bands.loss)}`] : []),
    ...(found.latency ? [`${Math.round(quality.rtt ?? 0)} ms there and back ${key('LATENCY', bands.latency)}`] : []),
    ...(found.jitter ? [`${Math.round(quality.jitter ?? 0)} ms of jitter ${key('JITTER', bands.jitter)}`] : []),
  ].join(', ');
}
