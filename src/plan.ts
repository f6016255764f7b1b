import { acceptRa, FORWARDINGS, isDeaf, switchOf } from './forwarding.ts';
import { additions } from './kernel/additions.ts';
import { groupWords, nexthopWords, routeWords, ruleWords } from './kernel/render.ts';
import type { Desired, Neighbour, Nexthop, NexthopGroup, Observed, Op, Route, Rule } from './model.ts';

/**
 * The difference as operations, in an order that is safe to be cut off at any point:
 * - sysctls first: a route by a device without carrier must already lose when the carrier goes;
 * - a new firewall before a new nexthop, or its first connections would leave unmasqueraded and unremembered; and
 *   after the nexthops that go, for the same reason, unless no member would be left meanwhile;
 * - fill a table before a rule points to it, or the rule falls through and the packet leaks out of the wrong line;
 * - nexthops before the group that names them, the group before the route that names it: a replace that names a dead
 *   id fails, and if the last member went, the kernel took group and route with it;
 * - the memory of pairs and clients after the balance: what it names must be there to take connections;
 * - connections are ended when their new way is there;
 * - take away last, and never the group and its route one by one: the route goes with the group;
 * - IPv6 by itself, in the same order: its operations travel in a batch of their own.
 */
export function plan(observed: Observed, desired: Desired): Op[] {
  return planAll(inFamily(observed, undefined), inFamily(desired, undefined), plan6(observed, desired));
}

type Routing = { readonly rules: readonly Rule[]; readonly routes: readonly Route[] };

/** With the rules and routes of one family only: in both they may read the same. */
function inFamily<T extends Routing>(all: T, family: 6 | undefined): T {
  const isOf = (item: { readonly family?: 6 }) => item.family === family;
  return { ...all, rules: all.rules.filter(isOf), routes: all.routes.filter(isOf) };
}

function plan6(all: Observed, wanted: Desired): Op[] {
  const [observed, desired] = [inFamily(all, 6), inFamily(wanted, 6)];
  const routes = difference(observed.routes, desired.routes, routeText);
  const rules = difference(observed.rules, desired.rules, ruleText);
  return [
    ...solicitations(observed, desired),
    ...routeReplaces(routes),
    ...ruleAdds(rules),
    ...routeDels(observed, desired, routes),
    ...ruleDels(rules),
  ];
}

/** `six`: what is to be done for IPv6. */
function planAll(observed: Observed, desired: Desired, six: readonly Op[]): Op[] {
  const routes = difference(observed.routes, desired.routes, routeText);
  const rules = difference(observed.rules, desired.rules, ruleText);
  const nexthops = difference(observed.nexthops, desired.nexthops, nexthopText);
  const firewall = firewallLoad(observed, desired);
  const withdrawals = [...groupDels(observed, desired), ...nexthopDels(nexthops, desired)];
  const someMemberStays = nexthops.missing.length < desired.nexthops.length;
  const withdrawFirst = firewall.length > 0 && someMemberStays;
  return [
    ...sysctlSets(observed, desired),
    ...(withdrawFirst ? withdrawals : []),
    ...firewall,
    ...routeReplaces(routes),
    ...ruleAdds(rules),
    ...nexthops.missing.map((nexthop): Op => ({ op: 'nexthop-replace', nexthop })),
    ...balance(observed, desired, routes),
    ...(withdrawFirst ? [] : withdrawals),
    ...neighbourOps(observed, desired),
    ...memoryLoad(observed, desired),
    ...routeDels(observed, desired, routes),
    ...ruleDels(rules),
    ...six,
    ...firewallDelete(observed, desired),
    ...memoryDelete(observed, desired),
    ...desired.ended.map((mark): Op => ({ op: 'conntrack-delete', mark })),
    ...desired.lost.map((address): Op => ({ op: 'socket-kill', address })),
  ];
}

/** `surplus`: what is not wanted, and every twin of what is. */
interface Difference<T> {
  readonly missing: readonly T[];
  readonly surplus: readonly T[];
}

/** Each is put into words only once: with 60 links there are hundreds. */
function difference<T>(observed: readonly T[], desired: readonly T[], text: (item: T) => string): Difference<T> {
  const texts = desired.map(text);
  const wanted = new Set(texts);
  const there = new Set<string>();
  const surplus = observed.filter((item) => {
    const words = text(item);
    const isTwin = there.has(words);
    there.add(words);
    return isTwin || !wanted.has(words);
  });
  return { missing: desired.filter((_, n) => !there.has(texts[n] ?? '')), surplus };
}

const ruleText = (rule: Rule) => ruleWords(rule).join(' ');
const routeText = (route: Route) => routeWords(route).join(' ');
const nexthopText = (nexthop: Nexthop) => nexthopWords(nexthop).join(' ');
const groupText = (group: NexthopGroup) => groupWords(group).join(' ');

/** With forwarding the kernel resets some (state/sysctl-memory.ts): those we know come after it, right or not. */
function sysctlSets({ sysctls: now }: Observed, { sysctls: wanted }: Desired): Op[] {
  const differs = (key: string) => now[key] !== undefined && now[key] !== wanted[key];
  const turned = FORWARDINGS.filter(({ key }) => differs(key));
  const isReset = (key: string) => now[key] !== undefined && turned.some(({ isEffect }) => isEffect(key));
  return Object.keys(wanted)
    .filter((key) => differs(key) || isReset(key))
    .toSorted((a, b) => Number(switchOf(a) !== undefined) - Number(switchOf(b) !== undefined))
    .map((key) => ({ op: 'sysctl-set', key, value: wanted[key] ?? '' }));
}

