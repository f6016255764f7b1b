import type { ProbeSettings } from '../../model.ts';
import { noAnswer, type Answer } from './ask.ts';
import { echoes, type Heard } from './echoes.ts';
import { arpAnswer, gatewayAddress, gatewayAnswer } from './gateway.ts';
import type { Kit } from './kit.ts';
import type { ProbedLink } from './round.ts';
import type { OpenRound } from './rounds.ts';

/** A link's targets that are asked by an echo: `icmp://…` and `gateway`. */
export interface ByEcho {
  readonly targets: readonly string[];
  /** The request that goes now is number 0. */
  restart(roundOf: (seq: number) => OpenRound | undefined): void;
  /** Has it ended, or does it sleep? */
  ailing(): boolean;
  burst(count: number, intervalMs: number, roundOf: (seq: number) => OpenRound | undefined): void;
  /** When a round's time is over, nothing more is said; so much later is late. */
  lateMs(): number;
  /** The round's time is over, and for some targets nothing has been said. */
  late(round: OpenRound): void;
  stop(): void;
}

/** fping tells of every loss itself, when the time is over; if it says nothing for so much longer, it could not send. */
const FPING_LATE_MS = 400;

/** ping(8) tells of no loss; its answers may take a moment through the pipe. */
const PING_LATE_MS = 50;

/** For so long a refusal to send is believed, before one more process asks why. */
const REFUSAL_MS = 30_000;

/** What a second try to send may take. */
const SECOND_TRY_MS = 1000;

export function byEcho(kit: Kit, link: ProbedLink, settings: ProbeSettings): ByEcho {
  const { intervalMs, timeoutMs } = settings;
  const asked = settings.targets.flatMap((target) => {
    const address =
      target.kind === 'gateway' ? gatewayAddress(link) : target.kind === 'icmp' ? target.address : undefined;
    return address === undefined ? [] : [{ text: target.text, kind: target.kind, address }];
  });
  const addresses = [...new Set(asked.map(({ address }) => address))];
  const echo = echoes({ ...link, targets: addresses, intervalMs, timeoutMs }, kit.spawn);
  const refusals = new Map<string, { readonly answer: Answer; readonly until: number }>();
  const answeredOnce = new Set<string>();
  let asleep = false;

  const take = (round: OpenRound, address: string, answer: Answer) => {
    if (answer.ok) answeredOnce.add(address);
    for (const { text, kind } of asked.filter((each) => each.address === address)) {
      const arp = kind === 'icmp' || answer.ok ? undefined : arpAnswer(kit.arp(), address, link.device);
      round.take(text, kind === 'icmp' ? answer : gatewayAnswer(answer, answeredOnce.has(address), arp));
    }
  };
  const hear =
    (roundOf: (seq: number) => OpenRound | undefined): Heard =>
    (address, seq, answer) => {
      refusals.delete(address);
      const round = roundOf(seq);
      if (round !== undefined) take(round, address, answer);
    };
  /** fping said nothing: asks why, but not every time. */
  const secondTry = (round: OpenRound, silent: readonly string[]) => {
    const unknown = silent.filter((address) => {
      const refusal = refusals.get(address);
      if (refusal === undefined || refusal.until <= kit.monotonic()) return true;
      take(round, address, refusal.answer);
      return false;
    });
    if (unknown.length === 0) return;
    const limitMs = Math.min(timeoutMs, SECOND_TRY_MS);
    echo.once(unknown, limitMs, (address, answer) => {
      // It could be sent.
      if (answer.ok || answer.why === noAnswer(limitMs)) asleep = true;
      else refusals.set(address, { answer, until: kit.monotonic() + REFUSAL_MS });
      take(round, address, answer);
    });
  };

  return {
    targets: asked.map(({ text }) => text),
    restart: (roundOf) => {
      asleep = false;
      if (addresses.length > 0) echo.restart(hear(roundOf));
    },
    ailing: () => addresses.length > 0 && (asleep || !echo.running()),
    burst: (count, apartMs, roundOf) => {
      if (addresses.length > 0) echo.burst(count, apartMs, hear(roundOf));
    },
    lateMs: () => (echo.tool() === 'ping' ? PING_LATE_MS : FPING_LATE_MS),
    late: (round) => {
      const waiting = round.waiting();
      const silent = addresses.filter((each) =>
        asked.some(({ address, text }) => address === each && waiting.includes(text)),
      );
      const tool = echo.tool();
      if (tool === 'fping') secondTry(round, silent);
      else if (tool === 'ping') for (const each of silent) take(round, each, { ok: false, why: noAnswer(timeoutMs) });
      // Nobody can ask: nothing can be said.
      else for (const text of waiting) round.take(text, undefined);
    },
    stop: () => echo.stop(),
  };
}
