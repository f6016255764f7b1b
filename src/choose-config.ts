import { GLOBAL_DEFAULTS } from './config/keys.ts';
import { explain, ProblemsError } from './errors.ts';
import type { Config } from './model.ts';
import { loadGoodConfig, saveGoodConfig } from './state/good-config.ts';
import { saveNames } from './state/names.ts';
import { trialConfig } from './state/trial.ts';
import type { Options, World } from './world.ts';

/** Stopping needs no configuration: what is ours is signed. */
export const STOPPING: Config = { ...GLOBAL_DEFAULTS, lan: 'none', links: [] };

/** Hooks outlive somebody's half-finished edit: they go on with the last configuration that was whole, and say so. */
export function chooseConfig(
  world: World,
  { lenient = false, fromDisk = false }: Pick<Options, 'lenient' | 'fromDisk'>,
  notes: string[],
  keep = false,
): Config {
  const held = fromDisk ? undefined : (trialConfig(world) ?? world.keptConfig?.read());
  if (held !== undefined) return held;
  const { config, problems, files } = world.loadConfig();
  if (config !== undefined && keep) {
    saveGoodConfig(world.stateDirectory, files);
    saveNames(world.stateDirectory, config);
    world.keptConfig?.keep(config);
  }
  if (config !== undefined) return config;
  const good = lenient ? loadGoodConfig(world.stateDirectory) : undefined;
  const error = new ProblemsError(problems);
  if (good === undefined) throw error;
  const message = `going on with the last good configuration: ${explain(error)}`;
  notes.push(message);
  world.warn(message);
  return good;
}
