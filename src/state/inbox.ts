import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeviceName, isLineName, isUsableIpv4, quoted } from '../checked.ts';
import { isDelegated } from '../events/prefixes.ts';
import { isGatewayIpv6 } from '../ipv6.ts';
import { parseHook } from '../events/hooks.ts';
import type { LinkEvent } from '../model.ts';
import { startTime } from '../start-time.ts';
import { droppedHooks, isBeingWritten, makeDropFolder, readDropped } from './dropped.ts';
import { hasText, parseJson } from '../json.ts';
import { readIfThere, removeIfThere } from './files.ts';
import { isEventSource } from './source.ts';
import { spool, spooled } from './spool.ts';

/** An event on its way into the record; whoever holds the lock takes all that are there, in the order they came. */
export interface PendingEvent {
  readonly path: string;
  readonly event: LinkEvent;
}

/** More than any storm of hooks leaves behind; older ones are dropped so that /run cannot fill up. */
const MOST_PENDING = 512;

/**
 * Drop an event for the next lock holder. `started`: when its hook began, in the kernel's ticks since boot, which is the order
 * of events; without it, when this process did.
 */
export function dropEvent(directory: string, event: LinkEvent, started = startTime(process.pid) ?? '0'): string {
  makeDropFolder(directory);
  return spool(join(directory, 'events'), JSON.stringify(event), started.padStart(TICKS_WIDTH, '0'));
}
const TICKS_WIDTH = 20;

/** Somebody else has already folded it into the record and applied it. */
export function isTaken(path: string): boolean {
  return !existsSync(path);
}

/** All pending events in order, and the files that are not one: to be removed, and told if there is something to tell. */
export interface Inbox {
  readonly pending: PendingEvent[];
  readonly damaged: { readonly path: string; readonly note?: string }[];
}

export function pendingEvents(directory: string): Inbox {
  const found = [
    ...spooled(join(directory, 'events')).map((path) => ({ path, key: basename(path), read: readEvent })),
    ...droppedHooks(directory).map(({ path, key }) => ({ path, key, read: readHook })),
  ].toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const excess = Math.max(0, found.length - MOST_PENDING);
  const pending: PendingEvent[] = [];
  const tooMany = `more than ${MOST_PENDING} events waited in ${directory}: the oldest ${excess} are removed`;
  const damaged: Inbox['damaged'] = found
    .slice(0, excess)
    .map(({ path }, index) => ({ path, ...(index === 0 && { note: tooMany }) }));
  for (const { path, read } of found.slice(excess)) {
    const { event, note, later = false } = read(path);
    if (later) continue;
    if (event === undefined) damaged.push({ path, ...(note !== undefined && { note }) });
    else pending.push({ path, event });
  }
  return { pending, damaged };
}

const noEvent = (path: string) => `${path} is not an event: removed`;

interface Read {
  readonly event?: LinkEvent;
  readonly note?: string;
  /** It is being written: whoever writes it sees to it that somebody looks again. */
  readonly later?: boolean;
}

function readEvent(path: string): Read {
  const event = decodeEvent(readIfThere(path) ?? '');
  return event === undefined ? { note: noEvent(path) } : { event };
}

function readHook(path: string): Read {
  const dropped = readDropped(readIfThere(path) ?? '');
  if (dropped === undefined) return isBeingWritten(path) ? { later: true } : { note: noEvent(path) };
  const parsed = parseHook(dropped.hook, dropped.input);
  if ('event' in parsed) return parsed;
  if ('ignored' in parsed) return {};
  return {
    note: `hook ${quoted(dropped.hook).slice(1, -1)}: arguments not usable, routing left as it is: ${parsed.problems.join('; ')}`,
  };
}

export function discardEvents(paths: readonly string[]): void {
  paths.forEach(removeIfThere);
}

/** Checked again on the way in: a file in /run is input like any other. */
export function decodeEvent(text: string): LinkEvent | undefined {
  const value = parseJson(text);
  if (!hasText(value, 'source', 'kind', 'device', 'cause')) return undefined;
  const {
    source,
    kind,
    device,
    address,
    gateway,
    peer,
    ipparam,
    linkname,
    dns,
    family,
    prefixes = [],
    leaseStart,
  } = value;
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
    all(prefixes, isDelegated) &&
    all([value['prefixesAre']], (word) => ['added', 'removed'].includes(word)) &&
    (leaseStart === undefined || Number.isSafeInteger(leaseStart));
  return valid ? (value as unknown as LinkEvent) : undefined;
}
