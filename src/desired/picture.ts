import type { Condition, Config, LinkHealth, LinkStatus, State, Told } from '../model.ts';
import { linkTable, standing } from './numbers.ts';
import { sharingLinks } from './routing.ts';

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
}

/** Does it work, however badly? */
export const isUsable = ({ condition }: Pick<Seen, 'condition'>): boolean =>
  condition === 'up' || condition === 'degraded';

/** The monitor's word on the line that is there now: a redial makes it another one, of which nothing is known. */
export function healthOf(status: LinkStatus, { health }: Pick<State, 'health'>): LinkHealth | undefined {
  const said = health?.[status.link.name];
  return status.up && said?.device === status.device && said.address === status.address ? said : undefined;
}

/** Pure: what the statuses and the record say, in the links' order. */
export function pictureOf(
  config: Config,
  statuses: readonly LinkStatus[],
  state: Pick<State, 'links' | 'health'>,
): Picture {
  const sharing = new Set(sharingLinks(statuses).map(({ link }) => link));
  const [any] = sharing;
  const total = [...sharing].reduce((sum, { weight }) => sum + weight, 0);
  const links = statuses.map((status): Seen => {
    const { link, device, address } = status;
    const { condition, reason } = worth(status, state);
    const gateway = status.up ? (status.gateway ?? status.peer) : undefined;
    return {
      name: link.name,
      condition,
      reason,
      ...(device !== undefined && { device }),
      ...(address !== undefined && { address }),
      ...(gateway !== undefined && { gateway }),
      table: linkTable(config, link),
      dns: state.links[link.name]?.dns ?? [],
      sharing: sharing.has(link),
      share: sharing.has(link) ? link.weight / total : 0,
    };
  });
  return { links, ...(any !== undefined && { standing: standing(any) }) };
}

function worth(status: LinkStatus, state: Pick<State, 'health'>): Pick<Seen, 'condition' | 'reason'> {
  if (!status.up) return { condition: 'down', reason: status.reason };
  const health = healthOf(status, state);
  const condition = health === undefined || health.verdict === 'alive' ? 'up' : health.verdict;
  return { condition, reason: health?.reason ?? `${status.device} has ${status.address}` };
}

/** What is remembered of a picture once it has been told. While nothing works, the tier that last did is kept. */
export function toldOf({ links, standing: now }: Picture, before?: Told): Told {
  const last = links.some(isUsable) ? (now ?? before?.standing) : before?.standing;
  const told = links.map(({ name, condition, device, address }) => {
    return [name, { condition, ...(device && { device }), ...(address && { address }) }] as const;
  });
  return { links: Object.fromEntries(told), ...(last !== undefined && { standing: last }) };
}
