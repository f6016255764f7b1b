import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { probePorts } from '../../desired/numbers.ts';
import type { ProbeSettings, ProbeTarget } from '../../model.ts';
import { ask, noAnswer, type Answer, type SocketTarget } from './ask.ts';
import { echoes, type Spawn } from './echoes.ts';
import { arpAnswer, gatewayAddress, gatewayAnswer } from './gateway.ts';
import type { ProbedLink, ProbeRound, StartProbes } from './round.ts';
import { openRound, type OpenRound } from './rounds.ts';

/** What a test replaces. */
export interface Kit {
  readonly spawn?: Spawn;
  readonly ask: typeof ask;
  readonly monotonic: () => number;
  readonly epoch: () => number;
  readonly arp: () => string;
}
const KIT: Kit = {
  ask,
  monotonic: () => performance.now(),
  epoch: () => Date.now(),
  arp: () => readFileSync('/proc/net/arp', 'utf8'),
};

/** fping tells of every loss itself, when the time is over; if it says nothing for so much longer, it could not send. */
const FPING_SILENT_MS = 400;

/** ping(8) tells of no loss; its answers may take a moment through the pipe. */
const PING_SILENT_MS = 50;

/** Both clocks have gone apart: somebody has set one, or the machine was suspended. */
const CLOCK_STEP_MS = 500;

/** For so long a refusal to send is believed, before one more process asks why. */
const REFUSAL_MS = 30_000;

/** What a second try to send may take. */
const SECOND_TRY_MS = 1000;

/**
 * A round asks all targets; one in which fewer than needed have answered after a third of the interval is followed at
 * once by more, a third apart: a silent line is known to be dead after interval + 2/3 × interval + timeout (DOWN_AFTER 3),
 * not after three intervals and a timeout. Late answers count for all that.
 */
export const startProbes: StartProbes = (link, settings, onRound) => probeWith(KIT, link, settings, onRound);

