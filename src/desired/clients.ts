import { parseIpv4 } from '../checked.ts';
import { parseIpv6, parseRange6, showIpv6 } from '../ipv6.ts';
import type { Config, FixedClient, LinkConfig, LinkLoad } from '../model.ts';
import { parseAddressRange, showIpv4 } from '../ranges.ts';

/** Which links the clients have: id by address. `away`: where a client is while its own link takes nobody. */
export interface Bindings {
  readonly client: ReadonlyMap<string, number>;
  readonly away: ReadonlyMap<string, number>;
}
export const NO_BINDINGS: Bindings = { client: new Map(), away: new Map() };

/** The link a client's next connection takes, if one of these still takes any: as `pick` in client-memory.ts decides. */
export function linkOf(
  { rebalance }: Pick<Config, 'rebalance'>,
  { client, away }: Bindings,
  address: string,
  sharing: ReadonlySet<number>,
): number | undefined {
  const [home, other] = [client.get(address), away.get(address)];
  const order = rebalance === 'never' ? [home] : rebalance === 'return' ? [home, other] : [other, home];
  return order.find((id) => id !== undefined && sharing.has(id));
}

/** How many clients each sharing link has. Those whose link takes nobody any more are counted nowhere: they will ask. */
export function loadsOf(config: Config, bindings: Bindings, sharing: readonly LinkConfig[]): LinkLoad[] {
  const ids = new Set(sharing.map(({ id }) => id));
  const addresses = new Set([...bindings.client.keys(), ...bindings.away.keys()]);
  const counts = new Map<number, number>();
  for (const address of addresses) {
    const id = linkOf(config, bindings, address, ids);
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return sharing.map(({ id, weight }) => ({ id, weight, clients: counts.get(id) ?? 0 }));
}

/** New clients whose links are chosen by how the links are loaded now. */
const PREPARED = 128;
/** The most that one round of fair shares may be long; longer ones are rounded. */
const ROUND = 256;

/** The links of the next clients: each time the one with the fewest clients per weight; the heavier one, if equal. */
export function nextLinks(base: readonly LinkLoad[], count = PREPARED): number[] {
  const loads = base.map((load) => ({ ...load }));
  const found: number[] = [];
  while (loads.length > 0 && found.length < count) {
    const least = loads.reduce((best, one) => {
      const difference = one.clients * best.weight - best.clients * one.weight;
      return difference < 0 || (difference === 0 && one.weight > best.weight) ? one : best;
    });
    least.clients++;
    found.push(least.id);
  }
  return found;
}

/**
 * The order in which new clients are given their links: `first` once, then `round` again and again. `first` ends where all
 * links are equally loaded, if they ever are: from there, rounds of fair shares go on being the least loaded link each time.
 * To repeat `first` itself would fill an empty link twice.
 */
export function clientOrder(base: readonly LinkLoad[]): { first: readonly number[]; round: readonly number[] } {
  const empty = base.map((load) => ({ ...load, clients: 0 }));
  const divisor = base.map(({ weight }) => weight).reduce(commonDivisor, 0);
  const whole = base.reduce((sum, { weight }) => sum + weight, 0) / (divisor || 1);
  const first = nextLinks(base);
  return { first: first.slice(0, lastEven(base, first)), round: nextLinks(empty, Math.min(whole, ROUND)) };
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/** After how many of these all links are equally loaded for the last time; all of them, if never. */
function lastEven(base: readonly LinkLoad[], went: readonly number[]): number {
  const loads = base.map((load) => ({ ...load }));
  const isEven = () =>
    loads.every((one) => one.clients * (loads[0]?.weight ?? 1) === (loads[0]?.clients ?? 0) * one.weight);
  let even = isEven() ? 0 : undefined;
  went.forEach((id, n) => {
    const load = loads.find((one) => one.id === id);
    if (load !== undefined) load.clients++;
    if (isEven()) even = n + 1;
  });
  return even ?? went.length;
}

/**
 * The loads to prepare from: the old ones, while the links are the same and what has come since went where it should,
 * within one client a link. Loading the table for nothing would cost every hook 15 ms.
 */
export function baseFor(old: readonly LinkLoad[] | undefined, now: readonly LinkLoad[]): readonly LinkLoad[] {
  const total = (loads: readonly LinkLoad[]) => loads.reduce((sum, { clients }) => sum + clients, 0);
  const same =
    old?.length === now.length && old.every(({ id, weight }, n) => now[n]?.id === id && now[n].weight === weight);
  if (old === undefined || !same) return now;
  const arrived = total(now) - total(old);
  if (arrived < 0 || arrived > PREPARED / 2) return now;
  const went = nextLinks(old, arrived);
  const fits = old.every(({ id, clients }, n) => {
    const expected = clients + went.filter((each) => each === id).length;
    return Math.abs((now[n]?.clients ?? 0) - expected) <= 1;
  });
  return fits ? old : now;
}

/** As bigints, which are exact for both families. */
interface FixedRange {
  readonly fixed: FixedClient;
  readonly low: bigint;
  readonly high: bigint;
}

/** Those of one family; none: a MAC address, which is of both. */
function rangesIn(family: 4 | 6, clients: readonly FixedClient[]): FixedRange[] {
  const parse = family === 6 ? parseRange6 : parseAddressRange;
  return clients.flatMap((fixed) => {
    const range = parse(fixed.client);
    return range === undefined ? [] : [{ fixed, low: BigInt(range[0]), high: BigInt(range[1]) }];
  });
}

function narrowest(ranges: readonly FixedRange[], value: bigint): FixedClient | undefined {
  const size = ({ low, high }: FixedRange) => high - low;
  const found = ranges.filter(({ low, high }) => low <= value && value <= high);
  return found.toSorted((a, b) => (size(a) < size(b) ? -1 : 1))[0]?.fixed;
}

/** The fixed assignment that counts for an address: the narrowest that holds it. */
export function fixedFor(clients: readonly FixedClient[], address: string): FixedClient | undefined {
  const isSix = address.includes(':');
  const value = isSix ? parseIpv6(address) : parseIpv4(address);
  return value === undefined ? undefined : narrowest(rangesIn(isSix ? 6 : 4, clients), BigInt(value));
}

/** Overlapping prefixes as ranges that do not overlap, the narrowest winning: nft's intervals must not. */
export function fixedRanges(clients: readonly FixedClient[], family: 4 | 6): { range: string; link: string }[] {
  const ranges = rangesIn(family, clients);
  const edges = [...new Set(ranges.flatMap(({ low, high }) => [low, high + 1n]))].toSorted((a, b) => (a < b ? -1 : 1));
  const show = (value: bigint) => (family === 6 ? showIpv6(value) : showIpv4(Number(value)));
  return edges.slice(0, -1).flatMap((first, n) => {
    const fixed = narrowest(ranges, first);
    const last = (edges[n + 1] ?? 0n) - 1n;
    const range = first === last ? show(first) : `${show(first)}-${show(last)}`;
    return fixed === undefined ? [] : [{ range, link: fixed.link }];
  });
}
