import type { Answer } from './ask.ts';
import { callOff, type Later } from './kit.ts';
import type { ProbeResult, ProbeRound } from './round.ts';

/** A round that is under way. */
export interface OpenRound {
  /** Not answered yet. */
  waiting(): string[];
  /** So many have answered well. */
  good(): number;
  /** Undefined: about this target nothing can be said. Whoever comes first counts; the last one closes the round. */
  take(target: string, answer: Answer | undefined): void;
  /** Forgets it; nobody is told. */
  drop(): void;
}

/** Collects what the targets answer, tells it when all have, and calls off what was to happen meanwhile. */
export function openRound(
  at: number,
  targets: readonly string[],
  pending: Later,
  told: (round: ProbeRound) => void,
): OpenRound {
  const waiting = new Set(targets);
  const results: ProbeResult[] = [];
  return {
    waiting: () => [...waiting],
    good: () => results.filter(({ ok }) => ok).length,
    take: (target, answer) => {
      if (!waiting.delete(target)) return;
      if (answer !== undefined) results.push({ target, ...answer });
      if (waiting.size > 0) return;
      callOff(pending);
      const order = (result: ProbeResult) => targets.indexOf(result.target);
      told({ at, results: results.toSorted((a, b) => order(a) - order(b)) });
    },
    drop: () => {
      waiting.clear();
      callOff(pending);
    },
  };
}
