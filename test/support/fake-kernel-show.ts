/** What `ip -N -j` prints of the fake kernel: the members that iproute2 6.1 prints, in its order. */
import {
  type FakeDevice,
  type FakeGroup,
  type FakeNexthop,
  type FakeRoute,
  type FakeRule,
  type FakeState,
  hasCarrier,
  MAIN,
} from './fake-kernel-state.ts';
import { showNeighbours } from './fake-kernel-neighbour.ts';
import { isLinkdown } from './fake-kernel-route.ts';
import { routeJson6 } from './fake-kernel-route6.ts';
import { notFaked, optional } from './fake-kernel-words.ts';

/** One read command of a batch → the JSON array it prints. */
export function show(state: FakeState, command: string): unknown[] {
  const proto = / proto (\d+)/.exec(command)?.[1];
  const ours = (item: { readonly proto?: number }) => proto === undefined || item.proto === Number(proto);
  const shown = (item: { readonly proto?: number }) => (proto === undefined ? item.proto : undefined);
  if (command === 'address show') return state.devices.map(deviceJson);
  if (command === 'rule show') return state.rules.map((rule) => ruleJson(state, rule));
  if (/^route show table all(?: proto \d+)? root 0\.0\.0\.0\/0$/.test(command)) {
    return inHashOrder(state.routes.filter(ours)).map((route) => routeJson(state, route, shown(route)));
  }
  if (/^nexthop show(?: proto \d+)?$/.test(command)) {
    // Unlike a route, a nexthop prints its protocol also when it was asked for.
    return [...state.nexthops, ...state.groups]
      .filter(ours)
      .toSorted((a, b) => a.id - b.id)
      .map(nexthopJson);
  }
  if (/^neigh show (?:proto 201|nud permanent)$/.test(command)) return showNeighbours(state, command);
  throw notFaked([command]);
}

/** The same under `-6`. */
export function show6(state: FakeState, command: string): unknown[] {
  if (command === 'rule show') return state.rules6.map((rule) => ruleJson(state, rule));
  if (command === 'route show table all') return state.routes6.map((route) => routeJson6(state, route, route.proto));
  if (command === 'route show table all proto 201') {
    return state.routes6.filter(({ proto }) => proto === 201).map((route) => routeJson6(state, route, undefined));
  }
  if (command === 'route show default table 254') {
    const found = state.routes6.filter(({ table, dst }) => table === MAIN && dst === 'default');
    return found.map((route) => routeJson6(state, { ...route, table: MAIN }, route.proto));
  }
  throw notFaked(['-6', command]);
}

/** `-4 -N -j route show default dev DEVICE table main`: without the device, which was asked for. */
export function showDefaults(state: FakeState, device: string): unknown[] {
  return state.routes
    .filter((route) => route.table === MAIN && route.dst === 'default' && route.device === device)
    .map((route) => ({ ...routeJson(state, route, route.proto), dev: undefined }));
}

/** Tables hang in 256 chains by their low byte; in a table the default comes first. */
const inHashOrder = (routes: readonly FakeRoute[]) =>
  routes.toSorted(
    (a, b) =>
      (a.table & 255) - (b.table & 255) ||
      a.table - b.table ||
      Number(a.dst !== 'default') - Number(b.dst !== 'default') ||
      a.metric - b.metric,
  );

function deviceJson(device: FakeDevice) {
  const { name, index, up, mtu, pointToPoint } = device;
  const kind =
    name === 'lo' ? ['LOOPBACK'] : pointToPoint ? ['POINTOPOINT', 'MULTICAST', 'NOARP'] : ['BROADCAST', 'MULTICAST'];
  const noCarrier = up && !hasCarrier(device) ? ['NO-CARRIER'] : [];
  const flags = [...noCarrier, ...kind, ...(up ? ['UP'] : []), ...(hasCarrier(device) ? ['LOWER_UP'] : [])];
  const addresses = device.addresses.map(({ local, peer, prefix }) => ({
    family: 'inet',
    local,
    ...optional('address', peer),
    prefixlen: prefix,
    scope: name === 'lo' ? '254' : '0',
    label: name,
  }));
  const addresses6 = device.addresses6.map(({ local, peer, prefix, deprecated }) => ({
    family: 'inet6',
    local,
    ...optional('address', peer),
    prefixlen: prefix,
    scope: local.startsWith('fe80') ? '253' : '0',
    ...(deprecated === true && { deprecated }),
  }));
  return { ifindex: index, ifname: name, flags, mtu, addr_info: [...addresses, ...addresses6] };
}

