import { createKernel } from './kernel/kernel.ts';
import { findLook, lookText, readLook, removeLook } from './kernel/look.ts';
import { parseIp6Batch, parseIpLists } from './kernel/observe.ts';
import { spawnRunner } from './kernel/runner.ts';
import { waitingIp } from './kernel/waiting-ip.ts';
import type { Early } from './reconcile.ts';

/** What run-hook.sh has had listed, and its text as it was printed. */
export interface SeenEarly extends Early {
  readonly text?: () => string;
}

/**
 * `words`: WANHOOK_LOOK; `changes`: WANHOOK_CHANGES. Nothing in it, if there is none, or it cannot be understood; undefined, if it is
 * not whole in that time (milliseconds).
 */
export function earlyLook(
  directory: string,
  words: string | undefined,
  changes: string,
  waitMs?: number,
): SeenEarly | undefined {
  const look = findLook(directory, words);
  if (look === undefined) return {};
  const at = process.uptime();
  const found = readLook(look, waitMs);
  if (found === undefined) return undefined;
  const [ip6 = '', listing = ''] = found.rest.split('\f');
  const kernel = createKernel(waitingIp(spawnRunner, look, found));
  removeLook(look);
  const age = () => (process.uptime() - at) * 1000;
  try {
    return {
      ip: parseIpLists(found.lists),
      listing,
      changes,
      kernel,
      age,
      text: () => lookText(found),
      ...(ip6 !== '' && { ip6: parseIp6Batch(ip6) }),
    };
  } catch {
    return { listing };
  }
}
