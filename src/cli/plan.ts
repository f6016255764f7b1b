import { EXIT } from '../errors.ts';
import { pasteable } from '../kernel/render.ts';
import { preview } from '../reconcile.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook plan`: what would change, as commands; like terraform's and diff(1)'s, the exit code says whether. */
export async function planCommand(context: Context, common: Common): Promise<number> {
  const { ops } = await preview(worldFor(context, common), { fromDisk: true });
  ops.forEach((op) => context.out(`${pasteable(op)}\n`));
  return ops.length === 0 ? EXIT.done : EXIT.changes;
}
