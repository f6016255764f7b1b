import { join } from 'node:path';
import type { Loaded } from '../config/load.ts';
import { parseConfig, type ConfigFile, type ConfigFiles } from '../config/parse.ts';
import type { Config } from '../model.ts';
import { readIfThere, writeAtomically } from './files.ts';
import { hasText, isObject, parseJson } from '../json.ts';

/**
 * The last configuration without a problem: what hooks go on with while somebody is editing a broken one. Kept as its
 * files' text and read by the same strict parser: so another version of wanhook, which has other keys and defaults, finds
 * in it what it would find in the files, or none.
 */
const VERSION = 1;

export function saveGoodConfig(directory: string, files: ConfigFiles, name: Kept = 'config.json'): void {
  const path = join(directory, name);
  const text = `${JSON.stringify({ version: VERSION, files: withoutComments(files) })}\n`;
  if (readIfThere(path) !== text) writeAtomically(path, text);
}

/**
 * config.json: what the last run took, whoever ran. applied.json: what a person last asked for with `apply` or `confirm`,
 * which is what `try` goes back to; a hook may have taken a half-finished edit since.
 */
type Kept = 'config.json' | 'applied.json';

/** run-hook.sh looks for a device's name in there: one in a comment is no link's. */
export function withoutComments({ main, links, rules = [], sets = [], clients = [] }: ConfigFiles): ConfigFiles {
  const strip = <T extends ConfigFile>(file: T): T => ({ ...file, text: file.text.replace(/^\s*(?:#.*)?\n/gm, '') });
  return {
    ...(main !== undefined && { main: strip(main) }),
    links: links.map(strip),
    rules: rules.map(strip),
    sets: sets.map(strip),
    clients: clients.map(strip),
  };
}

/** What is unreadable, another version's, or has a problem by now, counts as none. */
export function loadGood(directory: string, name: Kept = 'config.json'): Loaded | undefined {
  const value = parseJson(readIfThere(join(directory, name)) ?? '');
  return isObject(value) && value['version'] === VERSION ? usable(value['files']) : undefined;
}

/** The configuration in these files, if they are any, without a problem, and with a link. */
export function usable(files: unknown): Loaded | undefined {
  if (!isConfigFiles(files)) return undefined;
  const parsed = parseConfig(files);
  return parsed.config !== undefined && parsed.config.links.length > 0 ? { ...parsed, files } : undefined;
}

export const loadGoodConfig = (directory: string): Config | undefined => loadGood(directory)?.config;

function isConfigFiles(value: unknown): value is ConfigFiles & Record<string, unknown> {
  if (!isObject(value)) return false;
  const { main, links, rules, sets, clients } = value;
  const named = (files: unknown) =>
    Array.isArray(files) && files.every((file) => hasText(file, 'path', 'text', 'name'));
  return (main === undefined || hasText(main, 'path', 'text')) && [links, rules, sets, clients].every(named);
}