/**
 * The kernel asks for routers when a device gets its link-local address: a dialled one before any hook, when the router does
 * not hear them there yet. They may speak next in half an hour. So it gets that address once more.
 */
function solicitations({ sysctls: now }: Observed, { sysctls: wanted, unheard = [] }: Desired): Op[] {
  return unheard
    .filter(({ device }) => wanted[acceptRa(device)] === '2' && isDeaf(device, now))
    .flatMap((linkLocal) => (['address-del', 'address-add'] as const).map((op): Op => ({ op, linkLocal })));
}

function firewallLoad(observed: Observed, { firewall }: Desired): Op[] {
  if (firewall === undefined || observed.firewall === firewall) return [];
  const added = typeof observed.firewall === 'string' ? additions(observed.firewall, firewall) : undefined;
  return [{ op: 'firewall-load', text: firewall, ...(added !== undefined && { added }) }];
}

function firewallDelete(observed: Observed, { firewall }: Desired): Op[] {
  return firewall === undefined && observed.firewall !== undefined ? [{ op: 'firewall-delete' }] : [];
}

function memoryLoad(observed: Observed, { memory, memories = '' }: Desired): Op[] {
  const there = observed.memory === memory && memories === '';
  if (memory === undefined || there) return [];
  const outdated = typeof observed.memory === 'object' && 'outdated' in observed.memory;
  return [...(outdated ? [{ op: 'memory-delete' } as const] : []), { op: 'memory-load', text: memory + memories }];
}

function memoryDelete(observed: Observed, { memory }: Desired): Op[] {
  return memory === undefined && observed.memory !== undefined ? [{ op: 'memory-delete' }] : [];
}

/** Routes by a nexthop object wait for `balance`: they can only follow it. */
function routeReplaces({ missing }: Difference<Route>): Op[] {
  return missing.filter(({ nexthopId }) => nexthopId === undefined).map((route) => ({ op: 'route-replace', route }));
}

function ruleAdds({ missing }: Difference<Rule>): Op[] {
  return missing.map((rule) => ({ op: 'rule-add', rule }));
}

function balance(observed: Observed, { group, routes }: Desired, { missing }: Difference<Route>): Op[] {
  if (group === undefined) return [];
  const wanted = groupText(group);
  const isThere = observed.groups.some(({ id, members }) => {
    return groupText({ id, members: members.toSorted((a, b) => a.id - b.id) }) === wanted;
  });
  const groupOps: Op[] = isThere ? [] : [{ op: 'group-replace', group }];
  // The route again with every change of the group: if its last member went a moment ago, or goes with the withdrawals
  // above, the kernel has taken both.
  const routeOps = (isThere ? missing : routes)
    .filter(({ nexthopId }) => nexthopId === group.id)
    .map((route): Op => ({ op: 'route-replace', route }));
  return [...groupOps, ...routeOps];
}

/** An entry that somebody has made permanent answers for the gateway: that is what he wants. */
function neighbourOps({ neighbours, permanent }: Observed, { neighbours: wanted }: Desired): Op[] {
  if (neighbours.length === 0 && wanted.length === 0) return [];
  const by = ({ address, device }: Neighbour) => `${address} ${device}`;
  const [has, holds, wants] = [neighbours, permanent, wanted].map((list) => new Set(list.map(by)));
  const missing = wanted.filter((one) => has?.has(by(one)) !== true && holds?.has(by(one)) !== true);
  const gone = neighbours.filter((one) => wants?.has(by(one)) !== true && holds?.has(by(one)) !== true);
  return [
    ...missing.map((neighbour): Op => ({ op: 'neighbour-replace', neighbour })),
    ...gone.map((neighbour): Op => ({ op: 'neighbour-del', neighbour })),
  ];
}

function groupDels(observed: Observed, desired: Desired): Op[] {
  return observed.groups.filter(({ id }) => id !== desired.group?.id).map((group) => ({ op: 'group-del', group }));
}

function nexthopDels({ surplus }: Difference<Nexthop>, { nexthops }: Desired): Op[] {
  return surplus
    .filter(({ id }) => !nexthops.some((wanted) => wanted.id === id))
    .map((nexthop) => ({ op: 'nexthop-del', nexthop }));
}

/** A route that stays at its metric needs no deletion: `route replace` has taken the old one's place. */
function routeDels(observed: Observed, desired: Desired, { surplus }: Difference<Route>): Op[] {
  if (surplus.length === 0) return [];
  const place = ({ table, destination = 'default', metric = 0 }: Route) => `${table} ${destination} ${metric}`;
  const kept = new Set(desired.routes.map(place));
  const gone = new Set(groupDels(observed, desired).flatMap((op) => (op.op === 'group-del' ? [op.group.id] : [])));
  return surplus
    .filter((route) => !kept.has(place(route)) && !(route.nexthopId !== undefined && gone.has(route.nexthopId)))
    .map((route) => ({ op: 'route-del', route }));
}

function ruleDels({ surplus }: Difference<Rule>): Op[] {
  return surplus.map((rule) => ({ op: 'rule-del', rule }));
}
