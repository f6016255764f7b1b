import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, explain } from '../errors.ts';
import type { Problem } from '../model.ts';
import { whyNotTrusted } from '../trusted.ts';
import { parseConfig, type ConfigFile, type ConfigFiles, type NamedFile, type Parsed } from './parse.ts';

/** What was found, and what it was found in. */
export interface Loaded extends Parsed {
  readonly files: ConfigFiles;
}

/**
 * A reader of the configuration for one process: a hook asks twice, whether a device is ours and, once it has the lock,
 * what to do. The files are read each time; what says the same as the time before is not parsed again.
 */
export function configReader(directory: string): () => Loaded {
  let last: { readonly text: string; readonly loaded: Loaded } | undefined;
  return () => {
    const problems: Problem[] = [];
    const files = readConfigFiles(directory, problems);
    const text = JSON.stringify([files, problems]);
    if (last?.text !== text) last = { text, loaded: { ...parsed(directory, files, problems), files } };
    return last.loaded;
  };
}

/**
 * Read `wanhook.env`, `links/*.env`, `rules/*.env`, `sets/*` and `clients/*.env`: the configuration, or every problem at
 * once.
 */
export function loadConfig(directory: string): Loaded {
  return configReader(directory)();
}

function parsed(directory: string, files: ConfigFiles, unreadable: readonly Problem[]): Parsed {
  const found = parseConfig(files);
  const all = [...unreadable, ...found.problems];
  if (all.length === 0 && files.links.length === 0) {
    const message = 'no links are configured: add one file per line, NAME.env (see links/README)';
    return { problems: [{ file: join(directory, 'links'), message }] };
  }
  return all.length === 0 ? found : { problems: all, warnings: found.warnings ?? [] };
}

function readConfigFiles(directory: string, problems: Problem[]): ConfigFiles {
  listDirectory(directory, problems);
  const main = readConfigFile(join(directory, 'wanhook.env'), problems);
  const links = readNamedFiles(join(directory, 'links'), '.env', problems);
  const rules = readNamedFiles(join(directory, 'rules'), '.env', problems);
  const sets = rules.length === 0 ? [] : readNamedFiles(join(directory, 'sets'), '', problems);
  const clients = readNamedFiles(join(directory, 'clients'), '.env', problems);
  return { ...(main !== undefined && { main }), links, rules, sets, clients };
}

/** In name order; hidden files, editors' leftovers and the README are not ours to read. */
function readNamedFiles(directory: string, ending: string, problems: Problem[]): NamedFile[] {
  return listDirectory(directory, problems)
    .filter((file) => file.endsWith(ending) && !/^\.|~$|^README(?:\.new)?$/.test(file))
    .toSorted()
    .flatMap((file) => {
      const read = readConfigFile(join(directory, file), problems);
      return read === undefined ? [] : [{ ...read, name: file.slice(0, file.length - ending.length) }];
    });
}

function listDirectory(path: string, problems: Problem[]): string[] {
  try {
    const names = readdirSync(path);
    const why = whyNotTrusted(path, statSync(path));
    if (why === undefined) return names;
    problems.push({ file: path, message: why });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') problems.push({ file: path, message: `cannot read: ${explain(error)}` });
  }
  return [];
}

/** Larger is no configuration. */
const MOST_BYTES = 1024 * 1024;

function readConfigFile(path: string, problems: Problem[]): ConfigFile | undefined {
  try {
    // A pipe would keep whoever opens it waiting for ever.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = fstatSync(file);
      const long = found.size > MOST_BYTES ? `is larger than ${MOST_BYTES} bytes` : undefined;
      const why = found.isFile() ? (whyNotTrusted(path, found) ?? long) : 'is no file';
      if (why === undefined) return { path, text: readFileSync(file, 'utf8') };
      problems.push({ file: path, message: why });
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') problems.push({ file: path, message: `cannot read: ${explain(error)}` });
  }
  return undefined;
}
