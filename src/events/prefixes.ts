import { delegatedPrefix } from '../ipv6.ts';

/** More than any line is delegated. */
export const MOST_PREFIXES = 16;

/** Delegated IPv6 prefixes as everybody writes them, keeping only usable ones, each once: they become rules. */
export function delegatedPrefixes(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => delegatedPrefix(value) ?? []))].slice(0, MOST_PREFIXES);
}

/** Could somebody have been given this, and is it written as we write it? */
export const isDelegated = (text: string): boolean => delegatedPrefix(text) === text;
