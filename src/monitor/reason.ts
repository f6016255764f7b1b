import type { Judged, Now } from './judged.ts';
import type { ProbeResult, ProbeRound } from './probe/round.ts';

/** A verdict in words. */

/** "no answer from 3 of 3 targets for 5 s (icmp://192.0.2.1: no answer within 2 s)" */
export function silentReason({ window, failingSince }: Judged['memory'], now: Now): string {
  const results = window.at(-1)?.results ?? [];
  const failed = results.filter(({ ok }) => !ok);
  const seconds = Math.round((now.monotonic - (failingSince ?? now.monotonic)) / 1000);
  const answer = failed.some(({ wrong }) => wrong === true) ? 'right answer' : 'answer';
  return `no ${answer} from ${failed.length} of ${results.length} targets for ${seconds} s${whys(failed)}`;
}

export function countReason(counted: readonly ProbeResult[]): string {
  const failed = counted.filter(({ ok }) => !ok);
  return `${counted.length - failed.length} of ${counted.length} targets answer${whys(failed)}`;
}

function whys(failed: readonly ProbeResult[]): string {
  const told = failed.map(({ target, why = 'no answer' }) => `${target}: ${why}`);
  return told.length === 0 ? '' : ` (${told.join('; ')})`;
}

export function blindReason({ results }: ProbeRound, everywhere: ReadonlySet<string>): string {
  const unsent = results.filter((result) => result.unsent === true);
  if (unsent.length > 0) return `cannot tell: probes do not leave this machine${whys(unsent)}`;
  const lost = results.filter(({ target }) => everywhere.has(target)).map(({ target }) => target);
  return lost.length === 0 ? 'cannot tell: nothing to ask' : `cannot tell: no link reaches ${lost.join(', ')}`;
}
