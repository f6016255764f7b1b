import { explain, ProblemsError } from '../errors.ts';
import type { World } from '../reconcile.ts';

export interface SteadyConfig {
  readonly load: World['loadConfig'];
  /** Somebody has asked: say what is wrong although it has been said. */
  tellAgain(): void;
}

/**
 * The configuration as whoever stays resident needs it: read anew for every run, because hooks do, too, and the two must
 * not undo each other's work. While it is bad, the last good one holds (`good`: whoever saw it, a hook or an `apply` may
 * have been the last), and that is said once, not with every run.
 */
export function steadyConfig(
  load: World['loadConfig'],
  good: () => ReturnType<World['loadConfig']> | undefined,
  warn: (message: string) => void,
): SteadyConfig {
  let told = '';
  return {
    tellAgain: () => (told = ''),
    load: () => {
      const found = load();
      if (found.config !== undefined) {
        if (told !== '') warn('the configuration is right again');
        told = '';
        return found;
      }
      const kept = good();
      if (kept === undefined) return found;
      const message = explain(new ProblemsError(found.problems));
      if (message !== told) warn(`going on with the last good configuration: ${message}`);
      told = message;
      return kept;
    },
  };
}
