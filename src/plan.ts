import { acceptRa, isDeaf, switchOf } from './forwarding.ts';
import { additions } from './kernel/additions.ts';
import { groupWords, nexthopWords, routeWords, ruleWords } from './kernel/render.ts';
import type { Desired, Neighbour, Observed, Op, Route, Rule } from './model.ts';

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
  return [
    ...solicitations(observed, desired),
    ...routeReplaces(observed, desired),
    ...ruleAdds(observed, desired),
    ...routeDels(observed, desired),
    ...ruleDels(observed, desired),
  ];
}

/** `six`: what is to be done for IPv6. */
function planAll(observed: Observed, desired: Desired, six: readonly Op[]): Op[] {
  const firewall = firewallLoad(observed, desired);
  const withdrawals = [...groupDels(observed, desired), ...nexthopDels(observed, desired)];
  const withdrawFirst = firewall.length > 0 && someMemberStays(observed, desired);
  return [
    ...sysctlSets(observed, desired),
    ...(withdrawFirst ? withdrawals : []),
    ...firewall,
    ...routeReplaces(observed, desired),
    ...ruleAdds(observed, desired),
    ...nexthopReplaces(observed, desired),
    ...balance(observed, desired),
    ...(withdrawFirst ? [] : withdrawals),
    ...neighbourOps(observed, desired),
    ...memoryLoad(observed, desired),
    ...routeDels(observed, desired),
    ...ruleDels(observed, desired),
    ...six,
    ...firewallDelete(observed, desired),
    ...memoryDelete(observed, desired),
    ...desired.ended.map((mark): Op => ({ op: 'conntrack-delete', mark })),
    ...desired.lost.map((address): Op => ({ op: 'socket-kill', address })),
  ];
}

/** Each is asked for several times, and with 60 links there are hundreds. */
const asText = <T extends object>(words: (item: T) => string[]) => {
  const texts = new WeakMap<T, string>();
  return (item: T) => {
    const text = texts.get(item) ?? words(item).join(' ');
    texts.set(item, text);
    return text;
  };
};
const ruleText = asText(ruleWords);
const routeText = asText(routeWords);
const nexthopText = asText(nexthopWords);
const groupText = asText(groupWords);
const setOf = <T>(items: readonly T[], text: (item: T) => string) => new Set(items.map(text));

/** With forwarding the kernel resets some (state/sysctl-memory.ts): those we know come after it, right or not. */
function sysctlSets({ sysctls: now }: Observed, { sysctls: wanted }: Desired): Op[] {
  const differs = (key: string) => now[key] !== undefined && now[key] !== wanted[key];
  const isReset = (key: string) => differs(switchOf(key) ?? '') && now[key] !== undefined;
  const keys = Object.keys(wanted).toSorted(
    (a, b) => Number(switchOf(a) !== undefined) - Number(switchOf(b) !== undefined),
  );
  return keys
    .filter((key) => differs(key) || isReset(key))
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

function someMemberStays(observed: Observed, desired: Desired): boolean {
  const there = setOf(observed.nexthops, nexthopText);
  return desired.nexthops.some((nexthop) => there.has(nexthopText(nexthop)));
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
function routeReplaces(observed: Observed, desired: Desired): Op[] {
  const there = setOf(observed.routes, routeText);
  return desired.routes
    .filter((route) => route.nexthopId === undefined && !there.has(routeText(route)))
    .map((route) => ({ op: 'route-replace', route }));
}

function ruleAdds(observed: Observed, desired: Desired): Op[] {
  const there = setOf(observed.rules, ruleText);
  return desired.rules.filter((rule) => !there.has(ruleText(rule))).map((rule) => ({ op: 'rule-add', rule }));
}

function nexthopReplaces(observed: Observed, desired: Desired): Op[] {
  const there = setOf(observed.nexthops, nexthopText);
  return desired.nexthops
    .filter((nexthop) => !there.has(nexthopText(nexthop)))
    .map((nexthop) => ({ op: 'nexthop-replace', nexthop }));
}

function balance(observed: Observed, { group, routes }: Desired): Op[] {
  if (group === undefined) return [];
  const sorted = observed.groups.map(({ id, members }) => ({ id, members: members.toSorted((a, b) => a.id - b.id) }));
  const groupOps: Op[] = setOf(sorted, groupText).has(groupText(group)) ? [] : [{ op: 'group-replace', group }];
  // The route again with every change of the group: if its last member went a moment ago, or goes with the withdrawals
  // above, the kernel has taken both.
  const there = groupOps.length > 0 ? new Set<string>() : setOf(observed.routes, routeText);
  const routeOps = routes
    .filter((route) => route.nexthopId === group.id && !there.has(routeText(route)))
    .map((route): Op => ({ op: 'route-replace', route }));
  return [...groupOps, ...routeOps];
}

/** An entry that somebody has made permanent answers for the gateway: that is what he wants. */
function neighbourOps(observed: Observed, { neighbours: wanted }: Desired): Op[] {
  const has = (list: readonly Neighbour[], { address, device }: Neighbour) =>
    list.some((one) => one.address === address && one.device === device);
  const missing = wanted.filter((one) => !has(observed.neighbours, one) && !has(observed.permanent, one));
  const gone = observed.neighbours.filter((one) => !has(wanted, one) && !has(observed.permanent, one));
  return [
    ...missing.map((neighbour): Op => ({ op: 'neighbour-replace', neighbour })),
    ...gone.map((neighbour): Op => ({ op: 'neighbour-del', neighbour })),
  ];
}

function groupDels(observed: Observed, desired: Desired): Op[] {
  return observed.groups.filter(({ id }) => id !== desired.group?.id).map((group) => ({ op: 'group-del', group }));
}

function nexthopDels(observed: Observed, desired: Desired): Op[] {
  const wanted = new Set(desired.nexthops.map(({ id }) => id));
  return observed.nexthops.filter(({ id }) => !wanted.has(id)).map((nexthop) => ({ op: 'nexthop-del', nexthop }));
}

/** A route that stays at its metric needs no deletion: `route replace` has taken the old one's place. */
function routeDels(observed: Observed, desired: Desired): Op[] {
  const place = ({ table, destination = 'default', metric = 0 }: Route) => `${table} ${destination} ${metric}`;
  const kept = new Set(desired.routes.map(place));
  const gone = new Set(groupDels(observed, desired).flatMap((op) => (op.op === 'group-del' ? [op.group.id] : [])));
  return observed.routes
    .filter((route) => !kept.has(place(route)) && !(route.nexthopId !== undefined && gone.has(route.nexthopId)))
    .map((route) => ({ op: 'route-del', route }));
}

/** What is not wanted, and every twin of what is. */
function ruleDels(observed: Observed, desired: Desired): Op[] {
  const wanted = setOf(desired.rules, ruleText);
  const seen = new Set<string>();
  return observed.rules
    .filter((rule) => {
      const words = ruleText(rule);
      const twin = seen.has(words);
      seen.add(words);
      return twin || !wanted.has(words);
    })
    .map((rule) => ({ op: 'rule-del', rule }));
}
