import type { FixedClient, Problem } from '../model.ts';
import { readAssignments } from './dotenv.ts';
import { CLIENT_KEYS } from './keys.ts';
import type { NamedFile } from './parse.ts';
import { readValues, reportUnknown } from './values.ts';

/** `clients/NAME.env`: which link a client always has; every problem is reported. */
export function parseClients(
  files: readonly NamedFile[],
  links: ReadonlySet<string>,
  problems: Problem[],
): FixedClient[] {
  const first = new Map<string, string>();
  return files.flatMap(({ path, text, name }) => {
    const assignments = readAssignments(path, text, problems);
    reportUnknown(path, assignments, CLIENT_KEYS, problems);
    const { CLIENT: client, LINK: link } = readValues(CLIENT_KEYS, path, assignments, problems);
    for (const key of ['CLIENT', 'LINK'] as const) {
      if (!assignments.has(key)) {
        problems.push({ file: path, message: `${key} is missing: expected ${CLIENT_KEYS[key].expected}` });
      }
    }
    if (link !== undefined && !links.has(link)) {
      problems.push({ file: path, message: `LINK=${link}: there is no links/${link}.env` });
    }
    if (client === undefined || link === undefined) return [];
    const other = first.get(client);
    if (other !== undefined) problems.push({ file: path, message: `CLIENT=${client} is already given by ${other}` });
    else first.set(client, path);
    return [{ name, client, link }];
  });
}
