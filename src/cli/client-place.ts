import { isMac } from '../checked.ts';
import type { Decision } from '../decide.ts';
import { fixedFor, linkOf } from '../desired/clients.ts';
import { sharingLinks } from '../desired/routing.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { isLive } from '../liveness.ts';
import type { Config, FixedClient, LinkConfig } from '../model.ts';
import { hasText, parseJson } from '../json.ts';

/** Where a client's next connection goes (BALANCE=client), and why. */
interface Place {
  /** None: it is chosen anew. */
  readonly link: LinkConfig | undefined;
  /** The name of the link it is bound to, or fixed to. */
  readonly home: string | undefined;
  readonly why: string;
}

/** The Ethernet addresses of the LAN, as far as the kernel knows them; not asked for where none is configured. */
export async function macsOf(
  kernel: Kernel,
  { clients }: Config,
  family: 4 | 6 = 4,
): Promise<ReadonlyMap<string, string>> {
  if (!clients.some(({ client }) => isMac(client))) return new Map();
  const answer = parseJson((await kernel.ask('ip', [`-${family}`, '-N', '-j', 'neigh', 'show'])) ?? '');
  const neighbours = Array.isArray(answer) ? answer.filter((one) => hasText(one, 'dst', 'lladdr')) : [];
  return new Map(neighbours.map(({ dst, lladdr }) => [String(dst), String(lladdr)]));
}

type Known = Pick<Decision, 'config' | 'statuses' | 'bindings'>;

/** As the chain `pick` of client-memory.ts decides: a MAC address first, then the narrowest prefix, then what was learnt. */
export function placeOf(known: Known, address: string, mac: string | undefined): Place {
  const { config, statuses, bindings } = known;
  const nameOf = (id: number | undefined) => config.links.find((link) => link.id === id)?.name;
  const fixed = fixedPlace(known, address, mac);
  if (fixed !== undefined) return fixed;
  const candidates = assignments(config, address, mac);
  const sharing = new Set(sharingLinks(statuses).map(({ link }) => link.id));
  const id = linkOf(config, bindings, address, sharing);
  const learnt = nameOf(bindings.client.get(address));
  const home = candidates[0]?.link ?? learnt;
  const missing = home ?? 'its link';
  const why =
    id === undefined
      ? `${missing} takes no connections: its next one chooses`
      : candidates.length === 0 && nameOf(id) === learnt
        ? 'had the fewest clients for its weight'
        : liveLinks(statuses).has(missing)
          ? `was sent away from ${missing} while that was down`
          : `${missing} takes no connections`;
  return { link: config.links.find((link) => link.id === id), home, why };
}

/** By clients/*.env, to a link that is live. */
export function fixedPlace(
  { config, statuses }: Pick<Known, 'config' | 'statuses'>,
  address: string,
  mac: string | undefined,
): Place | undefined {
  const live = liveLinks(statuses);
  const fixed = assignments(config, address, mac).find(({ link }) => live.has(link));
  if (fixed === undefined) return undefined;
  const by = isMac(fixed.client) ? ` (MAC ${fixed.client})` : '';
  return { link: live.get(fixed.link), home: fixed.link, why: `fixed by clients/${fixed.name}.env${by}` };
}

const assignments = ({ clients }: Config, address: string, mac: string | undefined): FixedClient[] => [
  ...clients.filter(({ client }) => isMac(client) && client === mac),
  ...[fixedFor(clients, address) ?? []].flat(),
];

const liveLinks = (statuses: Known['statuses']) =>
  new Map(statuses.flatMap((status) => (isLive(status) ? [[status.link.name, status.link] as const] : [])));
