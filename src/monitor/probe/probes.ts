import type { ProbeSettings } from '../../model.ts';
import { byEcho } from './by-echo.ts';
import { bySocket } from './by-socket.ts';
import { callOff, KIT, later, type Kit, type Later } from './kit.ts';
import type { ProbedLink, ProbeRound } from './round.ts';
import { openRound, type OpenRound } from './rounds.ts';

/** Both clocks have gone apart: somebody has set one, or the machine was suspended. */
const CLOCK_STEP_MS = 500;

/** A resident that ends at once is not started more often. */
const RESTART_MS = 1000;

/** With shorter intervals the next round comes before one more process would have begun. */
const SHORTEST_HURRIED_MS = 1000;

/**
 * Asks a link's targets again and again until it is stopped, and tells each round when it is over. A round in which
 * fewer than needed have answered after a third of the interval is followed at once by more, a third apart: a silent
 * line is known to be dead after interval + 2/3 × interval + timeout (DOWN_AFTER=3), not after three intervals and a
 * timeout. Late answers count for all that.
 */
export function startProbes(
  link: ProbedLink,
  settings: ProbeSettings,
  onRound: (round: ProbeRound) => void,
  kit: Kit = KIT,
): { stop(): void } {
  const { intervalMs, timeoutMs, need } = settings;
  const echo = byEcho(kit, link, settings);
  const socket = bySocket(kit, link, settings);
  const texts = settings.targets.map(({ text }) => text);
  const targets = texts.filter((text) => echo.targets.includes(text) || socket.targets.includes(text));
  const open = new Set<OpenRound>();
  const pending: Later = new Set();
  let hurried = false;
  let slowest = 0;

  const ended = (done: ProbeRound) => {
    const good = done.results.filter(({ ok }) => ok);
    if (good.length >= Math.min(need, done.results.length)) {
      hurried = false;
      slowest = Math.max(0, ...good.map(({ rttMs = 0 }) => rttMs));
    }
    if (done.results.length > 0) onRound(done);
  };
  const begin = (extra: boolean): OpenRound => {
    const own: Later = new Set();
    const round = openRound(kit.monotonic(), targets, own, (done) => {
      open.delete(round);
      ended(extra ? { ...done, hurried: true } : done);
    });
    open.add(round);
    later(own, timeoutMs + echo.lateMs(), () => echo.late(round));
    if (!extra) later(own, patience(), () => hurry(round));
    socket.ask(round, own);
    return round;
  };
  /** A slow line's answers are waited for. */
  const patience = () => Math.max(intervalMs / 3, 2 * slowest);
  const hurry = (round: OpenRound) => {
    const count = settings.downAfter - 1;
    const apartMs = Math.round(intervalMs / 3);
    // Not twice for one silence.
    if (hurried || count === 0 || round.good() >= need) return;
    if (intervalMs < SHORTEST_HURRIED_MS || patience() >= intervalMs) return;
    hurried = true;
    const extra: OpenRound[] = [];
    const next = () => {
      extra.push(begin(true));
      if (extra.length < count) later(pending, apartMs, next);
    };
    next();
    echo.burst(count, apartMs, (seq) => extra[seq]);
  };
  /** Rounds that were under way while nobody knows how long that was. */
  const forget = () => {
    open.forEach((round) => round.drop());
    open.clear();
    hurried = false;
  };

  if (targets.length > 0) tick(kit, intervalMs, pending, { echo, forget, begin: () => begin(false) });
  return {
    stop: () => {
      forget();
      callOff(pending);
      echo.stop();
    },
  };
}

interface Engine {
  readonly echo: ReturnType<typeof byEcho>;
  readonly forget: () => void;
  readonly begin: () => OpenRound;
}

/** A round every interval; the resident, which has its own pace, is kept in step. */
function tick(kit: Kit, intervalMs: number, pending: Later, { echo, forget, begin }: Engine): void {
  const began = kit.monotonic();
  /** By number; those that are over let nothing in any more. */
  const rounds = new Map<number, OpenRound>();
  let number = -1;
  let restartedAt = -Infinity;
  let apart = kit.epoch() - began;

  const restart = (now: number) => {
    const base = number;
    restartedAt = now;
    echo.restart((seq) => rounds.get(base + seq));
  };
  const next = () => {
    const now = kit.monotonic();
    // If we were held up, rounds are missing: that is no evidence.
    number = Math.max(number + 1, Math.floor((now - began) / intervalMs));
    const step = kit.epoch() - now - apart;
    apart += step;
    const stepped = Math.abs(step) > CLOCK_STEP_MS;
    if (stepped) forget();
    // fping 5.1 paces itself by the wall clock: set back it sleeps, set forward it floods.
    if (stepped || (echo.ailing() && now - restartedAt >= RESTART_MS)) restart(now);
    rounds.set(number, begin());
    for (const old of rounds.keys()) if (old < number - KEPT_ROUNDS) rounds.delete(old);
    later(pending, Math.max(0, began + (number + 1) * intervalMs - kit.monotonic()), next);
  };
  next();
}

/** A timeout of a minute at an interval of 100 ms. */
const KEPT_ROUNDS = 600;
