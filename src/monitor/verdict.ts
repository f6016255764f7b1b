import type { LinkHealth, ProbeSettings } from '../model.ts';
import { afterDeath, heldFor, heldReason } from './flap.ts';
import { freshMs, type Evidence, type Judged, type Now, type PassiveEvidence } from './judged.ts';
import { blindReason, countReason, silentReason } from './reason.ts';
import type { ProbeResult, ProbeRound } from './probe/round.ts';
import { beyond, beyondReason, measure, WINDOW_ROUNDS, type Quality } from './quality.ts';

type Memory = Judged['memory'];

const NOTHING_YET: Memory = {
  failing: 0,
  passing: 0,
  targets: {},
  window: [],
  degraded: {},
  down: {},
  silent: false,
  held: false,
};

/** A link that nobody has judged is taken for alive; one that was dead when the monitor ended must show that it lives. */
export function begin(now: Now, health?: Pick<LinkHealth, 'verdict' | 'since' | 'reason'>): Judged {
  if (health?.verdict === 'dead') {
    const { verdict, since, reason } = health;
    return { health: { verdict, since, reason }, memory: { ...NOTHING_YET, silent: true } };
  }
  return { health: { verdict: 'alive', since: now.epoch, reason: 'not judged yet' }, memory: NOTHING_YET };
}

/**
 * The verdict after a piece of evidence. Pure, and by monotonic time only: clock steps and suspended hours are no
 * evidence, nor are rounds that are missing. `everywhere`: targets that no link reaches (see `downEverywhere`).
 */
export function judge(
  before: Judged | undefined,
  evidence: Evidence,
  settings: ProbeSettings,
  now: Now,
  everywhere: ReadonlySet<string> = new Set(),
): Judged {
  const last = before ?? begin(now);
  if (!('results' in evidence)) {
    const memory = { ...last.memory, passive: { ...evidence, at: now.monotonic } };
    return conclude(last, memory, settings, now, () => last.health.reason);
  }
  const counted = evidence.results.filter(({ target, unsent }) => unsent !== true && !everywhere.has(target));
  const targets = streaks(last.memory, evidence, settings);
  if (counted.length === 0) {
    // Nothing was learned about this link: what it was, it is.
    const reason = last.health.verdict === 'dead' ? last.health.reason : blindReason(evidence, everywhere);
    return { health: { ...last.health, reason }, memory: { ...last.memory, targets } };
  }
  const memory = { ...takeRound(last.memory, evidence, counted, settings, now), targets };
  return conclude(last, memory, settings, now, () => countReason(counted));
}

/** For each target that is still configured: failures in a row. */
function streaks({ targets }: Memory, { results }: ProbeRound, settings: ProbeSettings): Record<string, number> {
  const asked = results.filter(({ unsent }) => unsent !== true);
  return Object.fromEntries(
    settings.targets.flatMap(({ text }) => {
      const result = asked.find(({ target }) => target === text);
      const before = targets[text];
      if (result === undefined) return before === undefined ? [] : [[text, before]];
      return [[text, result.ok ? 0 : (before ?? 0) + 1]];
    }),
  );
}

/** Counts the round, and adds it to the window. */
function takeRound(
  before: Memory,
  round: ProbeRound,
  counted: readonly ProbeResult[],
  settings: ProbeSettings,
  now: Now,
): Memory {
  const need = Math.min(settings.need, counted.length);
  const good = counted.filter(({ ok }) => ok).length >= need;
  // The link's own connections are answered, and only one target is silent: that is the target's business. Not if it
  // answers what it should not: a captive portal answers everything.
  const silentOne = !good && counted.length === 1 && counted[0]?.wrong !== true;
  if (silentOne && answered(before.passive, settings, now)) return { ...before, failing: 0, failingSince: undefined };
  const memory = {
    ...before,
    window: windowWith(before, round, counted, good),
    lastAt: Math.max(round.at, before.lastAt ?? round.at),
  };
  if (good) {
    const goodAt = Math.max(round.at, before.goodAt ?? round.at);
    return { ...memory, failing: 0, failingSince: undefined, passing: before.passing + 1, goodAt };
  }
  // Asked before one that has been answered since: no sign of death, but not a row of good rounds either.
  if (before.goodAt !== undefined && round.at < before.goodAt) return { ...memory, passing: 0 };
  const paused = before.lastAt !== undefined && round.at - before.lastAt > longestPause(settings);
  const failing = paused ? 1 : before.failing + 1;
  const failingSince = failing === 1 ? round.at : (before.failingSince ?? round.at);
  return { ...memory, failing, passing: 0, failingSince };
}

function windowWith(
  { silent, passing, window }: Memory,
  { at, hurried }: ProbeRound,
  counted: readonly ProbeResult[],
  good: boolean,
): readonly ProbeRound[] {
  // A link that comes back from silence is measured anew: it would be called bad for a minute because of it.
  const kept = good && silent && passing === 0 ? [] : window;
  return hurried === true ? kept : [...kept, { at, results: counted }].slice(-WINDOW_ROUNDS);
}

/** Between two rounds that belong together; after more, nobody was looking. */
const longestPause = ({ intervalMs, timeoutMs }: ProbeSettings) => 3 * intervalMs + timeoutMs;

