import { isLinkLocalIpv6, prefixOf6, contains6, parsePrefix6 } from '../ipv6.ts';
import { isLive, isRefusing } from '../liveness.ts';
import type { Config, Hop, LinkStatus, LinkUp, Route, Rule } from '../model.ts';
import { balanceTable, linkMark, linkTable, pref } from './numbers.ts';
import { BEHIND, probeRules, sharingLinks } from './routing.ts';
import { markPref, shortcuts } from './shortcuts.ts';

/** Is there any IPv6, or was there a moment ago? Where there never was, nothing of ours is in the kernel's IPv6. */
export const isInUse6 = (statuses: readonly LinkStatus[]): boolean =>
  statuses.some(({ up, address, delegated }) => up || address !== undefined || delegated !== undefined);

/** The devices of all links, by whichever family they are known. */
export const devicesOf = (in4: readonly LinkStatus[], in6: readonly LinkStatus[]): string[] =>
  [...new Set([...in4, ...in6].flatMap(({ device }) => device ?? []))].toSorted();

/**
 * As for IPv4 (routing.ts), but sources are whole prefixes: those of the device, and those delegated to us. A link that does
 * not take connections keeps the former for what is bound to it; what comes from the latter may leave by others, where it
 * is masqueraded.
 */
export function rules6(config: Config, statuses: readonly LinkStatus[]): Rule[] {
  if (!isInUse6(statuses)) return [];
  const found: Rule[] = [
    ...statuses.flatMap((status) => probeRules(config, status)),
    { pref: pref(config, 'main'), table: MAIN, suppressPrefixlength: 0 },
    ...statuses.flatMap((status) => linkRules(config, status)),
    { pref: pref(config, 'balance'), table: balanceTable(config) },
    ...shortcuts(config, 6),
  ];
  return found.map((rule) => ({ ...rule, family: 6 }));
}

const MAIN = 254;

function linkRules(config: Config, status: LinkStatus): Rule[] {
  const { link, up, device, address, sources = [], delegated = [] } = status;
  const table = linkTable(config, link);
  const marked = { pref: markPref(config, link), fwmark: linkMark(config, link) };
  const isHeld = link.onDown === 'block';
  const bound = up || isHeld ? sources : [];
  const free = isLive(status) || isHeld ? delegated : [];
  // A router that has only an address out of what was delegated, and a link that is dead: for what is bound to it.
  const isHeldAlready = address !== undefined && [...bound, ...free].some((from) => holds(from, address));
  const single = up && !isHeldAlready ? [address] : [];
  return [
    up && isRefusing(status) ? { ...marked, type: 'unreachable' } : { ...marked, table },
    ...(device === undefined ? [] : [{ pref: pref(config, 'oif'), oif: device, table }]),
    ...[...new Set([...bound, ...free, ...single])].map((from) => ({ pref: pref(config, 'source'), from, table })),
  ];
}

/** Is it that address, or the prefix that the address is in? */
export function holds(from: string, address: string): boolean {
  const prefix = parsePrefix6(from);
  return from === address || (prefix !== undefined && contains6(prefix, prefixOf6(address, 128)));
}

/**
 * The balance is a classic multipath route, not a group of nexthops: local sockets would all get the first member's source
 * address. The kernel takes only the dead one out of it; IPv6, unlike IPv4, keeps the others.
 */
export function routes6(config: Config, statuses: readonly LinkStatus[]): Route[] {
  if (!isInUse6(statuses)) return [];
  const own = statuses.flatMap((status): Route[] => {
    const table = linkTable(config, status.link);
    const behind: Route[] = status.link.onDown === 'block' ? [{ table, type: 'unreachable', metric: BEHIND }] : [];
    return status.up ? [...behind, linkRoute(table, status)] : behind;
  });
  const found = [...own, ...balance(config, statuses), ...unassigned(statuses)];
  return found.map((route) => ({ ...route, family: 6 }));
}

/** The kernel finds the source by the device; but not if that has none. */
function linkRoute(table: number, { device, gateway, onlink, address, sources = [] }: LinkUp): Route {
  return {
    ...{ table, type: 'unicast', device },
    ...(gateway !== undefined && { gateway }),
    ...(onlink && { onlink }),
    ...(!sources.some((source) => holds(source, address)) && { source: address }),
  };
}

function balance(config: Config, statuses: readonly LinkStatus[]): Route[] {
  const table = balanceTable(config);
  const sharing = sharingLinks(statuses);
  const [only] = sharing;
  if (only === undefined) {
    return statuses.some(({ up }) => up) ? [{ table, type: 'unreachable', metric: BEHIND }] : [];
  }
  if (sharing.length === 1) return [linkRoute(table, only)];
  return [{ table, type: 'unicast', hops: sharing.map(hopOf) }];
}

/**
 * The kernel takes no nexthop of a multipath route without a gateway. On a device without neighbours it does not matter
 * which: nobody is asked for its address.
 */
function hopOf({ link, device, gateway, peer }: LinkUp): Hop {
  const stand = peer !== undefined && isLinkLocalIpv6(peer) ? peer : 'fe80::1';
  return { gateway: gateway ?? stand, device, weight: link.weight };
}

/** What was delegated and is nobody's on the LAN must not go back to the ISP, which would send it again. */
function unassigned(statuses: readonly LinkStatus[]): Route[] {
  const prefixes = new Set(statuses.flatMap(({ delegated = [] }) => delegated));
  return [...prefixes]
    .toSorted()
    .map((destination) => ({ table: MAIN, destination, type: 'unreachable', metric: BEHIND }));
}
