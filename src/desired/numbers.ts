import type { Config, LinkConfig, LinkStatus, Mark, ProbeSettings, Range } from '../model.ts';

/** Offsets from PREF_BASE, in steps that leave room (DESIGN: source rules last, so that a mark can override an address). */
const PREF = {
  specific: 0,
  neighbours: 1,
  nearResolver: 2,
  // Before main: a more specific route of somebody's must not take probes to another line.
  probe: 5,
  probeEnd: 6,
  main: 10,
  tunnel: 50,
  tunnelEnd: 51,
  oif: 100,
  mark: 200,
  source: 300,
  resolver: 350,
  balance: 900,
} as const;

export const linkTable = (config: Config, link: LinkConfig): number => config.tableBase + link.id;
export const balanceTable = (config: Config): number => config.tableBase;
export const nexthopId = (config: Config, link: LinkConfig): number => linkTable(config, link);
export const groupId = (config: Config): number => config.tableBase + 999;
export const pref = (config: Config, what: keyof typeof PREF): number => config.prefBase + PREF[what];

/** The link's value within MARK_MASK: its id shifted to the mask's lowest bit. */
export function linkMark(config: Config, link: Pick<LinkConfig, 'id'>): Mark {
  return { value: link.id * lowestBit(config.markMask), mask: config.markMask };
}

/** Bits of a mark as nft(8) lists them. */
export const hex = (bits: number): string => `0x${(bits >>> 0).toString(16).padStart(8, '0')}`;

function lowestBit(mask: number): number {
  return (mask & -mask) >>> 0;
}

/** Better is lower: every tier of links that do not pay by volume comes before every tier of those that do. */
export const standing = ({ tier, metered }: Pick<LinkConfig, 'tier' | 'metered'>): number => tier + (metered ? 10 : 0);

/** Above the ports that the kernel gives out by itself (net.ipv4.ip_local_port_range ends at 60999): 64 for each id. */
const PROBE_PORTS = { first: 61_000, each: 64, links: 63 };

/** The ports of this machine from which a link's targets are asked, as far as sockets of our own ask them. */
export function probePorts({ id }: Pick<LinkConfig, 'id'>): Range {
  const first = PROBE_PORTS.first + (id - 1) * PROBE_PORTS.each;
  return [first, first + PROBE_PORTS.each - 1];
}

/** Those of all links that there can be. */
export const ALL_PROBE_PORTS: Range = [PROBE_PORTS.first, probePorts({ id: PROBE_PORTS.links })[1]];

/** Targets that a socket of our own asks; Node.js cannot bind one to a device, so rules must know it by its port. */
export const hasSocketProbes = (probe: ProbeSettings | undefined): boolean =>
  probe?.targets.some(({ kind }) => kind !== 'icmp' && kind !== 'gateway') === true;

/** How the monitor asks about this family of a link; undefined: it does not. */
export const probeOf = ({ family, link }: Pick<LinkStatus, 'family' | 'link'>): ProbeSettings | undefined =>
  family === 6 ? link.probe6 : link.probe;
