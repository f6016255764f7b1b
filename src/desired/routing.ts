import { isLive, isRefusing } from '../liveness.ts';
import type { Config, Draft, LinkStatus, LinkUp, Neighbour, Nexthop, NexthopGroup, Route, Rule } from '../model.ts';
import { markPref } from './shortcuts.ts';
import {
  balanceTable,
  groupId,
  hasSocketProbes,
  linkMark,
  linkTable,
  nexthopId,
  pref,
  probeOf,
  probePorts,
  standing,
} from './numbers.ts';

/** Links that take new connections: those of the lowest tier that has a live one which need not wait. */
export function sharingLinks(statuses: readonly LinkStatus[]): LinkUp[] {
  let [best, found]: [number, LinkUp[]] = [Infinity, []];
  for (const status of statuses) {
    if (!isLive(status) || status.waits !== undefined) continue;
    const own = standing(status.link);
    if (own < best) [best, found] = [own, []];
    if (own === best) found.push(status);
  }
  return found;
}

/**
 * ip-rule(8), in order: neighbours of links that share a subnet; then `main`, but without its default, so that nobody's
 * default needs deleting and more specific routes (VPN, OSPF) win; then whoever is bound to a device, carries a mark, or
 * has a source address; then everybody else by the balance. Device and mark rules stay while a link is down: its empty table falls through.
 * A dead link keeps its table for what is bound to it, the probes above all; only the marked flows of a fail-closed one
 * are refused.
 */
export function rules(config: Config, statuses: readonly LinkStatus[]): Rule[] {
  return [
    ...neighbourRules(config, statuses),
    ...statuses.flatMap((status) => probeRules(config, status)),
    { pref: pref(config, 'main'), table: 254, suppressPrefixlength: 0 },
    ...statuses.flatMap((status) => linkRules(config, status)),
    { pref: pref(config, 'balance'), table: balanceTable(config) },
  ];
}

/**
 * What a socket of ours asks for a link leaves by the link's table or not at all, dead or not: an answer by another line
 * would call it alive. By address and port: two lines may have the same address behind two modems of one kind. Only for
 * links that have such targets: as soon as a rule names ports, the kernel must look for them in every packet.
 */
export function probeRules(config: Config, status: LinkStatus): Rule[] {
  if (!status.up || !hasSocketProbes(probeOf(status))) return [];
  const probes = { from: status.address, sports: probePorts(status.link) };
  return [
    { pref: pref(config, 'probe'), ...probes, table: linkTable(config, status.link) },
    { pref: pref(config, 'probeEnd'), ...probes, type: 'unreachable' },
  ];
}

/**
 * Two links in one subnet: `main` has a connected route for each, and finds the first whatever the source. So what is
 * bound to one of them by address or mark is asked about before; a more specific route of `main` still wins.
 */
function neighbourRules(config: Config, statuses: readonly LinkStatus[]): Rule[] {
  const sharing = statuses.flatMap((status) =>
    status.up && status.sharedSubnet !== undefined ? [{ ...status, to: status.sharedSubnet }] : [],
  );
  const subnets = [...new Set(sharing.map(({ to }) => to))].toSorted();
  return [
    ...subnets.map((to): Rule => {
      const suppressPrefixlength = Number(to.split('/')[1]);
      return { pref: pref(config, 'specific'), to, table: 254, suppressPrefixlength };
    }),
    ...sharing.flatMap(({ link, address, to }): Rule[] => {
      const end = { pref: pref(config, 'neighbours'), to, table: linkTable(config, link) };
      return [
        { ...end, from: address },
        { ...end, fwmark: linkMark(config, link) },
      ];
    }),
  ];
}

function linkRules(config: Config, status: LinkStatus): Rule[] {
  const table = linkTable(config, status.link);
  const marked: Draft<Rule> = { pref: markPref(config, status.link), fwmark: linkMark(config, status.link) };
  if (status.up && isRefusing(status)) marked.type = 'unreachable';
  else marked.table = table;
  const found: Rule[] = [marked];
  if (status.device !== undefined) found.push({ pref: pref(config, 'oif'), oif: status.device, table });
  // A fail-closed link refuses its old address too, instead of letting it leave by another line.
  if (status.address !== undefined && (status.up || status.link.onDown === 'block')) {
    found.push({ pref: pref(config, 'source'), from: status.address, table });
  }
  return found;
}

/**
 * Behind the default of a fail-closed link: as soon as the kernel takes that away, before any hook, its flows are refused.
 */
export const BEHIND = 65535;

/** A default in each live link's table, its subnet where that is another's too, and the balance route over the nexthop group. */
export function routes(config: Config, statuses: readonly LinkStatus[]): Route[] {
  const own: Route[] = [];
  for (const status of statuses) {
    const table = linkTable(config, status.link);
    // An empty table lets the link's flows fall through to the balance; `block` refuses them.
    if (status.link.onDown === 'block') own.push({ table, type: 'unreachable', metric: BEHIND });
    if (status.up) own.push(...linkRoutes(table, status));
  }
  if (sharingLinks(statuses).length === 0) {
    // LAST_RESORT=block: not by somebody's default in `main` either, which may lead into a dead line.
    const blocked = statuses.some(({ up }) => up);
    return blocked ? [...own, { table: balanceTable(config), type: 'unreachable', metric: BEHIND }] : own;
  }
  return [...own, { table: balanceTable(config), type: 'unicast', nexthopId: groupId(config) }];
}

function linkRoutes(table: number, { device, address, gateway, onlink, sharedSubnet }: LinkUp): Route[] {
  const own: Draft<Route> = { table, type: 'unicast', device, source: address };
  const subnet = sharedSubnet === undefined ? [] : [{ ...own, destination: sharedSubnet }];
  if (gateway !== undefined) own.gateway = gateway;
  if (onlink) own.onlink = onlink;
  return [...subnet, own];
}

/**
 * One nexthop per sharing link, in a group: when a ppp device is unregistered the kernel takes its nexthop out of the
 * group before any hook runs, where a classic multipath route would vanish whole.
 */
export function nexthops(
  config: Config,
  statuses: readonly LinkStatus[],
): { nexthops: Nexthop[]; group?: NexthopGroup } {
  const sharing = sharingLinks(statuses);
  const found = sharing.map(({ link, device, gateway, onlink }) => {
    const nexthop: Draft<Nexthop> = { id: nexthopId(config, link), device };
    if (gateway !== undefined) nexthop.gateway = gateway;
    if (onlink) nexthop.onlink = onlink;
    return nexthop;
  });
  if (found.length === 0) return { nexthops: [] };
  const members = sharing.map(({ link }) => ({ id: nexthopId(config, link), weight: link.weight }));
  return { nexthops: found, group: { id: groupId(config), members } };
}

/**
 * A nexthop group skips a member whose gateway is known not to answer (ipv4_good_nh in net/ipv4/nexthop.c), and nothing that
 * goes elsewhere asks for it again: a line whose modem was off for a minute would get no share for ever. So the kernel
 * is told to keep asking. In return it finds a dead gateway by itself, within a minute.
 */
export function neighbours(statuses: readonly LinkStatus[]): Neighbour[] {
  return statuses.flatMap((status) =>
    status.up && status.gateway !== undefined && status.noArp !== true
      ? [{ address: status.gateway, device: status.device }]
      : [],
  );
}
