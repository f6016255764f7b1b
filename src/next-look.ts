import type { Decision } from './decide.ts';
import { nextFailback } from './desired/failback.ts';

/** A dialled line's router is asked at once and answers soon, or when it is asked again, every 4 s; all may be slow. */
const ANSWERS_MS = [3_000, 10_000, 30_000];

/** When something changes of which nobody will be told: the end of a delay, of a router's advertisement; its answer. Epoch ms. */
export function nextLook({ statuses, statuses6, state }: Decision, now: () => number): number | undefined {
  const asked = statuses6.flatMap(({ link, linkLocal }) =>
    linkLocal === undefined ? [] : ANSWERS_MS.map((ms) => (state.verdicts[link.name]?.since ?? 0) + ms),
  );
  const ends = statuses6.flatMap((status) => (status.up ? (status.expires ?? []) : []));
  const delays = [nextFailback(statuses) ?? Infinity, nextFailback(statuses6) ?? Infinity];
  const first = Math.min(
    ...delays,
    ...ends.map((end) => end + 1000),
    ...(asked.length === 0 ? [] : later(asked, now())),
  );
  return Number.isFinite(first) ? first : undefined;
}

const later = (moments: readonly number[], now: number) => moments.filter((at) => at > now);
