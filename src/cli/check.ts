import { loadConfig } from '../config/load.ts';
import { EXIT, ProblemsError } from '../errors.ts';
import type { Context } from './context.ts';

/** `wanhook check`: every problem of the configuration at once; touches nothing. */
export function check({ configDirectory, out }: Context): number {
  const { config, problems } = loadConfig(configDirectory);
  if (config === undefined) throw new ProblemsError(problems);
  const links = config.links.map(({ name, id }) => `${name} (${id})`).join(', ');
  out(`configuration is right: ${config.links.length} links: ${links}\n`);
  return EXIT.done;
}
