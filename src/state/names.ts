import { join } from 'node:path';
import type { Config } from '../model.ts';
import { readIfThere, writeAtomically } from './files.ts';

/**
 * What tells run-hook.sh a line, in one line it can read without a process: with grep, which it asks otherwise, a hook takes
 * half as long again to hand over its event.
 */
export function saveNames(directory: string, { links }: Config): void {
  const names = links.flatMap(({ pppIpparam, pppLinkname, device }) => [pppIpparam, pppLinkname, device]);
  const text = `${[...new Set(names.filter((name) => name !== undefined))].join(' ')}\n`;
  const path = join(directory, 'names');
  if (readIfThere(path) !== text) writeAtomically(path, text);
}
