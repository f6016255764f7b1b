import { isDeepStrictEqual } from 'node:util';
import { basename, join } from 'node:path';
import { isObject, parseJson } from '../json.ts';
import type { Config } from '../model.ts';
import { readIfThere, writeAtomically } from './files.ts';
import { areAsTheyWere, areOld, configPaths, identity, stampsOf, type Stamps } from './stamps.ts';

/**
 * The configuration as a hook has parsed it, for the next one: sixty files take longer to read and parse than all that follows.
 * It counts only for the very bundle that has parsed it, and while every file is as it was.
 */
interface Kept {
  readonly bundle: string;
  readonly files: Stamps;
  readonly config: Config;
}

/** Whose it is. */
export interface ConfigKeeper {
  readonly stateDirectory: string;
  readonly configDirectory: string;
  /** The hook's code. */
  readonly bundle: string;
}

const placeOf = ({ stateDirectory, bundle }: ConfigKeeper) =>
  join(stateDirectory, `${basename(bundle, '.cjs')}.config`);

/** What is damaged, another version's, or of files that have changed, counts as none. */
export function keptConfig(keeper: ConfigKeeper): Pick<Kept, 'config' | 'files'> | undefined {
  const kept = parseJson(readIfThere(placeOf(keeper)) ?? '') as Kept | undefined;
  if (!isObject(kept) || !isObject(kept.files) || kept.bundle !== identity(keeper.bundle)) return undefined;
  return areAsTheyWere(kept.files) ? kept : undefined;
}

/** With the lock, when it has been parsed, and all that every run writes of it stands in the state directory. `began`: epoch ms. */
export function keepConfig(keeper: ConfigKeeper, config: Config, began: number): void {
  const { stateDirectory, configDirectory, bundle } = keeper;
  const read = stampsOf(configPaths(configDirectory));
  const code = stampsOf([bundle]);
  // The bundle, too: during an upgrade it is not the one that runs.
  if (!areOld({ ...read, ...code }, began)) return;
  const files = { ...read, ...stampsOf(['config.json', 'names'].map((name) => join(stateDirectory, name))) };
  const kept: Kept = { bundle: code[bundle] ?? '', files, config };
  try {
    const text = JSON.stringify(kept);
    // JSON has no bigints, which ranges of IPv6 are made of, and no infinity.
    if (isDeepStrictEqual(JSON.parse(text), kept)) writeAtomically(placeOf(keeper), `${text}\n`);
  } catch {
    // Nor room: the next one parses, too.
  }
}
