/** IPv6 addresses and prefixes that strangers send: parsed strictly, shown as RFC 5952 has it. */

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
  const parts = halves.map((half) => groupsOf(half));
  const [head, tail = []] = parts;
  if (head === undefined || parts.includes(undefined)) return undefined;
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

/** Groups between colons, the last of which may be a dotted quad. */
function groupsOf(half: string): number[] | undefined {
  if (half === '') return [];
  const found: number[] = [];
  const parts = half.split(':');
  for (const [n, part] of parts.entries()) {
    const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(part)?.slice(1).map(Number);
    if (octets !== undefined) {
      if (n !== parts.length - 1 || octets.some((octet) => octet > 255)) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = octets;
      found.push(a * 256 + b, c * 256 + d);
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
  const value = parseIpv6(text);
  return value !== undefined && (value >> 125n === 1n || value >> 121n === 0x7en);
}

/** A gateway may be link-local, and usually is. */
export const isGatewayIpv6 = (text: string): boolean => isUsableIpv6(text) || isLinkLocalIpv6(text);

/** `2001:db8:1::/56` without host bits; undefined if it is anything else. */
export function parsePrefix6(text: string): Prefix6 | undefined {
  const [, address = '', digits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
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

const firstOf = (value: bigint, length: number): bigint => {
  const rest = BigInt(BITS - length);
  return (value >> rest) << rest;
};
