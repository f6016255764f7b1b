import { quoted } from '../checked.ts';
import type { Problem } from '../model.ts';
import type { Assignments } from './dotenv.ts';
import type { Key } from './key.ts';
import { GLOBAL_KEYS, LINK_KEYS } from './keys.ts';

type Table = Record<string, Key<unknown>>;
/** The values of a table's keys that were given. */
export type Values<T extends Table> = { readonly [K in keyof T]?: NonNullable<ReturnType<T[K]['parse']>> };

/** What a file's assignments say for the keys of a table; a value that is not one is a problem. */
export function readValues<T extends Table>(table: T, file: string, from: Assignments, problems: Problem[]): Values<T> {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(table)) {
    const given = from.get(key);
    const known = table[key];
    if (given === undefined || known === undefined) continue;
    const { expected, parse } = known;
    const value = parse(given.value);
    if (value === undefined) {
      const message = `${key}=${quoted(given.value)} is not valid: expected ${expected}`;
      problems.push({ file, line: given.line, message });
    } else {
      values[key] = value;
    }
  }
  return values as Values<T>;
}

export function reportUnknown(file: string, from: Assignments, known: Table, problems: Problem[]): void {
  for (const [key, { line }] of from) {
    if (Object.hasOwn(known, key)) continue;
    problems.push({ file, line, message: whyNot(key, known) });
  }
}

function whyNot(key: string, known: Table): string {
  if (Object.hasOwn(GLOBAL_KEYS, key)) return `${key} belongs in wanhook.env, not in a link's file`;
  // In wanhook.env, where most keys of a link may stand, too.
  if (Object.hasOwn(known, 'BALANCE') && Object.hasOwn(LINK_KEYS, key)) {
    return `${key} belongs in a link's file, not in wanhook.env`;
  }
  return `unknown key ${key}; known here: ${Object.keys(known).join(', ')}`;
}
