import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';

/** Looking at files that may not be there, or not be ours to read: then there is nothing to be said about them. */

/** Beyond this a file is no configuration, but somebody's trick. */
const MAX_BYTES = 16 * 1024 * 1024;

export function fileText(path: string): string | undefined {
  try {
    const { size } = statSync(path);
    return size > MAX_BYTES ? undefined : readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export const readableLines = (path: string): string[] => fileText(path)?.split('\n') ?? [];

export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}

interface Seen {
  /** As chmod(1) has it: `755`. */
  readonly mode: string;
  readonly owner: number;
  readonly executable: boolean;
  /** Epoch milliseconds. */
  readonly modified: number;
  /** SHA-256 in hex, if asked for. */
  readonly sum: string;
}

/** Undefined: it is not there, or no file. */
export function lookAt(path: string, withSum = false): Seen | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return undefined;
  const sum = withSum ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
  const mode = (found.mode & 0o7777).toString(8);
  return { mode, owner: found.uid, executable: (found.mode & 0o100) !== 0, modified: found.mtimeMs, sum };
}