function ruleJson(
  state: FakeState,
  { pref, from, sport, to, not, iif, unreachable, nop, oif, mark, mask, table, goto, suppress, proto }: FakeRule,
) {
  const [src = 'all', length] = from?.split('/') ?? [];
  const [dst, dstLength] = to?.split('/') ?? [];
  const detached = oif !== undefined && !state.devices.some(({ name }) => name === oif);
  return {
    priority: pref,
    src,
    ...(length !== undefined && { srclen: Number(length) }),
    ...(not === true && { not: null }),
    ...optional('iif', iif),
    ...(mark !== undefined && { fwmark: hex(mark), ...(mask !== 0xffffffff && { fwmask: hex(mask ?? 0) }) }),
    ...(oif !== undefined && { oif, ...(detached && { oif_detached: null }) }),
    ...(sport !== undefined && { sport_start: Number(sport.split('-')[0]), sport_end: Number(sport.split('-')[1]) }),
    ...optional('dst', dst),
    ...(dstLength !== undefined && { dstlen: Number(dstLength) }),
    ...(unreachable === true && { action: TYPES.unreachable }),
    ...(table !== undefined && { table: String(table) }),
    ...(nop === true && { nop: null }),
    ...(goto !== undefined && { goto, ...(!state.rules.some((rule) => rule.pref === goto) && { unresolved: null }) }),
    ...optional('suppress_prefixlen', suppress),
    ...(proto !== undefined && { protocol: String(proto) }),
  };
}

/** As printf's %#x. */
const hex = (value: number) => (value === 0 ? '0' : `0x${value.toString(16)}`);
/** linux/rtnetlink.h, as -N prints it. */
const TYPES = { blackhole: '6', unreachable: '7' } as const;

function routeJson(state: FakeState, route: FakeRoute, proto: number | undefined) {
  const { table, dst, type, nhid, gateway, device, src, metric, onlink } = route;
  const flags = [...(onlink ? ['onlink'] : []), ...(isLinkdown(state, route) ? ['linkdown'] : [])];
  const hops = nhid === undefined ? [] : hopsOf(state, nhid);
  const [only] = hops;
  return {
    ...(type !== undefined && { type: TYPES[type] }),
    dst,
    ...optional('nhid', nhid),
    ...optional('gateway', hops.length === 1 ? only?.gateway : gateway),
    ...optional('dev', hops.length === 1 ? only?.device : device),
    ...(table !== MAIN && { table: String(table) }),
    ...(proto !== undefined && { protocol: String(proto) }),
    ...(type === undefined && nhid === undefined && gateway === undefined && { scope: '253' }),
    ...optional('prefsrc', src),
    ...(metric !== 0 && { metric }),
    // A group with one member reads back as a plain route, but for its nhid.
    flags: hops.length === 1 && only?.onlink === true ? ['onlink'] : flags,
    ...(hops.length > 1 && {
      nexthops: hops.map((hop) => ({
        ...optional('gateway', hop.gateway),
        dev: hop.device,
        weight: hop.weight,
        flags: hop.onlink ? ['onlink'] : [],
      })),
    }),
  };
}

function hopsOf(state: FakeState, id: number): (FakeNexthop & { readonly weight: number })[] {
  const members = state.groups.find((group) => group.id === id)?.members ?? [{ id, weight: 1 }];
  return members.flatMap((member) => {
    const hop = state.nexthops.find((nexthop) => nexthop.id === member.id);
    return hop === undefined ? [] : [{ ...hop, weight: member.weight }];
  });
}

function nexthopJson(item: FakeNexthop | FakeGroup) {
  const protocol = item.proto === undefined ? {} : { protocol: String(item.proto) };
  if ('members' in item) {
    const group = item.members.map(({ id, weight }) => (weight === 1 ? { id } : { id, weight }));
    return { id: item.id, group, ...protocol, flags: [] };
  }
  return {
    id: item.id,
    ...optional('gateway', item.gateway),
    dev: item.device,
    scope: item.gateway === undefined ? '254' : '253',
    ...protocol,
    flags: item.onlink ? ['onlink'] : [],
  };
}
