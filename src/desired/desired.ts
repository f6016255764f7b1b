import { isLive } from '../liveness.ts';
import type { Config, Desired, EndedFlows, LinkLoad, LinkStatus, State } from '../model.ts';
import { clientMemory, restored } from './client-memory.ts';
import { NO_BINDINGS, type Bindings } from './clients.ts';
import { resolverRules, tunnelRules, type Memory } from './destinations.ts';
import { firewall } from './firewall.ts';
import { memory as pairMemory } from './memory.ts';
import { linkMark } from './numbers.ts';
import { neighbours, nexthops, routes, rules } from './routing.ts';
import { routes6, rules6 } from './routing6.ts';
import { shortcuts } from './shortcuts.ts';
import { sysctls, sysctls6, unheard } from './sysctls.ts';

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
  six: InIpv6 = NO_IPV6,
): Desired {
  return {
    rules: [
      ...rules(config, statuses),
      ...shortcuts(config),
      ...tunnelRules(config, statuses, memory),
      ...resolverRules(config, statuses, memory),
      ...rules6(config, six.statuses),
    ],
    routes: [...routes(config, statuses), ...routes6(config, six.statuses)],
    ...nexthops(config, statuses),
    neighbours: memory.learned?.managedNeighbours === true ? neighbours([...statuses, ...six.statuses]) : [],
    sysctls: { ...sysctls(config, statuses), ...sysctls6(config, six.statuses) },
    unheard: unheard(six.statuses),
    firewall: firewall(config, statuses, memory.learned?.helpers, six.statuses),
    ...(config.balance === 'pair' && { memory: pairMemory(config, statuses, six.statuses) }),
    ...(config.balance === 'client' && {
      memory: clientMemory(config, statuses, base, six.statuses),
      ...(saved && { memories: restored(config, bindings) }),
    }),
    lost: [...lostAddresses(statuses, memory.verdicts, ending), ...lostSources(six)],
    ended: [...endedFlows(config, statuses, ending), ...endedFlows6(config, six)],
  };
}

/** The links as IPv6 has them. */
export interface InIpv6 {
  readonly statuses: readonly LinkStatus[];
  readonly verdicts: State['verdicts'];
  readonly ending: ReadonlySet<string>;
}
const NO_IPV6: InIpv6 = { statuses: [], verdicts: {}, ending: new Set() };

/** On a transition only: addresses of links that have died, gone down, or changed them, and that no live link has now. */
function lostAddresses(
  statuses: readonly LinkStatus[],
  verdicts: State['verdicts'],
  ending: ReadonlySet<string>,
): string[] {
  const isThere = (address: string) => statuses.some((status) => isLive(status) && status.address === address);
  return statuses.flatMap((status) => {
    const { link } = status;
    const last = verdicts[link.name];
    const live = isLive(status);
    // Most links: no need to look among the others.
    if (last?.address === undefined || (live && last.address === status.address)) return [];
    const lost = live ? last.up : ending.has(link.name);
    return lost && !isThere(last.address) ? [last.address] : [];
  });
}

/**
 * The device and address of a dead link stay, and its table, so nothing but this ends its flows. Not those of a
 * fail-closed link: they are refused while it is dead, and go on when it is not.
 */
function endedFlows(config: Config, statuses: readonly LinkStatus[], ending: ReadonlySet<string>): EndedFlows[] {
  return statuses
    .filter(({ up, link }) => up && link.onDown === 'failover' && ending.has(link.name))
    .map(({ link }) => linkMark(config, link));
}

/** As `lostAddresses`, but by the prefixes that the device's addresses are in. */
function lostSources({ statuses, verdicts, ending }: InIpv6): string[] {
  const there = new Set(statuses.flatMap((status) => (isLive(status) ? (status.sources ?? []) : [])));
  return statuses.flatMap((status) => {
    const last = verdicts[status.link.name];
    const lost = isLive(status) ? last?.up === true : ending.has(status.link.name);
    return lost ? (last?.sources ?? []).filter((source) => !there.has(source)) : [];
  });
}

/** What is not translated keeps its entry, and its link, when the device goes: nothing but this ends it. */
function endedFlows6(config: Config, { statuses, ending }: InIpv6): EndedFlows[] {
  return statuses
    .filter(({ link }) => link.onDown === 'failover' && ending.has(link.name))
    .map(({ link }) => ({ ...linkMark(config, link), family: 6 }));
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