export function probeWith(
  kit: Kit,
  link: ProbedLink,
  settings: ProbeSettings,
  onRound: (round: ProbeRound) => void,
): { stop(): void } {
  const { intervalMs, timeoutMs } = settings;
  const addressOf = (target: ProbeTarget) => (target.kind === 'gateway' ? gatewayAddress(link) : target.address);
  const targets = settings.targets.filter((target) => addressOf(target) !== undefined);
  const echoed = targets.flatMap((target) => {
    const address = addressOf(target);
    return (target.kind === 'icmp' || target.kind === 'gateway') && address !== undefined ? [{ target, address }] : [];
  });
  const addresses = [...new Set(echoed.map(({ address }) => address))];
  const socketed = targets.filter(
    (target): target is SocketTarget => target.kind !== 'icmp' && target.kind !== 'gateway',
  );
  const echo = echoes({ ...link, targets: addresses, intervalMs, timeoutMs }, kit.spawn);
  const open = new Set<OpenRound>();
  const regular = new Map<number, OpenRound>();
  const refusals = new Map<string, { readonly answer: Answer; readonly until: number }>();
  const answeredOnce = new Set<string>();
  let pending = new Set<() => void>();
  let hurried = false;
  let longestRtt = 0;

  const later = (clears: Set<() => void>, ms: number, act: () => void) => {
    const timer = setTimeout(() => {
      clears.delete(clear);
      act();
    }, ms);
    const clear = () => clearTimeout(timer);
    clears.add(clear);
  };

  /** An echo's answer, for each target at that address. */
  const takeEcho = (round: OpenRound | undefined, address: string, answer: Answer) => {
    if (answer.unsent !== true) refusals.delete(address);
    for (const { target } of echoed.filter((each) => each.address === address)) {
      if (target.kind === 'icmp') round?.take(target.text, answer);
      else {
        if (answer.ok) answeredOnce.add(address);
        const arp = answer.ok ? undefined : arpAnswer(kit.arp(), address, link.device);
        round?.take(target.text, gatewayAnswer(answer, answeredOnce.has(address), arp));
      }
    }
  };

  let port = 0;
  const askSocket = (round: OpenRound, target: SocketTarget, clears: Set<() => void>, tries = 3) => {
    const [first, last] = probePorts(link);
    port = (port + 1) % (last - first + 1);
    const from = { address: link.address, port: first + port };
    const stop = kit.ask(target, from, timeoutMs, (answer) => {
      clears.delete(stop);
      if (answer !== 'port taken') round.take(target.text, answer);
      else if (tries > 1) askSocket(round, target, clears, tries - 1);
      else round.take(target.text, undefined);
    });
    clears.add(stop);
  };

  const begin = (at: number, again: boolean): OpenRound => {
    const clears = new Set<() => void>();
    const round = openRound(
      at,
      targets.map(({ text }) => text),
      clears,
      (done) => {
        const good = done.results.filter(({ ok }) => ok);
        open.delete(round);
        if (good.length >= Math.min(settings.need, done.results.length)) {
          hurried = false;
          longestRtt = Math.max(...good.map(({ rttMs = 0 }) => rttMs));
        }
        onRound(done);
      },
    );
    open.add(round);
    const tool = echo.tool();
    const silent = tool === 'ping' ? PING_SILENT_MS : FPING_SILENT_MS;
    for (const target of socketed) askSocket(round, target, clears);
    later(clears, timeoutMs + silent, () => sayMissing(round, tool));
    if (again) later(clears, soon(), () => hurry(round));
    return round;
  };

  /** A slow line's answers are waited for. */
  const soon = () => Math.max(intervalMs / 3, 2 * longestRtt);

  const hurry = (round: OpenRound) => {
    const count = settings.downAfter - 1;
    const apart = Math.round(intervalMs / 3);
    // Not twice for one silence, and not where the next round comes before the process would have begun.
    if (hurried || count === 0 || intervalMs < 1000 || round.good() >= settings.need || soon() >= intervalMs) return;
    hurried = true;
    const extra: OpenRound[] = [];
    const next = () => {
      extra.push(begin(kit.monotonic(), false));
      if (extra.length < count) later(pending, apart, next);
    };
    next();
    if (addresses.length > 0) {
      echo.burst(count, apart, (address, seq, answer) => takeEcho(extra[seq], address, answer));
    }
  };

  /** What the resident said nothing of. */
  const sayMissing = (round: OpenRound, tool: ReturnType<typeof echo.tool>) => {
    const missing = addresses.filter((address) =>
      echoed.some((each) => each.address === address && round.waiting().includes(each.target.text)),
    );
    if (missing.length === 0) return;
    if (tool !== echo.tool() || tool === 'none') {
      // It was not asked: about these targets nothing can be said.
      for (const text of round.waiting()) round.take(text, undefined);
      return;
    }
    if (tool === 'ping') {
      for (const address of missing) takeEcho(round, address, { ok: false, why: noAnswer(timeoutMs) });
      return;
    }
    const now = kit.monotonic();
    const unknown = missing.filter((address) => {
      const refusal = refusals.get(address);
      if (refusal === undefined || refusal.until < now) return true;
      takeEcho(round, address, refusal.answer);
      return false;
    });
    if (unknown.length === 0) return;
    const secondMs = Math.min(timeoutMs, SECOND_TRY_MS);
    echo.once(unknown, secondMs, (address, answer) => {
      takeEcho(round, address, answer);
      // It could be sent: the resident sleeps.
      if (answer.ok || answer.why === noAnswer(secondMs)) stalled = true;
      else refusals.set(address, { answer, until: kit.monotonic() + REFUSAL_MS });
    });
  };

  let number = -1;
  let base = 0;
  let restartedAt = -Infinity;
  let stalled = false;
  const restart = () => {
    base = number;
    restartedAt = kit.monotonic();
    stalled = false;
    if (addresses.length === 0) return;
    echo.restart((address, seq, answer) => takeEcho(regular.get(base + seq), address, answer));
  };

  const began = kit.monotonic();
  let apart = kit.epoch() - began;
  const tick = () => {
    const now = kit.monotonic();
    // If we were held up, rounds are missing: that is no evidence.
    number = Math.max(number + 1, Math.floor((now - began) / intervalMs));
    const step = kit.epoch() - now - apart;
    apart += step;
    const stepped = Math.abs(step) > CLOCK_STEP_MS;
    if (stepped) forget();
    // fping 5.1 paces itself by the wall clock: set back it waits, set forward it floods.
    const due = stepped || stalled || (!echo.running() && now - restartedAt >= 1000);
    if (due) restart();
    const round = begin(now, true);
    regular.set(number, round);
    for (const old of regular.keys()) if (old < number - keep) regular.delete(old);
    later(pending, Math.max(0, began + (number + 1) * intervalMs - kit.monotonic()), tick);
  };
  const keep = Math.ceil((timeoutMs + SECOND_TRY_MS) / intervalMs) + 1;

  /** Rounds that were under way while nobody knows how long that was. */
  const forget = () => {
    open.forEach((round) => round.drop());
    open.clear();
    regular.clear();
    hurried = false;
  };

  if (targets.length > 0) tick();
  return {
    stop: () => {
      forget();
      pending.forEach((clear) => clear());
      pending = new Set();
      echo.stop();
    },
  };
}
