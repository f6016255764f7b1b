import type { Config, Desired, LinkStatus } from '../model.ts';
import { firewall } from './firewall.ts';
import { linkMark, linkTable } from './numbers.ts';
import { nexthops, routes, rules } from './routing.ts';
import { sysctls } from './sysctls.ts';

/** What the kernel should hold for these links. Pure: the same input gives the same objects in the same order. */
export function desiredFor(config: Config, statuses: readonly LinkStatus[]): Desired {
  const blocked = statuses
    .filter((status) => !status.up && status.link.onDown === 'block')
    .map(({ link }) => [linkTable(config, link), linkMark(config, link)] as const);
  return {
    rules: rules(config, statuses),
    routes: routes(config, statuses),
    ...nexthops(config, statuses),
    sysctls: sysctls(config, statuses),
    firewall: firewall(config, statuses),
    blocked: Object.fromEntries(blocked),
  };
}

/** After `wanhook stop`: nothing of ours. */
export const NOTHING: Desired = { rules: [], routes: [], nexthops: [], sysctls: {}, blocked: {} };
