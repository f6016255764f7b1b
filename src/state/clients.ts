import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { parseIpv4 } from '../checked.ts';
import { errorCode, WanhookError } from '../errors.ts';
import { makePrivateDirectory, readIfThere, writeAtomically } from './files.ts';
import { isObject, parseJson } from '../json.ts';

/** Every client's own link by the link's ID, as it is to survive a reboot: `{"version":1,"clients":{"10.0.0.2":1}}`. */
type Saved = ReadonlyMap<string, number>;

const FILE = 'clients.json';

/** All that a full map may hold (desired/memory-script.ts), twice over. */
const MOST_BYTES = 4 * 1024 * 1024;

/** What is damaged is left out: a client that is not known is assigned anew. */
export function loadClients(directory: string): { clients: Saved; damaged?: string } {
  const path = join(directory, FILE);
  const text = readBounded(path);
  if (text === undefined) return { clients: new Map() };
  const value = typeof text === 'string' ? parseJson(text) : undefined;
  if (!isObject(value) || value['version'] !== 1 || !isObject(value['clients'])) {
    const what = typeof text === 'string' ? 'is damaged' : text.refused;
    return { clients: new Map(), damaged: `${path} ${what}: clients are assigned anew` };
  }
  const entries = Object.entries(value['clients']).filter((entry): entry is [string, number] => {
    const [address, id] = entry;
    return parseIpv4(address) !== undefined && typeof id === 'number' && Number.isInteger(id) && id > 0;
  });
  return { clients: new Map(entries) };
}

/** A hook must not read a device or a file without end, whatever somebody has put in its place. */
function readBounded(path: string): string | { refused: string } | undefined {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile()) return { refused: 'is no regular file' };
    if (stat.size > MOST_BYTES) return { refused: `is larger than ${MOST_BYTES} bytes` };
    return readIfThere(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new WanhookError(`cannot read ${path}`, { cause: error });
  }
}

/** Written only when somebody has come, moved or gone. */
export function saveClients(directory: string, clients: Saved): void {
  // By text: every run of a hook does it.
  const sorted = [...clients].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = `${JSON.stringify({ version: 1, clients: Object.fromEntries(sorted) })}\n`;
  const path = join(directory, FILE);
  if (readBounded(path) === text) return;
  makePrivateDirectory(directory);
  writeAtomically(path, text);
}
