/** Directories for one test file, in memory: fsync(2) on a disk would be most of a test's time. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const MEMORY = '/dev/shm';
export const scratchRoot = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'wanhook-test-'));
let count = 0;

// Not at the process's exit: vitest ends its workers by a signal.
afterAll(() => rmSync(scratchRoot, { recursive: true, force: true }), 60_000);

/** Whoever had them has gone: ten thousand worlds do not fit in the memory. */
export function clearScratch(): void {
  for (const name of readdirSync(scratchRoot)) rmSync(join(scratchRoot, name), { recursive: true, force: true });
}

/** The path of a directory that does not exist yet; it goes when the test file has run. */
export function scratchDirectory(name: string): string {
  return join(scratchRoot, `${name}-${count++}`);
}
