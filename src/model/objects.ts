import type { Range } from './configuration.ts';
import type { DeviceAddress } from './lines.ts';

/** What is, or should be, in the kernel. */

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
