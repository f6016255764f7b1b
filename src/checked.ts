/** Checks of values that strangers send. Addresses are parsed strictly: inet(3)'s octal and short forms are refused. */

/** Dotted quad to a number, or undefined if it is anything else. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    const byte = Number(part);
    // Only as a number is shown: no other base, sign, space or leading zero.
    if (!(byte >= 0 && byte <= 255) || String(byte) !== part) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

/**
 * May a line have this address, or a gateway? Not "this network" 0/8, loopback 127/8, multicast 224/4, or
 * reserved 240/4 with broadcast (RFC 6890): a hostile server offers them to hijack or break the router.
 */
export function isUsableIpv4(text: string): boolean {
  const value = parseIpv4(text);
  if (value === undefined) return false;
  const top = Math.floor(value / 2 ** 24);
  return top !== 0 && top !== 127 && top < 224;
}

/** RFC 3927: what a client gives itself when no server answered; never a line's address. */
export function isLinkLocalIpv4(text: string): boolean {
  return text.startsWith('169.254.');
}

/** Netmask to prefix length; undefined if it is not a contiguous mask. */
export function prefixOfMask(mask: string): number | undefined {
  const value = parseIpv4(mask);
  if (value === undefined) return undefined;
  const bits = value.toString(2).padStart(32, '0');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

/** Is `other` in the subnet of `address/prefix`? Both must be valid IPv4. */
export function inSubnet(other: string, address: string, prefix: number): boolean {
  const size = 2 ** (32 - prefix);
  return Math.floor((parseIpv4(other) ?? -1) / size) === Math.floor((parseIpv4(address) ?? -2) / size);
}

/** The subnet of `address/prefix` in full: `192.0.2.0/24`. */
export function subnetOf(address: string, prefix: number): string {
  const size = 2 ** (32 - prefix);
  const first = Math.floor((parseIpv4(address) ?? 0) / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${prefix}`;
}

/** The network's own address or its broadcast address, as seen from `address/prefix`; /31 and /32 have neither. */
export function isNoHost(other: string, address: string, prefix: number): boolean {
  if (prefix > 30) return false;
  const size = 2 ** (32 - prefix);
  const host = (parseIpv4(other) ?? 0) % size;
  return (host === 0 || host === size - 1) && inSubnet(other, address, prefix);
}

/** `constructor`, `toString`: as a key it finds in every plain object what nobody has put there. */
export function isBuiltIn(name: string): boolean {
  return name in Object.prototype;
}

/**
 * A name a network device may have and we may put into a command or a path: dev_valid_name() in net/core/dev.c
 * allows more, but nobody's line is called `"; flush`.
 */
export function isDeviceName(text: string): boolean {
  return !isBuiltIn(text) && /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}$/.test(text);
}

/** An Ethernet address, in either case. */
export function isMac(text: string): boolean {
  return /^(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text);
}

/** RFC 1123, and not something that looks like an address. */
export function isHostName(text: string): boolean {
  const label = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
  return (
    !isBuiltIn(text) && text.length <= 253 && /[A-Za-z]/.test(text) && text.split('.').every((part) => label.test(part))
  );
}

/** What `PPP_IPPARAM=` and `PPP_LINKNAME=` may hold: no spaces, quotes or shell characters. */
export function isLineName(text: string): boolean {
  return /^[A-Za-z0-9_.:@/+-]{1,64}$/.test(text);
}

/** What a terminal obeys (C1), or what turns round or breaks the line it stands in. */
const UNSEEN = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Quote a stranger's value for a message: control characters escaped, length bounded. */
export function quoted(value: string): string {
  const text = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return text.replace(UNSEEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
