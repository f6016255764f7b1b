import { isLive, wasLive } from '../liveness.ts';
import type { FailbackMemory, LinkConfig, LinkStatus, State } from '../model.ts';
import { standing } from './numbers.ts';

type Memory = NonNullable<State['failback']>;

/**
 * FAILBACK: a link that was lost and is back waits while links of a worse standing carry the traffic, until its delay
 * is over or somebody says so. It never waits when it is needed, nor when links as good as it are at work anyway. The
 * connections that run elsewhere are not our business: flow memory lets them finish where they are.
 */
export function withFailback(
  statuses: readonly LinkStatus[],
  before: Pick<State, 'verdicts' | 'failback'>,
  now: number,
): { statuses: LinkStatus[]; failback: Memory } {
  if (statuses.every(({ link }) => link.failback === 'immediate')) return { statuses: [...statuses], failback: {} };
  const known = statuses.map((status) => ({ status, memory: remembered(status, before, now) }));
  const mayWait = ({ status, memory }: (typeof known)[number]) =>
    isLive(status) && memory?.backAt !== undefined && now < dueAt(status.link, memory.backAt);
  const atWork = known
    .filter((each) => isLive(each.status) && !mayWait(each))
    .map(({ status }) => standing(status.link));
  const best = Math.min(...atWork);
  const failback: Record<string, FailbackMemory> = {};
  const found = known.map((each): LinkStatus => {
    const { status, memory } = each;
    if (memory === undefined) return status;
    const waits = mayWait(each) && atWork.length > 0 && standing(status.link) < best;
    if (waits || !isLive(status)) failback[status.link.name] = memory;
    return waits && isLive(status) ? { ...status, waits: waitOf(status.link, memory.backAt) } : status;
  });
  return { statuses: found, failback };
}

/** What is known of a link's loss: it begins when a link that was up is down, or dead; each return starts the delay anew. */
function remembered(
  status: LinkStatus,
  { verdicts, failback }: Pick<State, 'verdicts' | 'failback'>,
  now: number,
): FailbackMemory | undefined {
  const { link } = status;
  const memory = failback?.[link.name];
  if (link.failback === 'immediate') return undefined;
  if (!isLive(status)) return memory !== undefined || wasLive(verdicts[link.name]) ? {} : undefined;
  // The clock may have been set back meanwhile: nobody waits longer than the delay.
  return memory === undefined ? undefined : { backAt: Math.min(memory.backAt ?? now, now) };
}

const dueAt = ({ failback }: LinkConfig, backAt: number): number =>
  typeof failback === 'number' ? backAt + failback * 1000 : failback === 'manual' ? Infinity : backAt;

function waitOf(link: LinkConfig, backAt = 0): { until?: number } {
  const until = dueAt(link, backAt);
  return Number.isFinite(until) ? { until } : {};
}

/** When the next delay ends, if one is running. */
export function nextFailback(statuses: readonly LinkStatus[]): number | undefined {
  const ends = statuses.flatMap((status) => (status.up ? (status.waits?.until ?? []) : []));
  return ends.length === 0 ? undefined : Math.min(...ends);
}
