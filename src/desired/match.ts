import type { Addresses, Config, PolicyRule, Range } from '../model.ts';
import { within } from '../ranges.ts';

/** A connection's first packet, as far as rules ask about it. */
export interface Connection {
  /** Addresses as numbers; the router's own connection has a source only if it is bound to one. */
  readonly from: number | undefined;
  readonly to: number;
  readonly protocol: number;
  readonly sport: number | undefined;
  readonly dport: number | undefined;
  /** `lo`: the router's own. */
  readonly iif: string;
  readonly dscp: number;
}

/** The same answer as the chains of policy.ts give in the kernel; a test holds the one to the other. */
export function firstMatch({ rules = [], addressSets = {} }: Config, connection: Connection): PolicyRule | undefined {
  return rules.find(({ match }) => {
    const { from, to, protocols, sports, dports, iifs, dscps } = match;
    return (
      inAddresses(from, addressSets, connection.from) &&
      inAddresses(to, addressSets, connection.to) &&
      (protocols?.includes(connection.protocol) ?? true) &&
      inRanges(sports, connection.sport) &&
      inRanges(dports, connection.dport) &&
      (iifs?.includes(connection.iif) ?? true) &&
      (dscps?.includes(connection.dscp) ?? true)
    );
  });
}

function inAddresses(
  addresses: Addresses | undefined,
  sets: NonNullable<Config['addressSets']>,
  value: number | undefined,
): boolean {
  return (
    addresses === undefined ||
    inRanges([...addresses.ranges, ...addresses.sets.flatMap((name) => sets[name] ?? [])], value)
  );
}

function inRanges(ranges: readonly Range[] | undefined, value: number | undefined): boolean {
  return ranges === undefined || (value !== undefined && within(ranges, value));
}
