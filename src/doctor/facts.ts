import type { Config, LinkStatus, Problem } from '../model.ts';
import type { PppOption } from '../ppp-options.ts';

/** What `wanhook doctor` looks at, gathered first (gather.ts) and judged afterwards (judge-*.ts): types only. */
export interface Facts {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly configuration: Configuration;
  /** What a run would make of the links; absent: nobody could tell (no configuration, no ip(8)). */
  readonly routing?: Routing;
  readonly tools: readonly ToolFact[];
  readonly node: { readonly version: string; readonly path: string; readonly owner?: number };
  readonly features: readonly Feature[];
  /** Everything that the installer noted down as ours; absent: there is no manifest. */
  readonly installed?: readonly InstalledFile[];
  /** Executables that pppd's own script runs instead of its directory: `/etc/ppp/ip-up.local`. */
  readonly hiders: readonly string[];
  /** Directories in which hooks of ours are, by client. */
  readonly hooked: ReadonlyMap<ClientName, readonly string[]>;
  readonly clients: readonly ClientProcess[];
  readonly managers: readonly Manager[];
  readonly pppOptions: readonly FileOption[];
  /** Of the links' devices, and `all`, by path under /proc/sys. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Lines of sysctl.d(5) that set rp_filter. */
  readonly sysctlLines: readonly SysctlLine[];
  readonly foreign: Foreign;
  readonly conntrack?: { readonly count: number; readonly max: number };
  readonly services: Services;
  /** A `wanhook try` that runs, or was not confirmed, in words. */
  readonly trial?: string;
  /** Reasons for which scripts in events.d are not run. */
  readonly refusedScripts: readonly string[];
}

export interface Configuration {
  readonly config?: Config;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface Routing {
  readonly statuses: readonly LinkStatus[];
  readonly stopped: boolean;
  /** Commands that `wanhook apply` would carry out. */
  readonly pending: number;
  /** By link, what its probes have to say of this machine's firewall. */
  readonly probesBlocked: readonly string[];
}

export interface ToolFact {
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  readonly path?: string;
  /** Without it only this does not work; absent: nothing does. */
  readonly only?: string;
}

/** Found out by trying, not by version numbers. */
export interface Feature {
  readonly name: string;
  readonly there: boolean;
  /** What does not work without it, and whether the configuration wants that. */
  readonly without: string;
  readonly wanted: boolean;
}

export interface InstalledFile {
  readonly path: string;
  readonly mode: string;
  readonly sum: string;
  readonly found?: { readonly mode: string; readonly owner: number; readonly sum: string; readonly modified: number };
}

export type ClientName = 'pppd' | 'dhclient' | 'dhcpcd' | 'udhcpc' | 'NetworkManager' | 'systemd-networkd' | 'ifupdown';

/** A running client of this network namespace; without a device if its command line does not tell. */
export interface ClientProcess {
  readonly client: ClientName;
  readonly pid: number;
  readonly device?: string;
  /** Absent: both. */
  readonly family?: 4 | 6;
  /** Another client has started it, and speaks for it. */
  readonly under?: ClientName;
}

/** Somebody's own word that a device is theirs. */
export interface Manager {
  readonly client: ClientName;
  readonly device: string;
}

/** One option of a file that pppd reads. */
export interface FileOption extends PppOption {
  readonly file: string;
}

export interface SysctlLine {
  readonly file: string;
  readonly line: number;
  readonly key: string;
  readonly value: string;
}

/** Rules, routes, nexthops and nftables objects of others, where they could meet ours. */
export interface Foreign {
  readonly rules: readonly ForeignRule[];
  /** `table 20001: default dev eth0`. */
  readonly routes: readonly string[];
  readonly nexthops: readonly number[];
  /** `inet filter f`: flow offload. */
  readonly flowtables: readonly string[];
  readonly marks: readonly ForeignMark[];
  /** Tables with iptables' own MARK targets, which nft does not show in full. */
  readonly hiddenMarks: readonly string[];
}

export interface ForeignRule {
  readonly pref: number;
  /** As ip(8) prints it, for people. */
  readonly text: string;
  /** Matches every packet. */
  readonly all: boolean;
  readonly table?: number;
  readonly mask?: number;
}

/** A nftables rule that writes a mark: which bits it may change. */
export interface ForeignMark {
  readonly where: string;
  readonly bits: number;
}

export interface Services {
  /** systemd runs here. */
  readonly systemd: boolean;
  readonly bootEnabled: boolean;
  readonly monitorRuns: boolean;
}

/** error: wanhook cannot do its work; warning: dangerous; note: good to know. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'note';
  /** Which file, device, program. */
  readonly about: string;
  readonly problem: string;
  /** A command, or what to write where. */
  readonly mend: string;
}
