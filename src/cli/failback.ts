import { EXIT, WanhookError } from '../errors.ts';
import { quoted } from '../checked.ts';
import { reconcile } from '../reconcile.ts';
import { trialConfig } from '../state/trial.ts';
import { worldFor, type Common, type Context } from './context.ts';

/**
 * `wanhook failback [LINK…]`: links that wait take traffic again at once. `--due`: only those whose delay is over, what
 * the sleeper says.
 */
export async function failback(context: Context, common: Common, names: readonly string[], due: boolean) {
  const world = worldFor(context, common);
  const known = (trialConfig(world) ?? world.loadConfig().config)?.links.map(({ name }) => name);
  const stranger = known === undefined ? undefined : names.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    const message = `no link ${quoted(stranger)}: there are ${known?.join(', ') ?? 'none'}`;
    throw new WanhookError(message, { exitCode: EXIT.usage });
  }
  const release = due ? [] : names.length === 0 ? (known ?? []) : names;
  const cause = due ? 'failback is due' : ['wanhook failback', ...names].join(' ');
  await reconcile(world, { cause, release, lenient: due });
  return EXIT.done;
}
