/** `ip -6 route add|replace|del` on the fake kernel: routes by device or gateway, and classic multipath ones. */
import { type FakeDevice, type FakeState, hasCarrier, MAIN } from './fake-kernel-state.ts';
import { exists, noDevice, noSuchProcess, notFaked, numberOf, optional, pairs, Refusal } from './fake-kernel-words.ts';
import { contains6, isLinkLocalIpv6, prefixOf6 } from '../../src/ipv6.ts';

export interface FakeHop {
  readonly gateway?: string;
  readonly device: string;
  readonly weight: number;
}

export interface FakeRoute6 {
  readonly table: number;
  readonly dst: string;
  readonly type?: 'unreachable';
  readonly metric: number;
  /** One, or those of a multipath route; an unreachable one has none. */
  hops: readonly FakeHop[];
  readonly src?: string;
  readonly onlink: boolean;
  readonly proto?: number;
  /** Seconds that a router's advertisement is good for. */
  readonly expires?: number;
}

const PLAIN_METRIC = 1024;
const KEYS = ['via', 'dev', 'src', 'table', 'proto', 'metric', 'expires'];

export function routeLine6(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const unreachable = words[0] === 'unreachable';
  const [dst, ...rest] = unreachable ? words.slice(1) : words;
  if (dst === undefined) throw notFaked(['-6', 'route', verb ?? '']);
  const at = rest.indexOf('nexthop');
  const given = pairs(at === -1 ? rest : rest.slice(0, at), KEYS, ['onlink']);
  const hops = at === -1 ? single(given) : hopsOf(rest.slice(at));
  for (const { device } of hops) {
    if (!state.devices.some(({ name }) => name === device)) throw noDevice(device);
  }
  const route: FakeRoute6 = {
    ...{ dst, hops, table: numberOf(given['table']) ?? MAIN, metric: numberOf(given['metric']) ?? PLAIN_METRIC },
    onlink: given['onlink'] !== undefined,
    ...(unreachable && { type: 'unreachable' }),
    ...optional('src', given['src']),
    ...optional('proto', numberOf(given['proto'])),
    ...optional('expires', numberOf(given['expires'])),
  };
  if (verb === 'add' || verb === 'replace') put(state, verb, route);
  else if (verb === 'del') remove(state, route, given['metric'] !== undefined);
  else throw notFaked(['-6', 'route', verb ?? '']);
}

function single({ via, dev }: Record<string, string>): FakeHop[] {
  return dev === undefined ? [] : [{ device: dev, weight: 1, ...optional('gateway', via) }];
}

function hopsOf(words: readonly string[]): FakeHop[] {
  return words
    .join(' ')
    .split('nexthop ')
    .slice(1)
    .map((text) => {
      const { via, dev = '', weight } = pairs(text.trim().split(' '), ['via', 'dev', 'weight']);
      if (via === undefined)
        throw new Refusal('Error: Device only routes can not be added for IPv6 using the multipath API.');
      return { gateway: via, device: dev, weight: numberOf(weight) ?? 1 };
    });
}

function put(state: FakeState, verb: 'add' | 'replace', route: FakeRoute6): void {
  for (const { device: name, gateway } of route.hops) {
    const device = state.devices.find((each) => each.name === name)!;
    if (!device.up) throw new Refusal('Error: Nexthop device is not up.');
    if (gateway !== undefined && !route.onlink && !isNeighbour6(device, gateway)) {
      throw new Refusal('RTNETLINK answers: No route to host');
    }
  }
  if (route.src !== undefined && !isLocal6(state, route.src)) throw new Refusal('Error: Invalid source address.');
  state.tables6.add(route.table);
  const same = (other: FakeRoute6) =>
    other.table === route.table && other.dst === route.dst && other.metric === route.metric;
  const at = state.routes6.findIndex(same);
  if (at !== -1 && verb === 'add') throw exists();
  if (at === -1) state.routes6.push(route);
  else state.routes6[at] = route;
}

const isNeighbour6 = (device: FakeDevice, gateway: string) =>
  isLinkLocalIpv6(gateway) ||
  device.addresses6.some(({ local, prefix }) => contains6(prefixOf6(local, prefix), prefixOf6(gateway, 128)));

const isLocal6 = (state: FakeState, address: string) =>
  state.devices.some(({ addresses6 }) => addresses6.some(({ local }) => local === address));

function remove(state: FakeState, given: FakeRoute6, withMetric: boolean): void {
  if (!state.tables6.has(given.table)) throw new Refusal('Error: FIB table does not exist.');
  const [hop] = given.hops;
  const fits = (route: FakeRoute6) =>
    route.table === given.table &&
    route.dst === given.dst &&
    (!withMetric || route.metric === given.metric) &&
    (given.type === undefined || route.type === given.type) &&
    (given.proto === undefined || route.proto === given.proto) &&
    (hop === undefined ||
      route.hops.some(
        ({ device, gateway }) => device === hop.device && (gateway ?? '') === (hop.gateway ?? gateway ?? ''),
      ));
  const at = state.routes6.findIndex(fits);
  if (at === -1) throw noSuchProcess();
  state.routes6.splice(at, 1);
}

/** Down: what leads by this device alone goes; in a multipath route the nexthop stays, dead, and comes back with the device. */
export function dropDown6(state: FakeState, name: string): void {
  const isDown = ({ device }: FakeHop) => state.devices.find((each) => each.name === device)?.up !== true;
  const device = state.devices.find((each) => each.name === name);
  if (device !== undefined) device.addresses6 = [];
  state.routes6 = state.routes6.filter(({ hops }) => hops.length === 0 || !hops.every(isDown));
}

/** Unregistered: its nexthops go, and with a route's last one the route. */
export function dropDevice6(state: FakeState, name: string): void {
  for (const route of state.routes6) {
    const hops = route.hops.filter(({ device }) => device !== name);
    if (hops.length < route.hops.length) route.hops = hops.length === 0 ? [{ device: name, weight: 0 }] : hops;
  }
  state.routes6 = state.routes6.filter(({ hops }) => !hops.some(({ device }) => device === name));
}

export function routeJson6(state: FakeState, route: FakeRoute6, proto: number | undefined) {
  const { table, dst, type, hops, src, metric, onlink, expires } = route;
  const flagsOf = ({ device: name }: FakeHop) => {
    const device = state.devices.find((each) => each.name === name);
    if (device === undefined || hasCarrier(device)) return [];
    return device.up ? ['linkdown'] : ['dead', 'linkdown'];
  };
  const hopJson = (hop: FakeHop) => ({ ...optional('gateway', hop.gateway), dev: hop.device });
  const [only] = hops;
  return {
    ...(type !== undefined && { type: '7' }),
    dst,
    ...(type !== undefined ? { dev: 'lo' } : hops.length === 1 && only ? hopJson(only) : {}),
    ...(table !== MAIN && { table: String(table) }),
    ...(proto !== undefined && { protocol: String(proto) }),
    ...optional('prefsrc', src),
    metric,
    flags: [...(onlink ? ['onlink'] : []), ...(hops.length === 1 && only ? flagsOf(only) : [])],
    ...optional('expires', expires),
    pref: 'medium',
    ...(hops.length > 1 && {
      nexthops: hops.map((hop) => ({ ...hopJson(hop), weight: hop.weight, flags: flagsOf(hop) })),
    }),
  };
}
