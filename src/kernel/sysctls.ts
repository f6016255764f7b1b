import { closeSync, openSync, readSync } from 'node:fs';
import { errorCode, WanhookError } from '../errors.ts';
import type { Sysctls } from '../model.ts';

/** More than any of ours has. */
const LONGEST = 256;

/** Keys are paths below `procSys`; those that do not exist are left out. */
export function readSysctls(procSys: string, keys: readonly string[]): Sysctls {
  const found: Record<string, string> = {};
  const room = Buffer.alloc(LONGEST);
  for (const key of keys) {
    try {
      found[key] = readShort(`${procSys}/${key}`, room);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw new WanhookError(`cannot read sysctl ${key}`, { cause: error });
    }
  }
  return found;
}

/** Not readFileSync, which asks five things of the kernel: sixty lines have two hundred of them. */
function readShort(path: string, room: Buffer): string {
  const file = openSync(path, 'r');
  try {
    return room.toString('latin1', 0, readSync(file, room, 0, LONGEST, 0)).trim();
  } finally {
    closeSync(file);
  }
}
