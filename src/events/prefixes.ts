import { isIPv6 } from 'node:net';

/** More than any line is delegated. */
const MOST = 16;

/** Delegated IPv6 prefixes, keeping only usable ones, each once: they become rules. */
export function delegatedPrefixes(values: readonly string[]): string[] {
  return [...new Set(values.filter(isDelegated).map((value) => value.toLowerCase()))].slice(0, MOST);
}

/**
 * Could somebody have been given this? Global or unique local (RFC 4291, RFC 4193); a server that "delegates" ::/0, or what
 * every host has, wants our traffic. Nobody gets more than a /16.
 */
export function isDelegated(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^(?:[1-9]\d{1,2})$/.test(length) || Number(length) < 16 || Number(length) > 128)
    return false;
  // A zone would pass isIPv6.
  return /^[23fF][0-9a-fA-F:.]+$/.test(address) && isIPv6(address) && !/^f[e-f]/i.test(address);
}
