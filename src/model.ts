/** The vocabulary: types only (README, "Glossary"). Nothing here imports anything. */

/** While it is being made: members that may be absent are added one by one, for a spread of each takes ten times as long. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

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

/** What only commands find out, because it may take seconds; hooks go by the last answer. */
export interface Learned {
  /** Addresses of names in TUNNEL_SERVER. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** Helpers that this kernel has. */
  readonly helpers: readonly ConntrackHelper[];
  /** Kernel and ip(8) know `managed` neighbours (5.16). */
  readonly managedNeighbours?: boolean;
}

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

/** A device as the kernel shows it. */
export interface Device {
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly pointToPoint: boolean;
  /** It has no neighbours to ask for: a modem without Ethernet frames, a tunnel. */
  readonly noArp?: true;
  readonly mtu: number;
  readonly addresses: readonly DeviceAddress[];
  /** IPv6, with link-local ones; without those that may not be used yet, or never (a duplicate). */
  readonly addresses6?: readonly DeviceAddress6[];
}
interface DeviceAddress {
  readonly local: string;
  readonly prefix: number;
  readonly peer?: string;
}
export interface DeviceAddress6 extends DeviceAddress {
  /** Not for new connections any more. */
  readonly deprecated?: true;
  /** One of RFC 8981's, which change every day. */
  readonly temporary?: true;
}

/**
 * A configured link and what it is worth now to one of the families. `device` and `mtu` may be known even while it is down.
 */
export type LinkStatus = LinkUp | LinkDown;
/** What IPv6 has besides. */
interface OfFamily {
  /** Absent: IPv4. */
  readonly family?: 6;
  /** What the device's own addresses are in: prefixes, or addresses that have none of their own. */
  readonly sources?: readonly string[];
  /** Prefixes delegated to us over this link. */
  readonly delegated?: readonly string[];
  /** NPT=yes: the LAN's other prefixes, and what each becomes on this link. */
  readonly translations?: readonly { readonly inner: string; readonly outer: string }[];
  /** A dialled line's: all that its device has, until a router is heard. */
  readonly linkLocal?: DeviceAddress;
}
export interface LinkUp extends OfFamily {
  readonly up: true;
  readonly link: LinkConfig;
  readonly device: string;
  readonly mtu: number;
  readonly address: string;
  readonly peer?: string;
  /** Absent: the device is point-to-point and needs none. */
  readonly gateway?: string;
  /** The gateway is outside the address's own prefix (a /32 from DHCP). */
  readonly onlink: boolean;
  /** IPv6: when its router ends to be one, unless it says that it goes on (epoch milliseconds). */
  readonly expires?: number;
  readonly noArp?: true;
  /** Its subnet (`192.0.2.0/24`), if another link has an address in there, too: `main` knows one device for both. */
  readonly sharedSubnet?: string;
  /** Up, but must not take traffic back from a worse tier: until then (epoch milliseconds), or until told to. */
  readonly waits?: { readonly until?: number };
  /** Judged dead. `lastResort`: takes traffic all the same, because all that are up are dead. */
  readonly dead?: { readonly reason: string; readonly lastResort?: true };
}
export interface LinkDown extends OfFamily {
  readonly up: false;
  readonly link: LinkConfig;
  readonly device?: string;
  /** The device exists: its sysctls are still ours to keep. */
  readonly present: boolean;
  /** Routed by its device when it is up: there is nobody to ask by ARP. */
  readonly pointToPoint: boolean;
  readonly mtu?: number;
  /** The last address it had; a fail-closed link keeps refusing it. */
  readonly address?: string;
  readonly reason: string;
  /** Only the gateway is missing: `main` may know it. */
  readonly lacksGateway?: true;
}

/** One `wanhook use`: its nftables table and its cgroup live as long as anything it started. */
export interface Use {
  /** Of the process that began it: names table and cgroup. */
  readonly pid: number;
  readonly link: string;
  /** Below /sys/fs/cgroup, without a leading slash. */
  readonly cgroup: string;
}

/** Bits of a mark, and which of all bits these are. */
export interface Mark {
  readonly value: number;
  readonly mask: number;
}

/** ip-rule(8). One selector, or none; and a destination, or source ports. */
export interface Rule {
  /** Absent: IPv4. */
  readonly family?: 6;
  readonly pref: number;
  readonly from?: string;
  readonly sports?: Range;
  readonly to?: string;
  readonly oif?: string;
  readonly fwmark?: Mark;
  /** `not iif lo`: only packets that are forwarded or have just come in. */
  readonly notFromRouter?: boolean;
  /** Unless there is a type or a target. */
  readonly table?: number;
  /** The pref to go on with. */
  readonly goto?: number;
  /** `nop`: does nothing, but can be led to. */
  readonly type?: 'unreachable' | 'nop';
  readonly suppressPrefixlength?: number;
}

