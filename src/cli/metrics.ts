import { EXIT, WanhookError } from '../errors.ts';
import { metricsText } from '../monitor/metrics.ts';
import { preview } from '../reconcile.ts';
import { writeAtomically } from '../state/files.ts';
import { loadMeasured } from '../state/measured.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook metrics [--write]`: what the monitor writes to METRICS_FILE. */
export async function metrics(context: Context, common: Common, write: boolean): Promise<number> {
  const world = worldFor(context, common);
  const decision = await preview(world, { lenient: true });
  const now = world.now();
  const measured = loadMeasured(world.stateDirectory, now);
  const measured6 = loadMeasured(world.stateDirectory, now, 6);
  const text = metricsText({ ...decision, measured, measured6, now, version: context.version });
  const { metricsFile } = decision.config;
  if (!write) context.out(text);
  else if (metricsFile !== undefined) writeAtomically(metricsFile, text, 0o644);
  else throw new WanhookError('METRICS_FILE in wanhook.env does not say where to write', { exitCode: EXIT.usage });
  return EXIT.done;
}
