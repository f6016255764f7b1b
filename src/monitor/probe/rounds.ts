import type { Answer } from './ask.ts';
import type { ProbeResult, ProbeRound } from './round.ts';

/** A round that is under way. */
export interface OpenRound {
  readonly at: number;
  /** Not answered yet, and asked by an echo. */
  waiting(): string[];
  /** So many have answered well. */
  good(): number;
  /** Undefined: about this target nothing can be said. Whoever comes first counts; the last one closes the round. */
  take(target: string, answer: Answer | undefined): void;
  /** Forgets it; nobody is told. */
  drop(): void;
}

/** Collects what the targets answer, tells the round when all have, and clears what was to happen meanwhile. */
export function openRound(
  at: number,
  targets: readonly string[],
  timers: Set<() => void>,
  told: (round: ProbeRound) => void,
): OpenRound {
  const waiting = new Set(targets);
  const results: ProbeResult[] = [];
  const drop = () => {
    waiting.clear();
    timers.forEach((clear) => clear());
    timers.clear();
  };
  return {
    at,
    waiting: () => [...waiting],
    good: () => results.filter(({ ok }) => ok).length,
    take: (target, answer) => {
      if (!waiting.delete(target)) return;
      if (answer !== undefined) results.push({ target, ...answer });
      if (waiting.size > 0) return;
      drop();
      const order = (result: ProbeResult) => targets.indexOf(result.target);
      if (results.length > 0) told({ at, results: results.toSorted((a, b) => order(a) - order(b)) });
    },
    drop,
  };
}
