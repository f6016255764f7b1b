import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, explain } from '../errors.ts';
import type { Config, Problem } from '../model.ts';
import { parseConfig, type ConfigFile, type ConfigFiles } from './parse.ts';

/** Read `wanhook.env` and `links/*.env` below `directory`: the configuration, or every problem at once. */
export function loadConfig(directory: string): { config?: Config; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const files = readConfigFiles(directory, problems);
  const parsed = parseConfig(files);
  const all = [...problems, ...parsed.problems];
  if (all.length === 0 && files.links.length === 0) {
    const message = 'no links are configured: add one file per line, NAME.env (see links/README)';
    return { problems: [{ file: join(directory, 'links'), message }] };
  }
  return all.length === 0 && parsed.config !== undefined ? { config: parsed.config, problems: [] } : { problems: all };
}

function readConfigFiles(directory: string, problems: Problem[]): ConfigFiles {
  const main = readConfigFile(join(directory, 'wanhook.env'), problems);
  const linksDirectory = join(directory, 'links');
  const links = listDirectory(linksDirectory, problems)
    .filter((file) => file.endsWith('.env') && !file.startsWith('.'))
    .toSorted()
    .flatMap((file) => {
      const read = readConfigFile(join(linksDirectory, file), problems);
      return read === undefined ? [] : [{ ...read, name: file.slice(0, -'.env'.length) }];
    });
  return { ...(main !== undefined && { main }), links };
}

function listDirectory(path: string, problems: Problem[]): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') problems.push({ file: path, message: `cannot read: ${explain(error)}` });
    return [];
  }
}

function readConfigFile(path: string, problems: Problem[]): ConfigFile | undefined {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') problems.push({ file: path, message: `cannot read: ${explain(error)}` });
    return undefined;
  }
}