type Remembered = (PassiveEvidence & { readonly at: number }) | undefined;
const fresh = (passive: Remembered, settings: ProbeSettings, now: Now): passive is NonNullable<Remembered> =>
  passive !== undefined && now.monotonic - passive.at <= freshMs(settings);
const answered = (passive: Remembered, settings: ProbeSettings, now: Now) =>
  fresh(passive, settings, now) && passive.rxPackets > 0;
const unanswered = (passive: Remembered, settings: ProbeSettings, now: Now) =>
  fresh(passive, settings, now) && passive.rxPackets === 0 && passive.unansweredSyns > 0;

/** From what is remembered now to the verdict. */
function conclude(last: Judged, found: Memory, settings: ProbeSettings, now: Now, alive: () => string): Judged {
  const quality = measure(found.window);
  const rounds = found.window.length;
  const memory = {
    ...found,
    degraded: beyond(settings.degraded, quality, rounds, found.degraded),
    down: beyond(settings.down, quality, rounds, found.down),
  };
  // The link's own connections say the same: one round less is enough.
  const enough = Math.max(1, settings.downAfter - (unanswered(memory.passive, settings, now) ? 1 : 0));
  const figures = rounds === 0 ? {} : rounded(quality);
  // Rounds in a hurry are not in the window, and a minute that was good is: but a silent line loses all.
  const silence = { ...figures, loss: 1 };
  if (last.health.verdict === 'dead')
    return whileDead(last, memory, settings, now, memory.silent && memory.passing === 0 ? silence : figures);
  if (memory.failing >= enough) {
    return die({ ...memory, silent: true }, settings, now, silentReason(memory, now), silence);
  }
  if (isAny(memory.down)) {
    return die(memory, settings, now, beyondReason('DOWN', settings.down, memory.down, quality), figures);
  }
  const verdict = isAny(memory.degraded) ? 'degraded' : 'alive';
  const reason =
    verdict === 'degraded' ? beyondReason('DEGRADED', settings.degraded, memory.degraded, quality) : alive();
  const since = verdict === last.health.verdict ? last.health.since : now.epoch;
  return { health: { verdict, since, reason, ...figures }, memory };
}

const isAny = (found: object) => Object.keys(found).length > 0;

function die(memory: Memory, settings: ProbeSettings, now: Now, reason: string, figures: Partial<Quality>): Judged {
  const flap = afterDeath(memory.flap, settings.flap, now.monotonic);
  return {
    health: { verdict: 'dead', since: now.epoch, reason, ...figures },
    memory: { ...memory, passing: 0, flap },
  };
}

/** It lives again after UP_AFTER good rounds, if it is not bad, and if it has not died too often. */
function whileDead(
  { health: { verdict, since, reason } }: Judged,
  found: Memory,
  settings: ProbeSettings,
  now: Now,
  figures: Partial<Quality>,
): Judged {
  // One that was only bad may fall silent, too.
  const silent = found.failing >= settings.downAfter;
  if (silent && found.held) {
    // Another flap, although nobody was to see that it had been well.
    const flap = afterDeath(found.flap, settings.flap, now.monotonic);
    const memory = { ...found, silent, held: false, flap };
    return { health: { verdict, since, reason: silentReason(found, now), ...figures }, memory };
  }
  const memory = { ...found, silent: found.silent || silent };
  if (memory.passing < settings.upAfter || isAny(memory.down)) {
    return { health: { verdict, since, reason, ...figures }, memory };
  }
  const { flap } = memory;
  const held = heldFor(flap, settings.flap, now.monotonic);
  if (flap !== undefined && held > 0) {
    const why = heldReason(flap, held, now.monotonic);
    return {
      health: { verdict, since, reason: why, heldUntil: now.epoch + held, ...figures },
      memory: { ...memory, held: true },
    };
  }
  const answers = `answers again: ${memory.passing} rounds in a row`;
  return {
    health: { verdict: 'alive', since: now.epoch, reason: answers, ...figures },
    memory: { ...memory, silent: false, held: false },
  };
}

function rounded({ loss, rtt, jitter }: Quality): Partial<Quality> {
  const tenth = (value: number) => Math.round(value * 10) / 10;
  return {
    loss: Math.round(loss * 1000) / 1000,
    ...(rtt !== undefined && { rtt: tenth(rtt) }),
    ...(jitter !== undefined && { jitter: tenth(jitter) }),
  };
}

/** A target is down, and not the links, if all that ask it fail while one of them reaches another target. */
export function downEverywhere(links: Iterable<Judged>): Set<string> {
  const all = [...links].map(({ memory }) => memory.targets);
  const names = new Set(all.flatMap((targets) => Object.keys(targets)));
  // Every link has a gateway of its own.
  names.delete('gateway');
  return new Set(
    [...names].filter((name) => {
      const asking = all.filter((targets) => targets[name] !== undefined);
      const failed = asking.every((targets) => (targets[name] ?? 0) >= DOWN_EVERYWHERE_AFTER);
      return asking.length > 1 && failed && asking.some((targets) => Object.values(targets).includes(0));
    }),
  );
}

/** Failures in a row: one alone is a lost packet. */
const DOWN_EVERYWHERE_AFTER = 2;
