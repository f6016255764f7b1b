import { loadConfig } from '../config/load.ts';
import { EXIT, ProblemsError, showProblem } from '../errors.ts';
import { inspectScripts } from '../kernel/scripts.ts';
import type { Context } from './context.ts';

/** `wanhook check`: every problem of the configuration at once; touches nothing. */
export function check({ configDirectory, scriptDirectory, out, err }: Context): number {
  const { config, problems, warnings = [] } = loadConfig(configDirectory);
  for (const warning of warnings) err(`warning: ${showProblem(warning)}\n`);
  for (const refused of inspectScripts(scriptDirectory).refused) err(`warning: ${refused}\n`);
  if (config === undefined) throw new ProblemsError(problems);
  const links = config.links.map(({ name, id }) => `${name} (${id})`).join(', ');
  const rules = config.rules === undefined ? '' : `; ${config.rules.length} rules`;
  out(`configuration is right: ${config.links.length} links: ${links}${rules}\n`);
  return EXIT.done;
}
