import { seenStatuses } from '../desired/picture.ts';
import { EXIT } from '../errors.ts';
import { reconcile, type World } from '../reconcile.ts';
import { saveGoodConfig } from '../state/good-config.ts';
import { forgetMeasured } from '../state/measured.ts';
import { loadState } from '../state/store.ts';
import { endTrial, forgetTrial, loadTrial, trialNotice, type Trial } from '../state/trial.ts';
import { learn } from './learn.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook apply`: the full reconcile, also at boot and after `stop`. */
export async function apply(context: Context, common: Common): Promise<number> {
  const world = worldFor(context, common);
  const fromDisk = settleTrial(world);
  const loaded = fromDisk ? world.loadConfig() : held(loadTrial(world));
  const config = loaded?.config;
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
    fromDisk,
    ...(learned && { learned }),
  });
  if (fromDisk && loaded !== undefined) saveGoodConfig(world.stateDirectory, loaded.files, 'applied.json');
  context.nameTables(config);
  const seen = report === undefined ? [] : seenStatuses(report.config, report.statuses, report.statuses6);
  const live = seen.filter(({ up }) => up).length;
  context.out(`${report?.ops.length ?? 0} changes; ${live} of ${seen.length} links up\n`);
  return (report?.refused.size ?? 0) > 0 ? EXIT.failed : EXIT.done;
}

const held = (trial: Trial | undefined) => trial && (trial.left > 0 ? trial.tried : trial.former);

/**
 * May what is in /etc/wanhook be taken? While it is on trial, `apply` is somebody's hook or timer, and decides nothing. After
 * it, a person's word; but not at the first start after a reboot, for that is how one who has locked himself out gets in again.
 */
function settleTrial(world: World): boolean {
  const trial = loadTrial(world);
  if (trial === undefined) return true;
  if (trial.ours && trial.left === 0) {
    if (world.loadConfig().config !== undefined) forgetTrial(world);
    return true;
  }
  if (trial.left === 0) endTrial(world, trial);
  world.warn(trialNotice(trial) ?? '');
  return false;
}
