import { decide, type Early, type Known } from './decide.ts';
import type { Kernel } from './kernel/kernel.ts';
import type { Sysctls } from './model.ts';
import { isSinceLook } from './state/changes.ts';
import { isSameState } from './state/store.ts';
import type { Options, Report, SettledSysctls, World } from './world.ts';

/** What can be built on a look that was taken before the lock, or without it. */

/**
 * By what was seen without the lock, is there nothing to do? Then that is all: it was seen after the event, and whoever has
 * changed anything since has a run of his own; without the lock, isUndisturbed asks for that. Not for events of others: they
 * may be newer than the look. Anything else is decided by what the kernel holds now.
 */
export async function nothingNew(world: World, known: Known, early: Early): Promise<SameReport | undefined> {
  const { config, state } = known;
  // A run that was killed may have been at work when the shell looked.
  if (early.ip === undefined || early.changes === '' || config.balance !== 'flow' || state.memory !== undefined)
    return undefined;
  const { kernel, sysctls } = overheard(world.kernel, early.ip.sysctls);
  // Nor is the table of fail-closed flows looked at: that would be a process more than all of this needs.
  const decision = await decide({ ...world, kernel }, known, { ...early, watched: true });
  const isSame = decision.ops.length + decision.notes.length + decision.ending.size + decision.ending6.size === 0;
  if (!isSame || !isSameState(decision.state, state)) return undefined;
  return { ...decision, refused: new Map(), sysctls: sysctls() };
}

interface SameReport extends Report {
  /** What the kernel was asked besides the early look; undefined: more than sysctls. */
  readonly sysctls: SettledSysctls | undefined;
}

/** The kernel, and what it was asked that the look does not tell. */
function overheard(kernel: Kernel, told: Sysctls): { kernel: Kernel; sysctls: () => SettledSysctls | undefined } {
  const heard: Record<string, string | null> = {};
  let isMore = false;
  const watched = new Proxy(kernel, {
    get(target, name) {
      if (name !== 'readSysctls') {
        isMore = true;
        return Reflect.get(target, name) as unknown;
      }
      return (keys: readonly string[]) => {
        const found = target.readSysctls(keys);
        for (const key of keys) if (told[key] === undefined) heard[key] = found[key] ?? null;
        return found;
      };
    },
  });
  return { kernel: watched, sysctls: () => (isMore ? undefined : heard) };
}

/** A lock that is free is had in less. */
const FRESH_MS = 500;

/**
 * What was seen before the lock was taken, as far as it can be built on. All of it, if it was seen after the only event there
 * is, and no run of ours has changed anything since: then it is as good as another look, which would cost a process. What
 * others have changed meanwhile they may also change between any look and what follows from it: they have an event of
 * their own, and what the kernel then refuses is looked at again. (Sysctls have none: see decide.ts.)
 */
export function stillTrue(world: World, { pending }: Known, { eventPath }: Options, early: Early): Early {
  const { listing, watched = false, changes, age } = early;
  const isOnly = pending.length > 0 && pending.every(({ path }) => path === eventPath);
  // Whoever waited for the lock looks again: of an address or a carrier that came meanwhile nobody else may tell.
  const isFresh = age === undefined || age() < FRESH_MS;
  if (isOnly && isFresh && !isSinceLook(world.stateDirectory, changes)) return early;
  return listing === undefined ? {} : { listing, watched };
}
