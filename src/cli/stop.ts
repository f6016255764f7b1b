import { EXIT } from '../errors.ts';
import { reconcile } from '../reconcile.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook stop`: remove exactly what is ours. Needs no configuration: what is ours is signed. */
export async function stop(context: Context, common: Common): Promise<number> {
  const report = await reconcile(worldFor(context, common), { cause: 'wanhook stop', stopped: true });
  context.out(`stopped: ${report?.ops.length ?? 0} changes; "wanhook apply" starts again\n`);
  return EXIT.done;
}
