import { join } from 'node:path';
import { makePrivateDirectory, namesIn, writeAtomically } from './files.ts';

/** A folder of small files that wait, in the order they came, for whoever takes them next. */

/** The name sorts by `before`, if there is one, then by the monotonic clock: wall time steps at first link-up. */
export function spool(folder: string, text: string, before?: string): string {
  makePrivateDirectory(folder);
  const time = process.hrtime.bigint().toString().padStart(20, '0');
  const path = join(folder, `${before === undefined ? '' : `${before}-`}${time}-${process.pid}.json`);
  writeAtomically(path, text);
  return path;
}

/** What waits, oldest first. */
export function spooled(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => join(folder, name));
}
