/** What the user has said: the configuration. */

/** One Internet line as configured in `links/NAME.env`. */
export interface LinkConfig {
  readonly name: string;
  /** 1–63; table, mark and nexthop follow from it, so it must never be reused for another line while flows live. */
  readonly id: number;
  readonly device?: string;
  readonly pppIpparam?: string;
  readonly pppLinkname?: string;
  /** `no`: the link is nothing to this family. Absent: yes. */
  readonly ipv4?: false;
  readonly ipv6?: false;
  /** For a line without a DHCP client: its gateway. Wins over what an event says. */
  readonly gateway?: string;
  readonly gateway6?: string;
  /** IPv6 prefixes of the line's that no client tells of: they count like delegated ones. Absent: none. */
  readonly prefixes?: readonly string[];
  /** Share of new connections relative to the other links; 1–255 (the kernel keeps a nexthop weight in 8 bits). */
  readonly weight: number;
  /** Links of the lowest tier that has a live link share the traffic; the others wait. */
  readonly tier: number;
  /** Pays by volume: only in need, after every tier of links that do not. */
  readonly metered: boolean;
  /** When a link that was down may take traffic from a worse tier again; a number is a delay in seconds. */
  readonly failback: 'immediate' | 'manual' | number;
  /** What the link's own flows do while it is down: move to the others, or be refused. */
  readonly onDown: 'failover' | 'block';
  readonly masquerade: boolean;
  /** IPv6: the LAN's other prefixes are translated to this link's own, one to one, instead of being masqueraded. */
  readonly npt?: true;
  /** A tunnel's server: an address or a name. Its packets must not go into the tunnel. */
  readonly tunnelServer?: string;
  /** The lines below the tunnel, in order. */
  readonly tunnelOver?: readonly string[] | 'balance';
  /** TCP MSS clamp in bytes; `auto` takes it from the device's MTU. */
  readonly mss: number | 'auto' | 'off';
  /** How the monitor finds out whether it works; absent: nobody asks. */
  readonly probe?: ProbeSettings;
  /** The same for its IPv6; absent: what is found out about IPv4 holds for the line. */
  readonly probe6?: ProbeSettings;
}

export interface ProbeSettings {
  /** At least one; `text` is unique among them. */
  readonly targets: readonly ProbeTarget[];
  /** So many of the targets must answer, or the round has failed. */
  readonly need: number;
  readonly intervalMs: number;
  /** What has not answered by then has failed. May be longer than the interval. */
  readonly timeoutMs: number;
  /** Rounds that must fail in a row, and that must succeed in a row. */
  readonly downAfter: number;
  readonly upAfter: number;
  readonly degraded: QualityBands;
  /** Worse than this is not only bad but no use: dead. */
  readonly down: QualityBands;
  readonly flap: FlapSettings;
}

/** `text` as in the configuration: `icmp://192.0.2.1`; `address` of either family, IPv6's as RFC 5952 has it. */
export type ProbeTarget = { readonly text: string } & (
  | { readonly kind: 'gateway' }
  | { readonly kind: 'icmp'; readonly address: string }
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  | { readonly kind: 'dns'; readonly address: string; readonly name: string }
  | { readonly kind: 'http' | 'https'; readonly address: string; readonly port: number; readonly path: string }
);

/** Absent: does not count. */
export interface QualityBands {
  /** Percent of probes lost. */
  readonly loss?: Band;
  /** Milliseconds there and back, and how much it varies. */
  readonly latency?: Band;
  readonly jitter?: Band;
}
/** Hysteresis: begins at `enter`, ends at `leave`, which is not above it. */
export interface Band {
  readonly enter: number;
  readonly leave: number;
}

/** Damping as BGP has it (RFC 2439): each death adds `penalty`, which halves every `halfLifeMs`. */
export interface FlapSettings {
  readonly penalty: number;
  /** From here on a link that is well again is held back… */
  readonly suppress: number;
  /** …until its penalty has come down to this. */
  readonly reuse: number;
  readonly halfLifeMs: number;
}

/** A client's link as configured in `clients/NAME.env`. */
export interface FixedClient {
  readonly name: string;
  /** IPv4 or IPv6 address or prefix, or MAC address; lower case. */
  readonly client: string;
  /** The link's name. */
  readonly link: string;
}

export interface Config {
  /** How new connections choose a link: each for itself, by client and server, or by client. */
  readonly balance: 'flow' | 'pair' | 'client';
  /** Seconds that a pair of client and server is remembered after its last connection. */
  readonly pairTimeout: number;
  /** Destination ports whose pairs are remembered apart from the others. */
  readonly pairByPort: readonly number[];
  /** Seconds without a new connection after which a client is nobody's. */
  readonly clientTimeout: number;
  /** Whether clients that a dead link sent to others come back when it does: never, at once, or after a quiet while. */
  readonly rebalance: 'never' | 'return' | 'gradual';
  /** Seconds without a new connection after which `gradual` brings a client back. */
  readonly rebalanceQuiet: number;
  readonly clients: readonly FixedClient[];
  /** The bits of packet and connection marks that are ours; contiguous. */
  readonly markMask: number;
  /** Link table and nexthop = base + id, balance table = base, nexthop group = base + 999. */
  readonly tableBase: number;
  readonly prefBase: number;
  /** LAN devices; `any`: every device that is not a link; `none`: this host forwards nothing. */
  readonly lan: readonly string[] | 'any' | 'none';
  /** Connection-tracking helpers to assign. */
  readonly helpers: readonly ConntrackHelper[];
  /** When all links are dead: the least bad one goes on taking connections, or none does. */
  readonly lastResort: 'keep' | 'block';
  /** Seconds that a script in events.d may take. */
  readonly eventTimeout: number;
  /** Where the monitor writes its metrics. */
  readonly metricsFile?: string;
  readonly links: readonly LinkConfig[];
  /** The user's rules in the order in which they are tried; absent: none. */
  readonly rules?: readonly PolicyRule[];
  /** The address sets that rules name. */
  readonly addressSets?: Readonly<Record<string, AddressRanges>>;
}

export type ConntrackHelper = 'ftp' | 'irc' | 'pptp' | 'sip' | 'tftp';

/** `rules/NN-name.env`: which way the connections it matches go. The first rule that matches decides. */
export interface PolicyRule {
  readonly name: string;
  readonly match: RuleMatch;
  /** The first of these links that is up; or by weight as everybody; or not at all. */
  readonly use: readonly string[] | 'balance' | 'block';
  /** When none of the links is up. */
  readonly otherwise: 'balance' | 'block';
  /** Its connections keep their link although the rule would now choose another. */
  readonly sticky: boolean;
}

/** All that is given must hold; within one, any. Numbers as in the packet. */
export interface RuleMatch {
  readonly from?: Addresses;
  readonly to?: Addresses;
  readonly protocols?: readonly number[];
  readonly sports?: readonly Range[];
  readonly dports?: readonly Range[];
  /** `lo`: the router itself. */
  readonly iifs?: readonly string[];
  readonly dscps?: readonly number[];
}
/** Of both families: what is given for one only is only about that. */
export interface AddressRanges {
  readonly four: readonly Range[];
  readonly six: readonly Range6[];
}
export interface Addresses extends AddressRanges {
  readonly sets: readonly string[];
}
/** Both ends included. */
export type Range = readonly [low: number, high: number];
export type Range6 = readonly [low: bigint, high: bigint];

/** Something wrong with input, and where. */
export interface Problem {
  readonly file: string;
  readonly line?: number;
  readonly message: string;
}
