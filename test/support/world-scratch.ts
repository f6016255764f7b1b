/** Directories for one test file, in memory: fsync(2) on a disk would be most of a test's time. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
let root: string | undefined;
let count = 0;

function rootDirectory(): string {
  if (root === undefined) {
    const made = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'wanhook-test-'));
    root = made;
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  return root;
}

/** The path of a directory that does not exist yet; its parent goes when the test process ends. */
export function scratchDirectory(name: string): string {
  return join(rootDirectory(), `${name}-${count++}`);
}
