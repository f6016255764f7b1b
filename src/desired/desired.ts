import { isLive } from '../liveness.ts';
import type { Config, Desired, LinkLoad, LinkStatus, Mark, State } from '../model.ts';
import { clientMemory, restored } from './client-memory.ts';
import { NO_BINDINGS, type Bindings } from './clients.ts';
import { resolverRules, tunnelRules, type Memory } from './destinations.ts';
import { firewall } from './firewall.ts';
import { memory as pairMemory } from './memory.ts';
import { linkMark } from './numbers.ts';
import { neighbours, nexthops, routes, rules } from './routing.ts';
import { shortcuts } from './shortcuts.ts';
import { sysctls } from './sysctls.ts';

const NO_MEMORY: Memory = { links: {}, verdicts: {} };

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
  memory: Memory = NO_MEMORY,
  ending: ReadonlySet<string> = new Set(),
  { base, bindings, saved = false }: Remembered = { base: [], bindings: NO_BINDINGS },
): Desired {
  return {
    rules: [
      ...rules(config, statuses),
      ...shortcuts(config),
      ...tunnelRules(config, statuses, memory),
      ...resolverRules(config, statuses, memory),
    ],
    routes: routes(config, statuses),
    ...nexthops(config, statuses),
    neighbours: memory.learned?.managedNeighbours === true ? neighbours(statuses) : [],
    sysctls: sysctls(config, statuses),
    firewall: firewall(config, statuses, memory.learned?.helpers),
    ...(config.balance === 'pair' && { memory: pairMemory(config, statuses) }),
    ...(config.balance === 'client' && {
      memory: clientMemory(config, statuses, base),
      ...(saved && { memories: restored(config, bindings) }),
    }),
    lost: lostAddresses(statuses, memory.verdicts, ending),
    ended: endedFlows(config, statuses, ending),
  };
}

/** On a transition only: addresses of links that have died, gone down, or changed them, and that no live link has now. */
function lostAddresses(
  statuses: readonly LinkStatus[],
  verdicts: State['verdicts'],
  ending: ReadonlySet<string>,
): string[] {
  const there = new Set(statuses.flatMap((status) => (isLive(status) ? [status.address] : [])));
  return statuses.flatMap((status) => {
    const { link } = status;
    const last = verdicts[link.name];
    const lost = isLive(status) ? last?.up === true : ending.has(link.name);
    return lost && last?.address !== undefined && !there.has(last.address) ? [last.address] : [];
  });
}

/**
 * The device and address of a dead link stay, and its table, so nothing but this ends its flows. Not those of a
 * fail-closed link: they are refused while it is dead, and go on when it is not.
 */
function endedFlows(config: Config, statuses: readonly LinkStatus[], ending: ReadonlySet<string>): Mark[] {
  return statuses
    .filter(({ up, link }) => up && link.onDown === 'failover' && ending.has(link.name))
    .map(({ link }) => linkMark(config, link));
}

/** After `wanhook stop`: nothing of ours. */
export const NOTHING: Desired = {
  rules: [],
  routes: [],
  nexthops: [],
  neighbours: [],
  sysctls: {},
  lost: [],
  ended: [],
};
