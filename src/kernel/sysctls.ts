import { readFileSync } from 'node:fs';
import { errorCode, WanhookError } from '../errors.ts';
import type { Sysctls } from '../model.ts';

/** Keys are paths below `procSys`; those that do not exist are left out. */
export function readSysctls(procSys: string, keys: readonly string[]): Sysctls {
  const found: Record<string, string> = {};
  for (const key of keys) {
    try {
      found[key] = readFileSync(`${procSys}/${key}`, 'utf8').trim();
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw new WanhookError(`cannot read sysctl ${key}`, { cause: error });
    }
  }
  return found;
}
