import type { LinkStatus, LinkUp, LinkVerdict } from './model.ts';

/** Fit for new connections as far as anybody knows: up, and not judged dead, or dead but the last resort. */
export function isLive(status: LinkStatus): status is LinkUp {
  return status.up && (status.dead === undefined || status.dead.lastResort === true);
}

/** Was it live when this was written? */
export const wasLive = (verdict: LinkVerdict | undefined) => verdict?.up === true && verdict.dead !== true;

/** ON_DOWN=block: its flows have no way, and must find none by another link. */
export const isRefusing = (status: LinkStatus) => status.link.onDown === 'block' && !isLive(status);
