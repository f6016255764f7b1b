import type { Config, Desired, LinkLoad, LinkStatus, State } from '../model.ts';
import { clientMemory, restored } from './client-memory.ts';
import { NO_BINDINGS, type Bindings } from './clients.ts';
import { resolverRules, tunnelRules, type Memory } from './destinations.ts';
import { firewall } from './firewall.ts';
import { memory as pairMemory } from './memory.ts';
import { nexthops, routes, rules } from './routing.ts';
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
    sysctls: sysctls(config, statuses),
    firewall: firewall(config, statuses, memory.learned?.helpers),
    ...(config.balance === 'pair' && { memory: pairMemory(config, statuses) }),
    ...(config.balance === 'client' && {
      memory: clientMemory(config, statuses, base),
      ...(saved && { memories: restored(config, bindings) }),
    }),
    lost: lostAddresses(statuses, memory.verdicts, ending),
  };
}

/** On a transition only: addresses of links that have gone down, or changed them, and that no link has now. */
function lostAddresses(
  statuses: readonly LinkStatus[],
  verdicts: State['verdicts'],
  ending: ReadonlySet<string>,
): string[] {
  const there = new Set(statuses.flatMap((status) => (status.up ? [status.address] : [])));
  return statuses.flatMap(({ link, up }) => {
    const last = verdicts[link.name];
    const lost = up ? last?.up === true : ending.has(link.name);
    return lost && last?.address !== undefined && !there.has(last.address) ? [last.address] : [];
  });
}

/** After `wanhook stop`: nothing of ours. */
export const NOTHING: Desired = { rules: [], routes: [], nexthops: [], sysctls: {}, lost: [] };
