import type { LinkHealth, ProbeSettings } from '../model.ts';
import type { ProbeRound } from './probe/round.ts';

/** Both clocks: durations are taken from the monotonic one, which no step and no suspend moves; people read the other. */
export interface Now {
  readonly monotonic: number;
  readonly epoch: number;
}

/** What a link's own connections show, since the last evidence. */
export interface PassiveEvidence {
  /** Packets of answers (conntrack's reply direction), not of the device: broadcasts come in on a dead line, too. */
  readonly rxPackets: number;
  readonly txPackets: number;
  /** New TCP connections of which nothing came back. */
  readonly unansweredSyns?: number;
}

/** A link's verdict, and what it rests on. */
export interface Judged {
  readonly health: Omit<LinkHealth, 'device' | 'address'>;
}

export type Evidence = ProbeRound | PassiveEvidence;

/** `before`: undefined for a link of which nothing is known yet. `everywhere`: targets that no link reaches. */
export type Judge = (
  before: Judged | undefined,
  evidence: Evidence,
  settings: ProbeSettings,
  now: Now,
  everywhere?: ReadonlySet<string>,
) => Judged;