/** ip-route(8). */
export interface Route {
  /** Absent: IPv4. */
  readonly family?: 6;
  readonly table: number;
  /** Absent: the default. */
  readonly destination?: string;
  readonly type: 'unicast' | 'unreachable';
  /** Absent: 0, which wins. */
  readonly metric?: number;
  readonly gateway?: string;
  readonly device?: string;
  readonly source?: string;
  readonly onlink?: boolean;
  readonly nexthopId?: number;
  /** IPv6 only, two or more: a classic multipath route. */
  readonly hops?: readonly Hop[];
}
export interface Hop {
  readonly gateway: string;
  readonly device: string;
  readonly weight: number;
}

/** ip-nexthop(8). */
export interface Nexthop {
  readonly id: number;
  readonly device: string;
  readonly gateway?: string;
  readonly onlink?: boolean;
}
export interface NexthopGroup {
  readonly id: number;
  readonly members: readonly { readonly id: number; readonly weight: number }[];
}

/** A gateway that the kernel is told to keep asking for (ip-neighbour(8), `managed`). */
export interface Neighbour {
  readonly address: string;
  readonly device: string;
}

/** A sysctl by its path under /proc/sys. */
export type Sysctls = Readonly<Record<string, string>>;

/** What should be in the kernel. */
export interface Desired {
  readonly rules: readonly Rule[];
  readonly routes: readonly Route[];
  readonly nexthops: readonly Nexthop[];
  readonly group?: NexthopGroup;
  readonly neighbours: readonly Neighbour[];
  readonly sysctls: Sysctls;
  /** Dialled lines on which no router has been heard, for IPv6. */
  readonly unheard?: readonly LinkLocal[];
  /** nft(8) text of the whole table `inet wanhook`; absent: no table. */
  readonly firewall?: string;
  /** nft(8) script for `inet wanhook_memory`, which keeps what is in it; absent: no table. */
  readonly memory?: string;
  /** What follows that script if the table is new: what was remembered before the boot. */
  readonly memories?: string;
  /** Addresses whose local connections are to be ended: links had them and have them no more, or are dead. */
  readonly lost: readonly string[];
  /** Connections to be forgotten, so that their next packets choose anew: those of dead links. */
  readonly ended: readonly EndedFlows[];
}

/** A device's link-local address. */
export interface LinkLocal extends Pick<DeviceAddress, 'local' | 'peer'> {
  readonly device: string;
}

/** Connections of one family with this mark. */
export interface EndedFlows extends Mark {
  /** Absent: IPv4. */
  readonly family?: 6;
}

/** What is in the kernel and carries our mark of ownership. */
export interface Observed {
  readonly rules: readonly Rule[];
  readonly routes: readonly Route[];
  readonly nexthops: readonly Nexthop[];
  readonly groups: readonly NexthopGroup[];
  readonly neighbours: readonly Neighbour[];
  /** Entries that somebody has made permanent: not ours to touch. */
  readonly permanent: readonly Neighbour[];
  /** Current values of the sysctls asked for; a missing one does not exist on this kernel. */
  readonly sysctls: Sysctls;
  /** The text we loaded, if the kernel still lists it as then; `changed` if not; absent if there is no table. */
  readonly firewall?: string | { readonly changed: true };
  /** The script we loaded last, if its rules are there; `outdated`: its marks mean nothing any more. */
  readonly memory?: string | { readonly changed: true } | { readonly outdated: true };
}

/** One change to the kernel, as data. */
export type Op =
  | { readonly op: 'rule-add' | 'rule-del'; readonly rule: Rule }
  | { readonly op: 'route-replace' | 'route-del'; readonly route: Route }
  | { readonly op: 'nexthop-replace' | 'nexthop-del'; readonly nexthop: Nexthop }
  | { readonly op: 'group-replace' | 'group-del'; readonly group: NexthopGroup }
  | { readonly op: 'neighbour-replace' | 'neighbour-del'; readonly neighbour: Neighbour }
  | { readonly op: 'sysctl-set'; readonly key: string; readonly value: string }
  | { readonly op: 'address-add' | 'address-del'; readonly linkLocal: LinkLocal }
  /** `added`: what is enough where the last text is what the kernel holds. */
  | { readonly op: 'firewall-load'; readonly text: string; readonly added?: string }
  | { readonly op: 'firewall-delete' }
  | { readonly op: 'memory-load'; readonly text: string }
  | { readonly op: 'memory-delete' }
  /** Connections with this mark, so that they choose their way anew. */
  | { readonly op: 'conntrack-delete'; readonly mark: EndedFlows }
  /** Local TCP connections from an address or prefix that is gone, or whose line is dead. */
  | { readonly op: 'socket-kill'; readonly address: string };
