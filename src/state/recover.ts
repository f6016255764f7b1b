import { isUsableIpv4 } from '../checked.ts';
import type {
  Config,
  ConntrackHelper,
  Learned,
  LinkConfig,
  LinkRecord,
  LinkStatus,
  Route,
  Rule,
  State,
} from '../model.ts';

/** Where our objects stand. */
export interface Places {
  readonly tableOf: (link: LinkConfig) => number;
  /** Preferences of the rules to resolvers and to tunnels' servers. */
  readonly resolvers: readonly number[];
  readonly tunnel: number;
  readonly tunnelEnd: number;
}

interface Ours {
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
}

/**
 * The record of a link of which nothing is known (a lost or damaged state file), from the default that we ourselves put
 * into its table: the kernel drops that with the device or the address, so while it is there it is true. Its resolvers
 * from our rules to them.
 */
export function recoverRecords(config: Config, state: State, { routes, rules }: Ours, places: Places): State {
  const recovered = config.links.flatMap((link) => {
    if (link.ipv4 === false) return [];
    if (state.links[link.name] !== undefined || state.verdicts[link.name] !== undefined) return [];
    const table = places.tableOf(link);
    const route = routes.find((one) => one.table === table && one.type === 'unicast' && one.destination === undefined);
    if (route?.device === undefined) return [];
    const own = rules.filter((rule) => rule.table === table);
    const dns = places.resolvers.flatMap((pref) => addressesAt(pref, own));
    return [[link.name, recordOf(route.device, route, dns)] as const];
  });
  return recovered.length === 0 ? state : { ...state, links: { ...state.links, ...Object.fromEntries(recovered) } };
}

/**
 * The same for IPv6: addresses and gateways are the kernel's; what was delegated stands in our rules and routes. Not what
 * the configuration says: that ends with it.
 */
export function recoverRecords6(config: Config, state: State, { routes, rules }: Ours, { tableOf }: Places): State {
  if (state.v6 !== undefined) return state;
  const delegated = new Set(routes.flatMap(({ table, destination }) => (table === MAIN ? (destination ?? []) : [])));
  const recovered = config.links.flatMap((link) => {
    const table = tableOf(link);
    const device = routes.find((one) => one.table === table && one.device !== undefined)?.device;
    if (device === undefined) return [];
    const own = rules.flatMap((rule) => (rule.table === table && rule.from !== undefined ? [rule.from] : []));
    const prefixes = own.filter((from) => delegated.has(from) && link.prefixes?.includes(from) !== true);
    const record: LinkRecord = { source: 'kernel', device, dns: [], ...(prefixes.length > 0 && { prefixes }) };
    return [[link.name, record] as const];
  });
  return recovered.length === 0 ? state : { ...state, v6: { links: Object.fromEntries(recovered), verdicts: {} } };
}

const MAIN = 254;

function recordOf(device: string, { source, gateway }: Route, dns: readonly string[]): LinkRecord {
  return {
    source: 'kernel',
    device,
    ...(source !== undefined && { address: source }),
    ...(gateway !== undefined && { gateway }),
    dns,
  };
}

function addressesAt(pref: number, rules: readonly Rule[]): string[] {
  return rules.flatMap(({ pref: at, to }) => (at === pref && to !== undefined && isUsableIpv4(to) ? [to] : []));
}

/**
 * What only commands find out, if nothing is known of it: a hook must neither ask nor take away what the last `apply` put
 * there. `helpers`: those that our table holds.
 */
export function recoverLearned(
  config: Config,
  state: State,
  rules: readonly Rule[],
  helpers: readonly ConntrackHelper[],
  places: Places,
): State {
  if (state.learned !== undefined) return state;
  const names = recoverNames(config, rules, places);
  const isNothing = helpers.length === 0 && Object.keys(names).length === 0;
  return isNothing ? state : { ...state, learned: { names, helpers } };
}

/** Each server that no TUNNEL_SERVER is the address of: the tunnel's over whose line it is reached. */
function recoverNames(
  config: Config,
  rules: readonly Rule[],
  { tableOf, tunnel, tunnelEnd }: Places,
): Learned['names'] {
  const given = new Set(config.links.map(({ tunnelServer }) => tunnelServer));
  const named = config.links.filter(({ tunnelServer }) => tunnelServer !== undefined && !isUsableIpv4(tunnelServer));
  const found: Record<string, string[]> = {};
  for (const server of addressesAt(tunnelEnd, rules)) {
    if (given.has(server)) continue;
    const rule = rules.find(({ pref, to }) => pref === tunnel && to === server);
    const line = config.links.find((link) => tableOf(link) === rule?.table)?.name ?? '';
    const over = ({ tunnelOver = 'balance' }: LinkConfig) => (tunnelOver === 'balance' ? [] : tunnelOver);
    const owner = named.find((link) => over(link).includes(line)) ?? named.find((link) => over(link).length === 0);
    const name = (owner ?? named[0])?.tunnelServer;
    if (name !== undefined) (found[name] ??= []).push(server);
  }
  return found;
}

/**
 * What only `main` knew, kept: the next dial-up with `replacedefaultroute` takes that default away, and the line that had
 * it works all the same.
 */
export function keepMainGateways(
  state: State,
  statuses: readonly LinkStatus[],
  mainGateways: Readonly<Record<string, string>>,
): State {
  const learnt = statuses.flatMap((status) => {
    if (!status.up || status.gateway === undefined || mainGateways[status.device] !== status.gateway) return [];
    const { device, address, gateway, link } = status;
    const known = withoutHold(state.links[link.name] ?? { source: 'kernel', device, dns: [] });
    return [[link.name, { ...known, device, address, gateway }] as const];
  });
  return learnt.length === 0 ? state : { ...state, links: { ...state.links, ...Object.fromEntries(learnt) } };
}

/** It is up with an address that the client's `down` was not about; written down as its own, that would hold it down again. */
function withoutHold(record: LinkRecord): LinkRecord {
  const kept = Object.entries(record).filter(([key]) => key !== 'heldDown');
  return Object.fromEntries(kept) as unknown as LinkRecord;
}
