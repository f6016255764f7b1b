/**
 * Fuzzing: a property, and cases that fast-check makes and, when one fails, makes small. In the unit suite a short run with
 * a fixed seed; `npm run fuzz` makes FUZZ_RUNS=100000 of each with a seed of its own. FUZZ_SEED=… repeats a run.
 */
import fc from 'fast-check';
import { test } from 'vitest';
import { WanhookError } from '../../src/errors.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101);

/** No case may take more of a processor; by the clock a machine that has other things to do takes any time. */
const LONGEST_MS = 2_000;
/** Of a case that plays a whole world. */
export const WORLD_SHARE = 0.02;

type Property<T> = (given: T) => void | Promise<void>;

/** A test of its own. `share`: of the runs, where a case costs more than a parse. */
export function holds<T>(name: string, cases: fc.Arbitrary<T>, property: Property<T>, share = 1): void {
  const numRuns = Math.max(20, Math.round(RUNS * share));
  const body = async () => {
    let slowest = 0;
    const began = performance.now();
    const timed = fc.asyncProperty(cases, async (given) => {
      const start = process.cpuUsage();
      await property(given);
      const { user, system } = process.cpuUsage(start);
      const took = (user + system) / 1000;
      slowest = Math.max(slowest, took);
      if (took > LONGEST_MS) throw new Error(`took ${Math.round(took)} ms`);
    });
    await fc.assert(timed, { numRuns, seed: SEED, endOnFailure: RUNS > 10_000 });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`fuzz ${name}: ${numRuns} cases, ${seconds} s, slowest ${slowest.toFixed(0)} ms, FUZZ_SEED=${SEED}`);
  };
  test(`fuzz: ${name}`, body, 30_000 + numRuns * 400);
}

/** `expect` would be most of a run's time. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

/** What a message may hold: one line, not too long, nothing that a terminal obeys or that hides what is written. */
export function expectPlain(message: string, most = 4_000): void {
  must(!/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(message), `plain: ${JSON.stringify(message)}`);
  must(message.length < most, `short: ${message.slice(0, 200)}`);
}

/** Runs it; what it throws must be meant for people. */
export function onlyClearErrors<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof WanhookError) return undefined;
    throw error;
  }
}
