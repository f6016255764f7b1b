import type { ProbeSettings } from '../../model.ts';

/** A link that is up, as far as probes need it. */
export interface ProbedLink {
  readonly name: string;
  readonly id: number;
  readonly device: string;
  readonly address: string;
  readonly gateway?: string;
  readonly peer?: string;
}

/** What came of asking all targets of a link once. */
export interface ProbeRound {
  /** Monotonic milliseconds at which the targets were asked; rounds may end in another order. */
  readonly at: number;
  readonly results: readonly ProbeResult[];
}
export interface ProbeResult {
  /** As configured. */
  readonly target: string;
  readonly ok: boolean;
  readonly rttMs?: number;
  /** For people, if it failed: "no answer within 2 s". */
  readonly why?: string;
  /** It did not leave this machine (its firewall refused it): that says nothing about the link. */
  readonly unsent?: true;
}

/** Asks the targets again and again until it is stopped; each round is told when it is over. */
export type StartProbes = (
  link: ProbedLink,
  settings: ProbeSettings,
  onRound: (round: ProbeRound) => void,
) => { stop(): void };
