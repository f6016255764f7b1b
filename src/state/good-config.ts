import { join } from 'node:path';
import type { Loaded } from '../config/load.ts';
import { parseConfig, type ConfigFile, type ConfigFiles } from '../config/parse.ts';
import type { Config } from '../model.ts';
import { readIfThere, writeAtomically } from './files.ts';
import { hasText, isObject, parseJson } from './json.ts';

/**
 * The last configuration without a problem: what hooks go on with while somebody is editing a broken one. Kept as its
 * files' text and read by the same strict parser: so another version of wanhook, which has other keys and defaults, finds
 * in it what it would find in the files, or none.
 */
const VERSION = 1;

export function saveGoodConfig(directory: string, files: ConfigFiles): void {
  const path = join(directory, 'config.json');
  const text = `${JSON.stringify({ version: VERSION, files: withoutComments(files) })}\n`;
  if (readIfThere(path) !== text) writeAtomically(path, text);
}

/** run-hook.sh looks for a device's name in there: one in a comment is no link's. */
function withoutComments({ main, links, rules = [], sets = [], clients = [] }: ConfigFiles): ConfigFiles {
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
export function loadGood(directory: string): Loaded | undefined {
  const value = parseJson(readIfThere(join(directory, 'config.json')) ?? '');
  if (!isObject(value) || value['version'] !== VERSION || !isConfigFiles(value['files'])) return undefined;
  const parsed = parseConfig(value['files']);
  const usable = parsed.config !== undefined && parsed.config.links.length > 0;
  return usable ? { ...parsed, files: value['files'] } : undefined;
}

export const loadGoodConfig = (directory: string): Config | undefined => loadGood(directory)?.config;

function isConfigFiles(value: unknown): value is ConfigFiles & Record<string, unknown> {
  if (!isObject(value)) return false;
  const { main, links, rules, sets, clients } = value;
  const named = (files: unknown) =>
    Array.isArray(files) && files.every((file) => hasText(file, 'path', 'text', 'name'));
  return (main === undefined || hasText(main, 'path', 'text')) && [links, rules, sets, clients].every(named);
}
