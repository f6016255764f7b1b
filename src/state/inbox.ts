import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeviceName, isLineName, isUsableIpv4 } from '../checked.ts';
import { isDelegated } from '../events/prefixes.ts';
import { isGatewayIpv6 } from '../ipv6.ts';
import type { LinkEvent } from '../model.ts';
import { hasText, parseJson } from './json.ts';
import { makePrivateDirectory, readIfThere, removeIfThere } from './files.ts';
import { isEventSource } from './source.ts';
import { spool, spooled } from './spool.ts';

/** An event on its way into the record; whoever holds the lock takes all that are there, in the order they came. */
export interface PendingEvent {
  readonly path: string;
  readonly event: LinkEvent;
}

/** More than any storm of hooks leaves behind; older ones are dropped so that /run cannot fill up. */
const MOST_PENDING = 512;

/** Drop an event for the next lock holder. */
export function dropEvent(directory: string, event: LinkEvent): string {
  makePrivateDirectory(directory);
  return spool(join(directory, 'events'), JSON.stringify(event));
}

/** Somebody else has already folded it into the record and applied it. */
export function isTaken(path: string): boolean {
  return !existsSync(path);
}

/** All pending events in order, and the files that are not one (to be removed and told). */
export function pendingEvents(directory: string): { pending: PendingEvent[]; damaged: string[] } {
  const paths = spooled(join(directory, 'events'));
  const excess = Math.max(0, paths.length - MOST_PENDING);
  const pending: PendingEvent[] = [];
  const damaged = paths.slice(0, excess);
  for (const path of paths.slice(excess)) {
    const event = decodeEvent(readIfThere(path) ?? '');
    if (event === undefined) damaged.push(path);
    else pending.push({ path, event });
  }
  return { pending, damaged };
}

export function discardEvents(paths: readonly string[]): void {
  paths.forEach(removeIfThere);
}

/** Checked again on the way in: a file in /run is input like any other. */
export function decodeEvent(text: string): LinkEvent | undefined {
  const value = parseJson(text);
  if (!hasText(value, 'source', 'kind', 'device', 'cause')) return undefined;
  const { source, kind, device, address, gateway, peer, ipparam, linkname, dns, family, prefixes = [] } = value;
  const all = (values: unknown, test: (text: string) => boolean) =>
    Array.isArray(values) && values.every((one) => one === undefined || (typeof one === 'string' && test(one)));
  const valid =
    isEventSource(source) &&
    all([kind], (word) => ['up', 'down', 'check'].includes(word)) &&
    all([device], isDeviceName) &&
    (family === undefined || family === 6) &&
    all([address, gateway, peer], family === 6 ? isGatewayIpv6 : isUsableIpv4) &&
    all([ipparam, linkname], isLineName) &&
    all(dns, isUsableIpv4) &&
    all(prefixes, isDelegated);
  return valid ? (value as unknown as LinkEvent) : undefined;
}
