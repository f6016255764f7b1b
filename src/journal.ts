import { appendFileSync, closeSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One reconcile that had something to say. */
export interface JournalEntry {
  /** ISO 8601, wall clock. */
  readonly time: string;
  /** What set it off: `pppd ip-up ppp0`, `wanhook apply`, … */
  readonly cause: readonly string[];
  /** What that changed for those outside: `dead dsl: no answer …`. Absent: nothing. */
  readonly events?: readonly string[];
  /** Commands carried out. */
  readonly changed: readonly string[];
  readonly notes: readonly string[];
  readonly error?: string;
  readonly ms: number;
}

/** Two files of this size are all the journal ever takes in /run. */
const BYTES = 512 * 1024;

/** Append one line. The journal is for people: that it cannot be written must not stop routing. */
export function appendJournal(directory: string, entry: JournalEntry): void {
  const path = join(directory, 'journal.jsonl');
  try {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > BYTES) renameSync(path, `${path}.1`);
    const file = openSync(path, 'a+', 0o600);
    try {
      const isCut = size > 0 && size <= BYTES && !isEnd(file, size);
      appendFileSync(file, `${isCut ? '\n' : ''}${JSON.stringify(entry)}\n`);
    } finally {
      closeSync(file);
    }
  } catch {
    // A full disk is told by whatever needed it for real.
  }
}

/** Does a line end at this byte? Not where whoever wrote it was killed, or the disk was full. */
function isEnd(file: number, byte: number): boolean {
  const last = Buffer.alloc(1);
  return readSync(file, last, 0, 1, byte - 1) === 1 && last.toString() === '\n';
}
