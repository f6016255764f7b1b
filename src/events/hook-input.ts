import type { LinkEvent } from '../model.ts';
import { isDeviceName, isLineName, isUsableIpv4, parseIpv4, quoted } from '../checked.ts';

/** What a hook was started with. */
export interface HookInput {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A hook's words, understood or not. Problems are for syslog; a daemon never sees them. */
export type ParsedHook =
  { readonly event: LinkEvent } | { readonly ignored: string } | { readonly problems: readonly string[] };

/** Collects every problem of one hook call, so that one message tells all. */
export class Checks {
  readonly problems: string[] = [];

  device(where: string, value: string | undefined): string {
    if (value === undefined || value === '') this.problems.push(`${where} is missing: expected a device name`);
    else if (!isDeviceName(value)) this.problems.push(`${where} is not a device name: ${quoted(value)}`);
    return value ?? '';
  }

  /** An address that a line may have. */
  address(where: string, value: string | undefined): string {
    if (value === undefined || value === '') this.problems.push(`${where} is missing: expected an IPv4 address`);
    else if (parseIpv4(value) === undefined) this.problems.push(`${where} is not an IPv4 address: ${quoted(value)}`);
    else if (!isUsableIpv4(value)) {
      this.problems.push(`${where} is an address no line can have (0/8, 127/8, multicast or reserved): ${value}`);
    }
    return value ?? '';
  }
}

/** Resolvers, keeping only usable addresses, each once, at most eight: they are advice, not worth refusing a line for. */
export function resolvers(values: readonly (string | undefined)[]): string[] {
  const usable = values.filter((value): value is string => value !== undefined && isUsableIpv4(value));
  return [...new Set(usable)].slice(0, 8);
}

/** A name of a line (ipparam, linkname): believed only if it could stand in a configuration. */
export function lineName(value: string | undefined): string | undefined {
  return value !== undefined && isLineName(value) ? value : undefined;
}
