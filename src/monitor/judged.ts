import type { LinkHealth, ProbeSettings } from '../model.ts';
import type { FlapMemory } from './flap.ts';
import type { ProbeRound } from './probe/round.ts';
import type { Beyond } from './quality.ts';

/** Both clocks: durations are taken from the monotonic one, which no step moves; people read the other. */
export interface Now {
  readonly monotonic: number;
  readonly epoch: number;
}

/** What a link's own connections show, since the last evidence. */
export interface PassiveEvidence {
  /** Packets of answers (conntrack's reply direction), not of the device: broadcasts come in on a dead line, too. */
  readonly rxPackets: number;
  /** Packets that begin TCP connections: if nothing came in, nobody has answered them. */
  readonly unansweredSyns: number;
}

/** For so long what its connections show says something about a link. */
export const freshMs = ({ intervalMs, timeoutMs }: ProbeSettings) => 2 * intervalMs + timeoutMs;

export type Evidence = ProbeRound | PassiveEvidence;

/** A link's verdict, and what it rests on. Times in `memory` are monotonic milliseconds. */
export interface Judged {
  readonly health: Omit<LinkHealth, 'device' | 'address'>;
  readonly memory: Memory;
}

interface Memory {
  /** Rounds in a row, by the order in which they ended. */
  readonly failing: number;
  readonly passing: number;
  /** When the first round of `failing` asked, the last good one, the last one at all. */
  readonly failingSince?: number | undefined;
  readonly goodAt?: number;
  readonly lastAt?: number;
  /** For each target: failures in a row. */
  readonly targets: Readonly<Record<string, number>>;
  readonly window: readonly ProbeRound[];
  readonly degraded: Beyond;
  readonly down: Beyond;
  /** Dead because nothing answered, not because it is bad. */
  readonly silent: boolean;
  /** Well again, but held back: if it dies now, that is a death more. */
  readonly held: boolean;
  readonly passive?: PassiveEvidence & { readonly at: number };
  readonly flap?: FlapMemory;
}
