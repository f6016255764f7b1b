/** A link that is up, as far as probes need it. */
export interface ProbedLink {
  readonly name: string;
  readonly id: number;
  /** Absent: IPv4. */
  readonly family?: 6;
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
  /** Asked because the one before was not answered: it says whether the link lives, but not how many probes are lost. */
  readonly hurried?: true;
}
export interface ProbeResult {
  /** As configured. */
  readonly target: string;
  readonly ok: boolean;
  readonly rttMs?: number;
  /** For people, if it failed: "no answer within 2 s". */
  readonly why?: string;
  /** It was answered, but not as it should be: a captive portal, a resolver that fails. */
  readonly wrong?: true;
  /** It did not leave this machine (its firewall refused it): that says nothing about the link. */
  readonly unsent?: true;
}
