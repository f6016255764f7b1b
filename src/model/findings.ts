import type { ConntrackHelper } from './configuration.ts';

/** What was said and found out: events, and the record. */

/** What only commands find out, because it may take seconds; hooks go by the last answer. */
export interface Learned {
  /** Addresses of names in TUNNEL_SERVER. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** Helpers that this kernel has. */
  readonly helpers: readonly ConntrackHelper[];
  /** Kernel and ip(8) know `managed` neighbours (5.16). */
  readonly managedNeighbours?: boolean;
}

type EventSource = 'pppd' | 'dhclient' | 'dhcpcd' | 'udhcpc' | 'networkmanager' | 'networkd' | 'ifupdown' | 'cli';

/** What a daemon told its hook, in one form for all daemons. A hint: the kernel and the record decide. */
export interface LinkEvent {
  readonly source: EventSource;
  /** `check`: something may have changed: look at the kernel again. */
  readonly kind: 'up' | 'down' | 'check';
  /** Absent: IPv4. */
  readonly family?: 6;
  readonly device: string;
  readonly address?: string;
  readonly prefix?: number;
  readonly peer?: string;
  readonly gateway?: string;
  readonly dns: readonly string[];
  /** IPv6 prefixes delegated to us (`2001:db8:1::/56`). Absent: nothing was said; empty: they are gone. */
  readonly prefixes?: readonly string[];
  /** What is said of `prefixes`, from a client that tells of each by itself. Absent: they are all there are. */
  readonly prefixesAre?: 'added' | 'removed';
  /** When the lease began (epoch, s) whose first prefixes are told: what else is recorded is an earlier lease's. */
  readonly leaseStart?: number;
  /** pppd's ipparam and linkname: they name the line when its unit number moves. */
  readonly ipparam?: string;
  readonly linkname?: string;
  /** The daemon's own word: `ip-up`, `BOUND`, … */
  readonly cause: string;
}

/** The record: what the last accepted events said about a link. Kept in /run, so it dies with the boot. */
export interface LinkRecord {
  /** `kernel`: recovered from our own routes after the state file was lost. */
  readonly source: EventSource | 'kernel';
  readonly device: string;
  readonly address?: string;
  readonly gateway?: string;
  readonly dns: readonly string[];
  /** IPv6: delegated to us. */
  readonly prefixes?: readonly string[];
  /** The lease they came with, if its client tells of each by itself. */
  readonly leaseStart?: number;
  /** Set while an event holds the link down although the kernel may still show its address. */
  readonly heldDown?: { readonly source: EventSource; readonly cause: string };
  /** By what the line was known: it stays its own when files are renamed. Absent: recovered from the kernel. */
  readonly knownBy?: LineKey;
}

/** What names a line, whatever its link is called. */
export type LineKey = { readonly ipparam: string } | { readonly linkname: string } | { readonly device: string };

/** What the monitor has found out about a link that is up. In the record: hooks and commands go by it, too. */
export interface LinkHealth {
  /** `dead`: takes no new connections. `degraded`: works, but worse than its thresholds; takes them all the same. */
  readonly verdict: 'alive' | 'degraded' | 'dead';
  /** Epoch milliseconds. */
  readonly since: number;
  /** For people: "no answer from 3 of 3 targets for 6 s". */
  readonly reason: string;
  /** The line that was judged: a redial makes it another one, of which nothing is known yet. */
  readonly device: string;
  readonly address: string;
  /** Over the window: lost share of probes (0 to 1), round trip and its variation in milliseconds. */
  readonly loss?: number;
  readonly rtt?: number;
  readonly jitter?: number;
  /** Dead, but its last probes were answered: if all are dead, it is the first to be used again. */
  readonly answers?: true;
  /** Well again, but held back after flapping: until then (epoch milliseconds). */
  readonly heldUntil?: number;
}

/** What the last reconcile made of a link, for `status` and to notice changes. Times are epoch milliseconds. */
export interface LinkVerdict {
  readonly up: boolean;
  readonly since: number;
  readonly reason: string;
  /** Kept while the device is gone, so that a redial does not need a new firewall. */
  readonly device?: string;
  readonly mtu?: number;
  readonly address?: string;
  /** IPv6: what the device's own addresses are in. */
  readonly sources?: readonly string[];
  /** Up, but judged dead, and not needed as the last resort. */
  readonly dead?: true;
  /** Its flows have been ended since it went down, or was judged dead. */
  readonly flowsEnded?: true;
}

/** A sysctl we set: its value before, and the value we gave it. */
interface SysctlMemory {
  readonly before: string;
  readonly set: string;
}

/** A link that was lost and may not take traffic back yet. `backAt`: epoch milliseconds of its return, if it is back. */
export interface FailbackMemory {
  readonly backAt?: number;
}

/**
 * What a link is worth to those outside: scripts, `health`, metrics. `down`: there is no line; `dead`: there is one, but it
 * leads nowhere; `degraded`: it works, but badly.
 */
export type Condition = 'up' | 'degraded' | 'dead' | 'down';

/** What those outside were told last. In the record, so that whoever notices a change tells it, and only once. */
export interface Told {
  readonly links: Readonly<Record<string, ToldLink>>;
  /** Of the links that took traffic when any last did (desired/numbers.ts); absent: none has. */
  readonly standing?: number;
}
export interface ToldLink {
  readonly condition: Condition;
  /** Its IPv6 in words: condition, address, delegated prefixes. */
  readonly ipv6?: string;
  readonly device?: string;
  readonly address?: string;
}

export interface State {
  readonly links: Readonly<Record<string, LinkRecord>>;
  readonly verdicts: Readonly<Record<string, LinkVerdict>>;
  /** The monitor's verdicts by link; absent: nobody has looked. */
  readonly health?: Readonly<Record<string, LinkHealth>>;
  readonly told?: Told;
  /** Links with `FAILBACK=delay:…` or `manual` that went down since they last took traffic. */
  readonly failback?: Readonly<Record<string, FailbackMemory>>;
  readonly sysctls: Readonly<Record<string, SysctlMemory>>;
  readonly learned?: Learned;
  /** What we loaded into nftables, and how the kernel listed it right afterwards. */
  readonly firewall?: { readonly text: string; readonly listing: string };
  /** `wanhook stop` was given: record events, leave the kernel alone until `wanhook apply`. */
  readonly stopped: boolean;
  /** What we loaded as `inet wanhook_memory`. */
  readonly memory?: MemoryRecord;
  /** The same for IPv6, as far as there is any; absent: nothing of ours is in the kernel's IPv6. */
  readonly v6?: FamilyState;
}

/** What is remembered about the links for each family by itself: either may come and go alone. */
export type FamilyState = Pick<State, 'links' | 'verdicts' | 'health' | 'failback'>;

export interface MemoryRecord {
  readonly text: string;
  /** MARK_MASK at that time: without it nobody can read the marks in there. */
  readonly mask: number;
  /** BALANCE=client: how the links were loaded when the order of the next clients was made. */
  readonly base?: readonly LinkLoad[];
}

/** How many clients a link that takes new ones has. */
export interface LinkLoad {
  readonly id: number;
  readonly weight: number;
  readonly clients: number;
}
