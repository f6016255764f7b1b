/** `ip route add|replace|del` on the fake kernel. IPv4, one nexthop. */
import { type FakeRoute, type FakeState, hasCarrier, isLocal, isNeighbour, MAIN } from './fake-kernel-state.ts';
import { exists, noDevice, noSuchProcess, notFaked, numberOf, optional, pairs, Refusal } from './fake-kernel-words.ts';

const KEYS = ['nhid', 'via', 'dev', 'src', 'table', 'proto', 'metric'];

export function routeLine(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const [first] = words;
  const type = first === 'unreachable' || first === 'blackhole' ? first : undefined;
  const [dst, ...rest] = type === undefined ? words : words.slice(1);
  if (dst === undefined) throw notFaked(['route', verb ?? '']);
  const given = pairs(rest, KEYS, ['onlink']);
  if (given['dev'] !== undefined && !state.devices.some(({ name }) => name === given['dev'])) {
    throw noDevice(given['dev']);
  }
  const route: FakeRoute = {
    dst,
    table: numberOf(given['table']) ?? MAIN,
    metric: numberOf(given['metric']) ?? 0,
    onlink: given['onlink'] !== undefined,
    ...(type !== undefined && { type }),
    ...optional('nhid', numberOf(given['nhid'])),
    ...optional('gateway', given['via']),
    ...optional('device', given['dev']),
    ...optional('src', given['src']),
    ...optional('proto', numberOf(given['proto'])),
  };
  if (verb === 'add' || verb === 'replace') put(state, verb, route);
  else if (verb === 'del') remove(state, route, given['metric'] !== undefined);
  else throw notFaked(['route', verb ?? '']);
}

function put(state: FakeState, verb: 'add' | 'replace', given: FakeRoute): void {
  const route = checked(state, given);
  state.tables.add(route.table);
  const same = (other: FakeRoute) =>
    other.table === route.table && other.dst === route.dst && other.metric === route.metric;
  const at = state.routes.findIndex(same);
  if (at !== -1 && verb === 'add') throw exists();
  if (at === -1) state.routes.push(route);
  else state.routes[at] = route;
}

/** fib_check_nh and fib_create_info, in their order. */
function checked(state: FakeState, route: FakeRoute): FakeRoute {
  if (route.type !== undefined) return route;
  if (route.nhid !== undefined) {
    checkNexthop(state, route.nhid);
    return route;
  }
  const device =
    route.device === undefined
      ? state.devices.find((each) => route.gateway !== undefined && isNeighbour(each, route.gateway))
      : state.devices.find(({ name }) => name === route.device);
  if (route.gateway !== undefined && !route.onlink && (device === undefined || !isNeighbour(device, route.gateway))) {
    throw new Refusal('Error: Nexthop has invalid gateway.');
  }
  if (device === undefined) throw notFaked(['route without device or gateway']);
  if (!device.up) {
    throw new Refusal(`Error: ${route.onlink ? 'Nexthop device' : 'Device for nexthop'} is not up.`);
  }
  if (route.src !== undefined && !isLocal(state, route.src)) throw new Refusal('Error: Invalid prefsrc address.');
  return { ...route, device: device.name };
}

function checkNexthop(state: FakeState, id: number): void {
  const known = [...state.nexthops, ...state.groups].some((nexthop) => nexthop.id === id);
  if (!known) throw new Refusal('Error: Nexthop id does not exist.');
}

/** The first route to that destination that has everything that was given. */
function remove(state: FakeState, given: FakeRoute, withMetric: boolean): void {
  if (!state.tables.has(given.table)) throw new Refusal('Error: FIB table does not exist.');
  if (given.nhid !== undefined) checkNexthop(state, given.nhid);
  const fields = ['type', 'nhid', 'gateway', 'device', 'src', 'proto'] as const;
  const at = state.routes.findIndex(
    (route) =>
      route.table === given.table &&
      route.dst === given.dst &&
      (!withMetric || route.metric === given.metric) &&
      fields.every((field) => given[field] === undefined || route[field] === given[field]),
  );
  if (at === -1) throw noSuchProcess();
  state.routes.splice(at, 1);
}

/** A route by a device without carrier stays, but says so. */
export function isLinkdown(state: FakeState, route: FakeRoute): boolean {
  const device = state.devices.find(({ name }) => name === route.device);
  return device !== undefined && !hasCarrier(device);
}
