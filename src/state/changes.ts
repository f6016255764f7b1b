import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './files.ts';

/**
 * Has any run of ours changed the kernel since run-hook.sh looked? It reads this file before it looks: a word that no other
 * run has written, or nothing while one is at work. A run that is killed half-way leaves nothing; then nobody's look counts
 * until another run has come to its end.
 */
const place = (directory: string) => join(directory, 'changes');

/** Empty while a run is at work, or after one that was killed. Without the lock: see isUndisturbed. */
export const readChanges = (directory: string): string => readIfThere(place(directory))?.trim() ?? '';

/** To be asked with the lock: whoever wrote it last has let go of that. */
export function isSinceLook(directory: string, seen: string | undefined): boolean {
  return seen === undefined || seen === '' || seen !== readChanges(directory);
}

/** With the lock, around every change. */
export async function whileChanging<T>(directory: string, work: () => Promise<T>): Promise<T> {
  say(directory, '');
  try {
    return await work();
  } finally {
    say(directory, newWord());
  }
}

/** With the lock, by a run that has looked and found nothing to do: what a killed one left half-way is no more. */
export function nothingToChange(directory: string): void {
  if (readChanges(directory) === '') say(directory, newWord());
}

const newWord = () => `${process.hrtime.bigint()}.${process.pid}\n`;

/** Not by a rename, and a full /run is no reason to stop: what cannot be written is empty, and that is safe. */
function say(directory: string, word: string): void {
  try {
    writeFileSync(place(directory), word, { mode: 0o600 });
  } catch {
    // Not even emptied: /run is read-only, and nobody has got the lock.
  }
}
