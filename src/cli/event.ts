import { EXIT, WanhookError } from '../errors.ts';
import { Checks } from '../events/hook-input.ts';
import { isLineName, quoted } from '../checked.ts';
import type { Config, LinkEvent } from '../model.ts';
import { reconcile, type World } from '../reconcile.ts';
import { discardEvents, dropEvent } from '../state/inbox.ts';
import { findLink } from '../state/record.ts';
import { loadState } from '../state/store.ts';
import { trialConfig } from '../state/trial.ts';
import { worldFor, type Common, type Context } from './context.ts';

export interface EventOptions {
  readonly address?: string;
  readonly gateway?: string;
  readonly ipparam?: string;
}

/** `wanhook event up|down DEVICE`: for clients without a hook, and for taking a line out by hand. */
export async function event(
  context: Context,
  common: Common,
  kind: 'up' | 'down',
  device: string,
  options: EventOptions,
): Promise<number> {
  const world = worldFor(context, common);
  const config = trialConfig(world) ?? world.loadConfig().config;
  const said = eventOf(kind, device, { ...nameOnDevice(world, config, device), ...options });
  if (config !== undefined && findLink(config, said) === undefined) {
    context.err(`wanhook: ${device} is no link of ours: nothing to do\n`);
    return EXIT.done;
  }
  const eventPath = dropEvent(world.stateDirectory, said);
  const report = await reconcile(world, { cause: `wanhook event ${kind} ${device}`, eventPath }).catch(
    (error: unknown) => {
      // A command that failed must not be carried out by whoever comes next.
      discardEvents([eventPath]);
      throw error;
    },
  );
  for (const note of report?.notes ?? []) context.err(`wanhook: ${note}\n`);
  return EXIT.done;
}

/** A link that is named by its ipparam or linkname alone is on whatever device its last event came from. */
function nameOnDevice(world: World, config: Config | undefined, device: string): LineNames {
  const { links } = loadState(world.stateDirectory).state;
  const link = config?.links.find(({ name }) => links[name]?.device === device);
  if (link?.pppIpparam !== undefined) return { ipparam: link.pppIpparam };
  return link?.pppLinkname === undefined ? {} : { linkname: link.pppLinkname };
}

type LineNames = Pick<LinkEvent, 'ipparam' | 'linkname'>;

function eventOf(kind: 'up' | 'down', device: string, options: EventOptions & LineNames): LinkEvent {
  const { address, gateway, ipparam, linkname } = options;
  const checks = new Checks();
  checks.device('DEVICE', device);
  if (address !== undefined) checks.address('--address', address);
  if (gateway !== undefined) checks.address('--gateway', gateway);
  if (ipparam !== undefined && !isLineName(ipparam))
    checks.problems.push(`--ipparam names no line: ${quoted(ipparam)}`);
  if (checks.problems.length > 0) throw new WanhookError(checks.problems.join('; '), { exitCode: EXIT.usage });
  return {
    source: 'cli',
    kind,
    device,
    ...(address !== undefined && { address }),
    ...(gateway !== undefined && { gateway }),
    ...(ipparam !== undefined && { ipparam }),
    ...(linkname !== undefined && { linkname }),
    dns: [],
    cause: `event ${kind}`,
  };
}
