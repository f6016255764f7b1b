import type { Condition, Config, Draft, LinkConfig, LinkHealth, LinkStatus, State, Told, ToldLink } from '../model.ts';
import { linkTable, standing } from './numbers.ts';
import { sharingLinks } from './routing.ts';
import { isInUse6 } from './routing6.ts';

/** The links as those outside see them: user scripts, `wanhook health`, metrics. */
export interface Picture {
  readonly links: readonly Seen[];
  /** Of the links that take new connections; absent: none does. */
  readonly standing?: number;
}

export interface Seen {
  readonly name: string;
  readonly condition: Condition;
  readonly reason: string;
  /** What it has now; while it is down, what it had. */
  readonly device?: string;
  readonly address?: string;
  /** Or a PPP line's peer. */
  readonly gateway?: string;
  readonly table: number;
  readonly dns: readonly string[];
  /** It takes new connections: which part of them, from 0 to 1. */
  readonly sharing: boolean;
  readonly share: number;
  /** Absent: it never had any. */
  readonly ipv6?: SeenIpv6;
}

export interface SeenIpv6 {
  readonly condition: 'up' | 'dead' | 'down';
  readonly address?: string;
  /** Delegated to us; they stay known while the line is down. */
  readonly prefixes: readonly string[];
}

/** Does it work, however badly? */
export const isUsable = ({ condition }: Pick<Seen, 'condition'>): boolean =>
  condition === 'up' || condition === 'degraded';

/** What a family of a link is worth. */
export function conditionOf(status: LinkStatus, state: Pick<State, 'health' | 'v6'>): Condition {
  if (!status.up) return 'down';
  if (status.dead !== undefined) return 'dead';
  return healthOf(status, state)?.verdict === 'degraded' ? 'degraded' : 'up';
}

/** The monitor's word on the line that is there now: a redial makes it another one, of which nothing is known. */
export function healthOf(status: LinkStatus, state: Pick<State, 'health' | 'v6'>): LinkHealth | undefined {
  const health = status.family === 6 ? state.v6?.health : state.health;
  const said = health?.[status.link.name];
  return status.up && said?.device === status.device && said.address === status.address ? said : undefined;
}

/**
 * A link is seen by IPv4 if it has that, or had: most of what is behind it needs IPv4, and whose IPv4 is lost is no better than
 * whose IPv4 is dead. Else by IPv6. In the links' order.
 */
export function seenStatuses({ links }: Config, in4: readonly LinkStatus[], in6: readonly LinkStatus[]): LinkStatus[] {
  const [by4, by6] = [byName(in4), byName(in6)];
  return links.flatMap(({ name }) => {
    const four = by4.get(name);
    const six = by6.get(name);
    const hasNone = four?.up !== true && four?.address === undefined;
    return (hasNone && six?.up === true ? six : (four ?? six)) ?? [];
  });
}

const byName = (statuses: readonly LinkStatus[]) => new Map(statuses.map((status) => [status.link.name, status]));

/** Pure: what the statuses and the record say. */
export function pictureOf(
  config: Config,
  statuses4: readonly LinkStatus[],
  state: Pick<State, 'links' | 'health' | 'v6'>,
  statuses6: readonly LinkStatus[] = [],
): Picture {
  const statuses = seenStatuses(config, statuses4, statuses6);
  const [in4, in6] = [sharingLinks(statuses4), sharingLinks(statuses6)];
  // Those that share are of one standing, in each family.
  const standings = [in4[0], in6[0]].flatMap((any) => (any === undefined ? [] : standing(any.link)));
  const [shares4, shares6] = [sharesOf(in4), sharesOf(in6)];
  const six = byName(statuses6);
  const links = statuses.map((status): Seen => {
    const { link, device, address } = status;
    const share = (status.family === 6 ? shares6 : shares4).get(link);
    const { condition, reason } = worth(status, state);
    const gateway = status.up ? (status.gateway ?? status.peer) : undefined;
    const found: Draft<Seen> = {
      ...{ name: link.name, condition, reason, table: linkTable(config, link) },
      ...{ dns: state.links[link.name]?.dns ?? [], sharing: share !== undefined, share: share ?? 0 },
    };
    if (device !== undefined) found.device = device;
    if (address !== undefined) found.address = address;
    if (gateway !== undefined) found.gateway = gateway;
    const ipv6 = ipv6Of(six.get(link.name));
    if (ipv6 !== undefined) found.ipv6 = ipv6;
    return found;
  });
  return { links, ...(standings.length > 0 && { standing: Math.min(...standings) }) };
}

/** Of the new connections, by link. */
function sharesOf(sharing: readonly LinkStatus[]): ReadonlyMap<LinkConfig, number> {
  const total = sharing.reduce((sum, { link }) => sum + link.weight, 0);
  return new Map(sharing.map(({ link }) => [link, link.weight / total]));
}

function ipv6Of(status: LinkStatus | undefined): SeenIpv6 | undefined {
  if (status === undefined || !isInUse6([status])) return undefined;
  const condition = !status.up ? 'down' : status.dead === undefined ? 'up' : 'dead';
  const address = status.up ? { address: status.address } : {};
  return { condition, ...address, prefixes: status.delegated ?? [] };
}

/** For comparing. */
export const ipv6Words = ({ condition, address = '-', prefixes }: SeenIpv6): string =>
  [condition, address, ...prefixes].join(' ');

function worth(status: LinkStatus, state: Pick<State, 'health' | 'v6'>): Pick<Seen, 'condition' | 'reason'> {
  if (!status.up) return { condition: 'down', reason: status.reason };
  const health = healthOf(status, state);
  const condition = health === undefined || health.verdict === 'alive' ? 'up' : health.verdict;
  return { condition, reason: health?.reason ?? `${status.device} has ${status.address}` };
}

/** What is remembered of a picture once it has been told. While nothing works, the tier that last did is kept. */
export function toldOf({ links, standing: now }: Picture, before?: Told): Told {
  const last = links.some(isUsable) ? (now ?? before?.standing) : before?.standing;
  const told = links.map(({ name, condition, device, address, ipv6 }) => {
    const known = before?.links[name];
    const six = ipv6 && ipv6Words(ipv6);
    const isSame = known?.condition === condition && known.device === device && known.address === address;
    // The same object need not be compared.
    if (isSame && known.ipv6 === six) return [name, known] as const;
    const link: Draft<ToldLink> = { condition };
    if (device) link.device = device;
    if (address) link.address = address;
    if (six !== undefined) link.ipv6 = six;
    return [name, link] as const;
  });
  return { links: Object.fromEntries(told), ...(last !== undefined && { standing: last }) };
}
