import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTime } from '../start-time.ts';
import { makePrivateDirectory, readIfThere, removeIfThere, writeAtomically } from './files.ts';
import { isObject, parseJson } from '../json.ts';

/**
 * What the monitor measures, apart from the record, because it is new every few seconds and decides nothing; and its sign
 * of life for health.sh: pid, start time and uptime at the last round, so that neither a monitor that was killed nor one
 * that hangs can pass for one that watches.
 */
export interface Measured {
  /** Lost share of probes (0 to 1), round trip and its variation in milliseconds. */
  readonly loss?: number;
  readonly rtt?: number;
  readonly jitter?: number;
  /** Epoch milliseconds. */
  readonly at: number;
}
export type MeasuredLinks = Readonly<Record<string, Measured>>;

type Figures = Readonly<Record<string, Omit<Measured, 'at'>>>;

const FILE = 'health.json';
const BEAT = 'monitor';

/** The monitor, every few seconds; `at` in epoch milliseconds. */
export function saveMeasured(directory: string, figures: Figures, at: number, figures6: Figures = {}): void {
  makePrivateDirectory(directory);
  const dated = (some: Figures) =>
    Object.fromEntries(Object.entries(some).map(([name, figure]) => [name, { ...figure, at }]));
  const text = JSON.stringify({ pid: process.pid, at, links: dated(figures), links6: dated(figures6) });
  writeAtomically(join(directory, FILE), `${text}\n`);
  const [uptime = ''] = readFileSync('/proc/uptime', 'utf8').split('.');
  writeAtomically(join(directory, BEAT), `${process.pid} ${startTime(process.pid) ?? '0'} ${uptime}\n`);
}

/** The monitor, when it is told to end: from here on nobody is expected to watch. */
export function forgetMeasured(directory: string): void {
  removeIfThere(join(directory, BEAT));
  removeIfThere(join(directory, FILE));
}

/** Older than this, it says nothing about now. */
const FRESH_MS = 60_000;

/** What was measured within the last minute, over the links or over their IPv6. */
export function loadMeasured(directory: string, now: number, family?: 6): MeasuredLinks {
  const value = parseJson(readIfThere(join(directory, FILE)) ?? '');
  const found = isObject(value) ? value[family === 6 ? 'links6' : 'links'] : undefined;
  const links = isObject(found) ? Object.entries(found) : [];
  const fresh = links.filter(([, link]) => isMeasured(link) && Math.abs(now - link.at) < FRESH_MS);
  return Object.fromEntries(fresh) as MeasuredLinks;
}

const isMeasured = (value: unknown): value is Measured =>
  isObject(value) &&
  typeof value['at'] === 'number' &&
  ['loss', 'rtt', 'jitter'].every((key) => value[key] === undefined || typeof value[key] === 'number');
