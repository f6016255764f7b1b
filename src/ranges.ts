import { parseIpv4 } from './checked.ts';
import type { Range } from './model.ts';

/** Ranges of IPv4 addresses and of ports: read, merged, compared and shown. */

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
export function merged(ranges: readonly Range[]): Range[] {
  const found: [number, number][] = [];
  for (const [low, high] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else found.push([low, high]);
  }
  return found;
}

/** Is all of `inner` within `outer`? Both merged: one walk, for a set may have thousands. */
export function covers(outer: readonly Range[], inner: readonly Range[]): boolean {
  let at = 0;
  return inner.every(([low, high]) => {
    while ((outer[at]?.[1] ?? Infinity) < low) at++;
    const range = outer[at];
    return range !== undefined && range[0] <= low && high <= range[1];
  });
}

/** Is the number in one of the ranges? */
export function within(ranges: readonly Range[], value: number): boolean {
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

function showIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}
