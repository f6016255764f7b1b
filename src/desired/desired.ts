import type { Config, Desired, LinkStatus } from '../model.ts';
import { firewall } from './firewall.ts';
import { linkMark } from './numbers.ts';
import { nexthops, routes, rules } from './routing.ts';
import { sysctls } from './sysctls.ts';

/**
 * What the kernel should hold for these links, and the flows of which links are to be ended. Pure: the same input gives
 * the same objects in the same order.
 */
export function desiredFor(
  config: Config,
  statuses: readonly LinkStatus[],
  endFlowsOf: ReadonlySet<string> = new Set(),
): Desired {
  const ending = statuses.filter(({ link }) => endFlowsOf.has(link.name));
  return {
    rules: rules(config, statuses),
    routes: routes(config, statuses),
    ...nexthops(config, statuses),
    sysctls: sysctls(config, statuses),
    firewall: firewall(config, statuses),
    endFlows: ending.map(({ link }) => linkMark(config, link)),
  };
}

/** After `wanhook stop`: nothing of ours. */
export const NOTHING: Desired = { rules: [], routes: [], nexthops: [], sysctls: {}, endFlows: [] };
