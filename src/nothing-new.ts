import { nothingNew } from './glance.ts';
import type { Early, World } from './reconcile.ts';
import type { LinkEvent, LinkRecord, State } from './model.ts';
import { nextLook } from './next-look.ts';
import { EMPTY_FAMILY, isRepeat } from './state/record.ts';
import { isUndisturbed } from './state/settled.ts';
import type { StampedState } from './state/store.ts';
import { loadTrial } from './state/trial.ts';
import { isTold } from './tell.ts';

/**
 * A hook that is told once more what is recorded, and sees that the kernel is as it should be, has nothing to write: it takes
 * no lock, and its event goes through no file. False: that is not so, or not certain, and nothing has been written or told.
 * `look` is asked only of an event that may be one of these: it may have to be waited for.
 */
export function saysNothingNew(
  world: World,
  event: LinkEvent,
  record: StampedState,
  look: () => Early,
): Promise<boolean> {
  return decideAlone(world, event, record, look).catch(() => false);
}

async function decideAlone(
  world: World,
  event: LinkEvent,
  { state, stamp }: StampedState,
  look: () => Early,
): Promise<boolean> {
  if (state.stopped || !isKnown(state, event)) return false;
  const config = world.keptConfig?.read();
  if (config === undefined || !isRepeat(state, event, config) || loadTrial(world) !== undefined) return false;
  const early = look();
  const warnings: string[] = [];
  const quiet: World = { ...world, warn: (message) => warnings.push(message) };
  const known = { config, state, pending: [{ path: '', event }], refused: new Map<string, string>() };
  const report = await nothingNew(quiet, known, early);
  if (report === undefined || warnings.length > 0 || nextLook(report, world.now) !== undefined) return false;
  if (!isTold(world, report)) return false;
  if (!isUndisturbed(world.stateDirectory, { changes: early.changes ?? '', record: stamp })) return false;
  if (report.sysctls !== undefined) world.settled?.(report.sysctls, stamp);
  return true;
}

/** Without the configuration: most events that change something end here, and should not pay for the others. */
function isKnown(state: State, { kind, device, address, family }: LinkEvent): boolean {
  const { links, verdicts } = family === 6 ? (state.v6 ?? EMPTY_FAMILY) : state;
  const isSame = (known?: LinkRecord) => known?.device === device && known.address === address;
  return Object.entries(verdicts).some(([name, { up }]) => up && (kind === 'check' || isSame(links[name])));
}
