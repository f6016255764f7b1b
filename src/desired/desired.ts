import type { Config, Desired, LinkLoad, LinkStatus } from '../model.ts';
import { clientMemory, restored } from './client-memory.ts';
import { NO_BINDINGS, type Bindings } from './clients.ts';
import { firewall } from './firewall.ts';
import { memory } from './memory.ts';
import { linkMark } from './numbers.ts';
import { nexthops, routes, rules } from './routing.ts';
import { sysctls } from './sysctls.ts';

/** BALANCE=client: how the links are loaded, who is where, and whether that has yet to be put into the kernel. */
interface Remembered {
  readonly base: readonly LinkLoad[];
  readonly bindings: Bindings;
  readonly saved?: boolean;
}

/**
 * What the kernel should hold for these links, and the flows of which links are to be ended. Pure: the same input gives
 * the same objects in the same order.
 */
export function desiredFor(
  config: Config,
  statuses: readonly LinkStatus[],
  endFlowsOf: ReadonlySet<string> = new Set(),
  { base, bindings, saved = false }: Remembered = { base: [], bindings: NO_BINDINGS },
): Desired {
  const ending = statuses.filter(({ link }) => endFlowsOf.has(link.name));
  return {
    rules: rules(config, statuses),
    routes: routes(config, statuses),
    ...nexthops(config, statuses),
    sysctls: sysctls(config, statuses),
    firewall: firewall(config, statuses),
    ...(config.balance === 'pair' && { memory: memory(config, statuses) }),
    ...(config.balance === 'client' && {
      memory: clientMemory(config, statuses, base),
      ...(saved && { memories: restored(config, bindings) }),
    }),
    endFlows: ending.map(({ link }) => linkMark(config, link)),
  };
}

/** After `wanhook stop`: nothing of ours. */
export const NOTHING: Desired = { rules: [], routes: [], nexthops: [], sysctls: {}, endFlows: [] };
