import type { Config, PolicyRule } from '../model.ts';
import { rangesOf, within, type AnyRange } from '../ranges.ts';

/** A connection's first packet, as far as rules ask about it. */
export interface Connection {
  /** Addresses as numbers, IPv6's as bigints; the router's own connection has a source only if it is bound to one. */
  readonly from: number | bigint | undefined;
  readonly to: number | bigint;
  readonly protocol: number;
  readonly sport: number | undefined;
  readonly dport: number | undefined;
  /** `lo`: the router's own. */
  readonly iif: string;
  readonly dscp: number;
}

/** The same answer as the chains of policy.ts give in the kernel; a test holds the one to the other. */
export function firstMatch({ rules = [], addressSets }: Config, connection: Connection): PolicyRule | undefined {
  const family = typeof connection.to === 'bigint' ? 'six' : 'four';
  return rules.find(({ match }) => {
    const { from, to, protocols, sports, dports, iifs, dscps } = match;
    return (
      inRanges(from && rangesOf(from, addressSets, family), connection.from) &&
      inRanges(to && rangesOf(to, addressSets, family), connection.to) &&
      (protocols?.includes(connection.protocol) ?? true) &&
      inRanges(sports, connection.sport) &&
      inRanges(dports, connection.dport) &&
      (iifs?.includes(connection.iif) ?? true) &&
      (dscps?.includes(connection.dscp) ?? true)
    );
  });
}

function inRanges(ranges: readonly AnyRange[] | undefined, value: number | bigint | undefined): boolean {
  return ranges === undefined || (value !== undefined && within(ranges, value));
}
