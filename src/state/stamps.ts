import { statSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from './files.ts';

/** Files and directories, by what shows that they are as they were; an empty text: there is none. */
export type Stamps = Readonly<Record<string, string>>;

/** Written, renamed, or given to another: each changes one of these. Nobody can set a ctime. */
export function identity(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return '';
  return [found.dev, found.ino, found.mode, found.uid, found.size, found.mtimeNs, found.ctimeNs].join(' ');
}

export const stampsOf = (paths: readonly string[]): Stamps =>
  Object.fromEntries(paths.map((path) => [path, identity(path)]));

export const areAsTheyWere = (stamps: Stamps): boolean =>
  Object.entries(stamps).every(([path, before]) => identity(path) === before);

/**
 * Of a file that was changed this shortly before, the clock cannot tell whether it was changed once more: kernels keep the time
 * of a change by ticks of up to 10 ms.
 */
const RACY_MS = 2_000;

/** Has none of them changed so shortly before that moment (epoch milliseconds), or after it, that a stamp may say too little? */
export const areOld = (stamps: Stamps, began: number): boolean =>
  Object.values(stamps).every((stamp) => Number(stamp.split(' ').at(-1)) / NS_PER_MS <= began - RACY_MS);
const NS_PER_MS = 1e6;

/** The configuration, file by file. A new one changes its directory. */
export function configPaths(configDirectory: string): string[] {
  const folders = ['', 'links', 'rules', 'sets', 'clients'].map((name) => join(configDirectory, name));
  const files = folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  return [...new Set([...folders, ...files])];
}

/** store.ts says what stands in it. */
export const recordPath = (stateDirectory: string): string => join(stateDirectory, 'state.json');

export const recordStamp = (stateDirectory: string): string => identity(recordPath(stateDirectory));
