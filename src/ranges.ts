import { parseIpv4 } from './checked.ts';
import { parseRange6 } from './ipv6.ts';
import type { AddressRanges, Addresses, Config, Range, Range6 } from './model.ts';

/** Ranges of addresses and of ports: read, merged, compared and shown. */

/** Of either family: numbers compare with bigints. */
export type AnyRange = readonly [low: number | bigint, high: number | bigint];

/** An address, prefix or range of one family. */
export function parseAnyRange(text: string): AnyRange | undefined {
  return text.includes(':') ? parseRange6(text) : parseAddressRange(text);
}

/** Each family's, merged. */
export function byFamily(ranges: readonly AnyRange[]): AddressRanges {
  const isSix = (range: AnyRange): range is Range6 => typeof range[0] === 'bigint';
  const isFour = (range: AnyRange): range is Range => !isSix(range);
  return { four: merged(ranges.filter(isFour)), six: merged(ranges.filter(isSix)) };
}

/** All of one family that these addresses have, with those of the sets they name. */
export function rangesOf(
  addresses: Addresses,
  sets: Config['addressSets'] = {},
  family: keyof AddressRanges,
): readonly AnyRange[] {
  return [addresses[family], ...addresses.sets.map((name) => sets[name]?.[family] ?? [])].flat();
}

/** `192.0.2.1`, `192.0.2.0/24` or `192.0.2.5-192.0.2.9`; a prefix with host bits set is somebody's mistake. */
export function parseAddressRange(text: string): Range | undefined {
  const [, first = '', length, last] = /^([\d.]+)(?:\/(\d{1,2})|-([\d.]+))?$/.exec(text) ?? [];
  const low = parseIpv4(first);
  if (low === undefined) return undefined;
  if (last !== undefined) {
    const high = parseIpv4(last);
    return high === undefined || high < low ? undefined : [low, high];
  }
  const bits = Number(length ?? 32);
  const size = 2 ** (32 - bits);
  return bits <= 32 && low % size === 0 ? [low, low + size - 1] : undefined;
}

/** `80` or `8000-8100`, within the limits. */
export function parseNumberRange(text: string, lowest: number, highest: number): Range | undefined {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const low = Number(first);
  const high = Number(last);
  return low >= lowest && low <= high && high <= highest ? [low, high] : undefined;
}

/** Sorted; what overlaps or touches becomes one. */
export function merged<T extends number | bigint>(
  ranges: readonly (readonly [low: T, high: T])[],
): (readonly [low: T, high: T])[] {
  const found: [T, T][] = [];
  for (const [low, high] of ranges.toSorted((a, b) => (a[0] < b[0] ? -1 : Number(a[0] > b[0])))) {
    const last = found.at(-1);
    if (last === undefined || low > after(last[1])) found.push([low, high]);
    else if (high > last[1]) last[1] = high;
  }
  return found;
}

const after = (value: number | bigint) => (typeof value === 'bigint' ? value + 1n : value + 1);

/** Is all of `inner` within `outer`? Both merged: one walk, for a set may have thousands. */
export function covers(outer: readonly AnyRange[], inner: readonly AnyRange[]): boolean {
  let at = 0;
  return inner.every(([low, high]) => {
    while ((outer[at]?.[1] ?? Infinity) < low) at++;
    const range = outer[at];
    return range !== undefined && range[0] <= low && high <= range[1];
  });
}

/** Is the number in one of the ranges? */
export function within(ranges: readonly AnyRange[], value: number | bigint): boolean {
  return ranges.some(([low, high]) => low <= value && value <= high);
}

/** An address, a prefix if the range is one, or `low-high`: as nft(8) reads it. */
export function showAddressRange([low, high]: Range): string {
  const size = high - low + 1;
  if (size === 1) return showIpv4(low);
  const bits = Math.log2(size);
  const isPrefix = Number.isInteger(bits) && low % size === 0;
  return isPrefix ? `${showIpv4(low)}/${32 - bits}` : `${showIpv4(low)}-${showIpv4(high)}`;
}

export function showNumberRange([low, high]: Range): string {
  return low === high ? String(low) : `${low}-${high}`;
}

/** Dotted quad. */
export function showIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}
