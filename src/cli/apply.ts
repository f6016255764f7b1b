import { seenStatuses } from '../desired/picture.ts';
import { EXIT, explain } from '../errors.ts';
import { writeTableNames } from './table-names.ts';
import { reconcile } from '../reconcile.ts';
import { forgetMeasured } from '../state/measured.ts';
import { loadState } from '../state/store.ts';
import { learn } from './learn.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook apply`: the full reconcile, also at boot and after `stop`. */
export async function apply(context: Context, common: Common): Promise<number> {
  const world = worldFor(context, common);
  const { config } = world.loadConfig();
  // Before the lock is taken: names may take seconds.
  const known = loadState(world.stateDirectory).state.learned;
  const learned = config === undefined ? undefined : await learn(config, known, context.sources, world.warn);
  const watched = context.isWatched();
  // A monitor that was killed has left its last sign of life: nobody is expected to give another.
  if (!watched) forgetMeasured(world.stateDirectory);
  const report = await reconcile(world, {
    cause: 'wanhook apply',
    stopped: false,
    unwatched: !watched,
    ...(learned && { learned }),
  });
  if (config !== undefined) {
    try {
      writeTableNames(config);
    } catch (error) {
      // Names are for people reading `ip route show table wan-dsl`; routing does without.
      world.warn(explain(error));
    }
  }
  const seen = report === undefined ? [] : seenStatuses(report.config, report.statuses, report.statuses6);
  const live = seen.filter(({ up }) => up).length;
  context.out(`${report?.ops.length ?? 0} changes; ${live} of ${seen.length} links up\n`);
  return (report?.refused.size ?? 0) > 0 ? EXIT.failed : EXIT.done;
}
