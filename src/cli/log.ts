import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, harmless, WanhookError } from '../errors.ts';
import type { JournalEntry } from '../journal.ts';
import { hasText, parseJson } from '../json.ts';
import { worldFor, type Common, type Context } from './context.ts';
import { journalLines, openTail } from './journal-tail.ts';

export interface LogOptions {
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly lines?: string;
}

const DEFAULT_LINES = 20;
const POLL_MS = 200;

/** `wanhook log`: the last entries of the journal, and with `--follow` those to come. */
export async function log(context: Context, common: Common, options: LogOptions): Promise<number> {
  const { follow = false, json = false, lines = String(DEFAULT_LINES) } = options;
  if (!/^\d{1,6}$/.test(lines)) throw new WanhookError('-n takes a whole number', { exitCode: EXIT.usage });
  const path = join(worldFor(context, common).stateDirectory, 'journal.jsonl');
  const show = (all: readonly string[]) => all.forEach((line) => context.out(shown(line, json, common.verbose)));
  // Opened first: what is written in between is shown twice rather than not at all, so it is dropped by its text.
  const tail = openTail(path, 'end');
  const old = journalLines(path);
  show(Number(lines) === 0 ? [] : old.slice(-Number(lines)));
  const known = new Set(old.slice(-100));
  while (follow && !context.outputEnded()) {
    show(tail.read().filter((line) => !known.delete(line)));
    await sleep(POLL_MS);
  }
  tail.close();
  return EXIT.done;
}

function shown(line: string, json: boolean, verbose: boolean): string {
  const value = parseJson(line);
  // A full disk cuts lines short.
  if (!isEntry(value)) return json ? '' : `(damaged) ${harmless(line)}\n`;
  return json ? `${harmless(line)}\n` : entryText(value, verbose);
}

const isEntry = (value: unknown): value is JournalEntry =>
  hasText(value, 'time') &&
  typeof value['ms'] === 'number' &&
  ['cause', 'changed', 'notes'].every((key) => isTexts(value[key])) &&
  (value['events'] === undefined || isTexts(value['events'])) &&
  (value['error'] === undefined || typeof value['error'] === 'string');

const isTexts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string');

/** More notes than this are for --verbose. */
const SHORT_NOTES = 3;

/** `TIME  source: what changed; notes; error (commands, ms)`; with --verbose commands and notes on lines of their own. */
export function entryText(entry: JournalEntry, verbose: boolean): string {
  const { time, cause, events = [], changed, notes, error, ms } = entry;
  const left = notes.length - SHORT_NOTES;
  const few = verbose ? [] : [...notes.slice(0, SHORT_NOTES), ...(left > 0 ? [`${left} more notes (-v)`] : [])];
  const said = [...events, ...few, ...(error === undefined ? [] : [`error: ${error}`])];
  const commands = changed.length === 1 ? '1 command' : `${changed.length} commands`;
  const source = cause.join(', ') + (said.length === 0 ? '' : ': ');
  const line = `${localTime(time)}  ${source}${said.join('; ')} (${commands}, ${ms} ms)`;
  const more = verbose ? [...changed.map((command) => `    + ${command}`), ...notes.map((note) => `    ${note}`)] : [];
  return [line, ...more].map((each) => `${harmless(each)}\n`).join('');
}

/** As the clock on the wall, without the zone: `2026-01-31 17:04:59`. */
function localTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const two = (value: number) => String(value).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
