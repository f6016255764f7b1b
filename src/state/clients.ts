import { join } from 'node:path';
import { parseIpv4 } from '../checked.ts';
import { makePrivateDirectory, readIfThere, writeAtomically } from './files.ts';
import { isObject, parseJson } from './json.ts';

/** Every client's own link by the link's ID, as it is to survive a reboot: `{"version":1,"clients":{"10.0.0.2":1}}`. */
type Saved = ReadonlyMap<string, number>;

const FILE = 'clients.json';

/** What is damaged is left out: a client that is not known is assigned anew. */
export function loadClients(directory: string): Saved {
  const value = parseJson(readIfThere(join(directory, FILE)) ?? '');
  if (!isObject(value) || value['version'] !== 1 || !isObject(value['clients'])) return new Map();
  return new Map(
    Object.entries(value['clients']).filter((entry): entry is [string, number] => {
      const [address, id] = entry;
      return parseIpv4(address) !== undefined && typeof id === 'number' && Number.isInteger(id) && id > 0;
    }),
  );
}

/** Written only when somebody has come, moved or gone. */
export function saveClients(directory: string, clients: Saved): void {
  const sorted = [...clients].toSorted(([a], [b]) => (parseIpv4(a) ?? 0) - (parseIpv4(b) ?? 0));
  const text = `${JSON.stringify({ version: 1, clients: Object.fromEntries(sorted) })}\n`;
  const path = join(directory, FILE);
  if (readIfThere(path) === text) return;
  makePrivateDirectory(directory);
  writeAtomically(path, text);
}
