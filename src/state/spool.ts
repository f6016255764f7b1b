import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';
import { makePrivateDirectory, writeAtomically } from './files.ts';

/** A folder of small files that wait, in the order they came, for whoever takes them next. */

/** The name sorts by the monotonic clock: wall time steps at first link-up. */
export function spool(folder: string, text: string): string {
  makePrivateDirectory(folder);
  const time = process.hrtime.bigint().toString().padStart(20, '0');
  const path = join(folder, `${time}-${process.pid}.json`);
  writeAtomically(path, text);
  return path;
}

/** What waits, oldest first. */
export function spooled(folder: string): string[] {
  return list(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => join(folder, name));
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
