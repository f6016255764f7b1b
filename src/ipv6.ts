import { parseIpv4 } from './checked.ts';
import type { Range6 } from './model.ts';

/** IPv6 addresses, prefixes and ranges that strangers send: parsed strictly, shown as RFC 5952 has it. */

export interface Prefix6 {
  readonly value: bigint;
  readonly length: number;
}

const BITS = 128;
const GROUPS = 8;

/** RFC 4291 text to a number; no zone, no port. */
export function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2 || text.length > 45) return undefined;
  const parts = halves.map((half, n) => groupsOf(half, n === halves.length - 1));
  const [head, tail = []] = parts;
  if (head === undefined || parts.includes(undefined)) return undefined;
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  // One number made of digits, not of eight shifted ones: a hook reads hundreds of addresses, and is never compiled.
  return BigInt(`0x${groups.map((group) => group.toString(16).padStart(4, '0')).join('')}`);
}

/** Groups between colons. An address may end with a dotted quad (RFC 4291 2.2); inet(3)'s octal is refused. */
function groupsOf(half: string, isEnd: boolean): number[] | undefined {
  if (half === '') return [];
  const found: number[] = [];
  const parts = half.split(':');
  for (const [n, part] of parts.entries()) {
    const quad = part.includes('.') ? parseIpv4(part) : undefined;
    if (quad !== undefined) {
      if (!isEnd || n !== parts.length - 1) return undefined;
      found.push(Math.floor(quad / 65_536), quad % 65_536);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) found.push(parseInt(part, 16));
    else return undefined;
  }
  return found;
}

/** Lower case, no leading zeros, the longest run of zero groups as `::`. */
export function showIpv6(value: bigint): string {
  const groups = Array.from({ length: GROUPS }, (_, n) => Number((value >> BigInt(16 * (7 - n))) & 0xffffn));
  let [start, length] = [0, 0];
  for (let at = 0; at < GROUPS; at++) {
    let end = at;
    while (end < GROUPS && groups[end] === 0) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  const words = (some: readonly number[]) => some.map((group) => group.toString(16)).join(':');
  if (length < 2) return words(groups);
  return `${words(groups.slice(0, start))}::${words(groups.slice(start + length))}`;
}

/** The same address as everybody writes it; undefined if it is none. pppd writes `fe80::05c8:…`. */
export function canonicalIpv6(text: string): string | undefined {
  const value = parseIpv6(text);
  return value === undefined ? undefined : showIpv6(value);
}

/** fe80::/10 */
export function isLinkLocalIpv6(text: string): boolean {
  const value = parseIpv6(text);
  return value !== undefined && value >> 118n === 0x3fan;
}

/** fe80::/10 and ff00::/8: what ends at the next router. */
export function isNearIpv6(text: string): boolean {
  const value = parseIpv6(text);
  return value !== undefined && (value >> 118n === 0x3fan || value >> 120n === 0xffn);
}

/** fc00::/7 (RFC 4193): nobody's on the Internet. */
export function isLocalIpv6(text: string): boolean {
  const value = parseIpv6(text);
  return value !== undefined && value >> 121n === 0x7en;
}

/**
 * May a line have this address? 2000::/3 and fc00::/7, and not what is tunnelled IPv4 or nobody's (RFC 6890): a hostile
 * server offers `::1` or `ff02::1` to hijack or break the router.
 */
export function isUsableIpv6(text: string): boolean {
  // Every device has such a one: nothing need be worked out.
  if (text.startsWith('fe80:')) return false;
  const value = parseIpv6(text);
  return value !== undefined && (value >> 125n === 1n || value >> 121n === 0x7en);
}

/** A gateway may be link-local, and usually is. */
export const isGatewayIpv6 = (text: string): boolean => isUsableIpv6(text) || isLinkLocalIpv6(text);

/** `2001:db8:1::/56` without host bits; undefined if it is anything else. */
export function parsePrefix6(text: string): Prefix6 | undefined {
  const [, address = '', digits = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const value = parseIpv6(address);
  const length = Number(digits);
  if (value === undefined || digits === '' || length > BITS) return undefined;
  return firstOf(value, length) === value ? { value, length } : undefined;
}

/** A prefix that may be delegated to us, in everybody's form: of usable addresses, and not shorter than any ISP's. */
export function delegatedPrefix(text: string): string | undefined {
  const [, address = '', digits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const length = Number(digits);
  const isPossible = isUsableIpv6(address) && length >= 16 && length <= 64;
  return isPossible ? showPrefix6(prefixOf6(address, length)) : undefined;
}

export const showPrefix6 = ({ value, length }: Prefix6): string => `${showIpv6(value)}/${length}`;

/** The prefix of that length that the address is in. */
export function prefixOf6(address: string, length: number): Prefix6 {
  return { value: firstOf(parseIpv6(address) ?? 0n, length), length };
}

/** Is all of `inner` within `outer`? */
export function contains6(outer: Prefix6, inner: Prefix6): boolean {
  return inner.length >= outer.length && firstOf(inner.value, outer.length) === outer.value;
}

/** Is any address in both? */
export const overlap6 = (a: Prefix6, b: Prefix6): boolean => contains6(a, b) || contains6(b, a);

/** `2001:db8::1`, `2001:db8::/32` or `2001:db8::5-2001:db8::9`; a prefix with host bits set is somebody's mistake. */
export function parseRange6(text: string): Range6 | undefined {
  const [, first = '', length, last] = /^([^/-]+)(\/\d{1,3})?(?:-([^/-]+))?$/.exec(text) ?? [];
  const low = parseIpv6(first);
  if (low === undefined || (length !== undefined && last !== undefined)) return undefined;
  if (last !== undefined) {
    const high = parseIpv6(last);
    return high === undefined || high < low ? undefined : [low, high];
  }
  const prefix = length === undefined ? { value: low, length: BITS } : parsePrefix6(text);
  return prefix && [prefix.value, prefix.value + (1n << BigInt(BITS - prefix.length)) - 1n];
}

/** An address, a prefix if the range is one, or `low-high`: as nft(8) reads it. */
export function showRange6([low, high]: Range6): string {
  if (low === high) return showIpv6(low);
  const rest = (high - low).toString(2).length;
  const isPrefix = high - low === (1n << BigInt(rest)) - 1n && firstOf(low, BITS - rest) === low;
  return isPrefix ? showPrefix6({ value: low, length: BITS - rest }) : `${showIpv6(low)}-${showIpv6(high)}`;
}

const firstOf = (value: bigint, length: number): bigint => {
  const rest = BigInt(BITS - length);
  return (value >> rest) << rest;
};
