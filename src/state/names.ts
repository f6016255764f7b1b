import { join } from 'node:path';
import type { Config } from '../model.ts';
import { readIfThere, writeAtomically } from './files.ts';

/**
 * What tells run-hook.sh a line, in one line it can read without a process: with grep, which it asks otherwise, a hook takes
 * half as long again to hand over its event. And how to start node.
 */
export function saveNames(directory: string, { links, balance }: Config): void {
  const names = links.flatMap(({ pppIpparam, pppLinkname, device }) => [pppIpparam, pppLinkname, device]);
  const text = `${[...new Set(names.filter((name) => name !== undefined))].join(' ')}\n${nodeOptions(balance)}\n`;
  const path = join(directory, 'names');
  if (readIfThere(path) !== text) writeAtomically(path, text);
}

/**
 * V8 then takes the names in its snapshot as they are, which saves a tenth of Node's start, but hashes names by a seed that
 * everybody can know. Nor does it compile what runs often to machine code, which with 60 links takes longer than it saves. A hook
 * lives 50 ms and reads no more than a daemon has said: only what is remembered of clients is chosen by strangers, and long.
 */
const nodeOptions = (balance: Config['balance']) =>
  balance === 'flow' ? '--no-rehash-snapshot --no-opt --no-sparkplug' : '';
