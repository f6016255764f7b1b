import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, WanhookError } from '../errors.ts';
import { isThere } from '../start-time.ts';
import { whyNotTrusted } from '../trusted.ts';

/** Temp file → fsync → rename: a reader, or a crash at any instruction, sees the old text or the new, never half. */
export function writeAtomically(path: string, text: string, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openNew(temporary, mode);
    try {
      // Not writeSync: on a disk that is almost full it writes a part and says nothing.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw new WanhookError(`cannot write ${path}`, { cause: error });
  }
}

/** Exclusively: in a directory that is not root's alone somebody may have put a link there. */
function openNew(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    removeIfThere(path);
    return openSync(path, 'wx', mode);
  }
}

/** Remove what processes that were killed in the middle of `writeAtomically` have left in these directories. */
export function sweepTemporaries(...directories: readonly string[]): void {
  for (const directory of directories) {
    for (const name of namesIn(directory)) {
      const pid = /\.(\d+)\.tmp$/.exec(name)?.[1];
      if (pid !== undefined && !isThere(Number(pid))) removeIfThere(join(directory, name));
    }
  }
}

/** Empty if there is no such directory. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw new WanhookError(`cannot read ${directory}`, { cause: error });
  }
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new WanhookError(`cannot read ${path}`, { cause: error });
  }
}

export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw new WanhookError(`cannot remove ${path}`, { cause: error });
  }
}

/** Make the state directory, for root alone: it names the lines and holds what hooks believe. */
export function makePrivateDirectory(path: string): void {
  try {
    if (!existsSync(path)) {
      mkdirSync(dirname(path), { recursive: true });
      mkdirSync(path, { mode: 0o700 });
    }
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw new WanhookError(`cannot make the directory ${path}`, { cause: error });
  }
  requirePrivate(path);
}

/**
 * Refuse a directory that a stranger has made or can write, or a link to one: what is in there would be believed, and written
 * wherever it leads. One that is not there is none.
 */
export function requirePrivate(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  const why = found.isDirectory() ? whyNotTrusted(path, found) : `is no directory: rm ${path}`;
  if (why !== undefined)
    throw new WanhookError(`will not use ${path}: it ${why}; look first who has written what is in it`);
  const parent = dirname(path);
  // Where the system has put it: /var/lib may be a link to another disk.
  const around = statSync(parent);
  const whyParent = (around.mode & STICKY) === 0 ? whyNotTrusted(parent, around) : undefined;
  // In a sticky one, such as /tmp, nobody takes away what is another's.
  if (whyParent !== undefined) throw new WanhookError(`will not use ${path}: ${parent} ${whyParent}`);
}
const STICKY = 0o1000;
