import { EXIT } from '../errors.ts';
import { reconcile } from '../reconcile.ts';
import { stopUses } from './use.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook stop`: remove exactly what is ours. Needs no configuration: what is ours is signed. */
export async function stop(context: Context, common: Common): Promise<number> {
  const world = worldFor(context, common);
  await stopUses(world);
  const report = await reconcile(world, { cause: 'wanhook stop', stopped: true });
  context.out(`stopped: ${report?.ops.length ?? 0} changes; "wanhook apply" starts again\n`);
  return EXIT.done;
}
