import { inSubnet } from '../checked.ts';
import { isLive } from '../liveness.ts';
import type { Config, LinkConfig, LinkStatus, LinkUp, Rule, State } from '../model.ts';
import { linkTable, pref, standing } from './numbers.ts';
import { sharingLinks } from './routing.ts';

/** What is remembered about links besides their status. */
export type Memory = Pick<State, 'links' | 'verdicts' | 'learned'>;
const NO_MEMORY: Memory = { links: {}, verdicts: {} };

/**
 * Packets to a tunnel's server stay on the line below it, or are refused: a tunnel whose own packets went into it would
 * feed itself (65 MB in 7 s were seen). A tunnel is one flow to the outside (PPTP: GRE and TCP), so it takes one line.
 */
export function tunnelRules(config: Config, statuses: readonly LinkStatus[], memory: Memory = NO_MEMORY): Rule[] {
  return config.links.flatMap((tunnel) =>
    serversOf(tunnel, memory).flatMap((to): Rule[] => {
      const under = underlay(tunnel, statuses);
      const end: Rule = { pref: pref(config, 'tunnelEnd'), to, type: 'unreachable' };
      return under === undefined
        ? [end]
        : [{ pref: pref(config, 'tunnel'), to, table: linkTable(config, under.link) }, end];
    }),
  );
}

/** An address as it is; a name as it was last resolved, by a command and never by a hook. */
function serversOf({ tunnelServer }: LinkConfig, { learned }: Memory): readonly string[] {
  if (tunnelServer === undefined) return [];
  return /^[\d.]+$/.test(tunnelServer) ? [tunnelServer] : (learned?.names[tunnelServer] ?? []);
}

/** The first of the listed lines that is live; `balance`: one of those that share now and are no tunnels themselves. */
function underlay(tunnel: LinkConfig, statuses: readonly LinkStatus[]): LinkUp | undefined {
  const { tunnelOver } = tunnel;
  if (tunnelOver !== undefined && tunnelOver !== 'balance') {
    const named = tunnelOver.map((name) => statuses.find(({ link }) => link.name === name));
    return named.find((status) => status !== undefined && isLive(status));
  }
  const lines = sharingLinks(statuses.filter(({ link }) => link.tunnelServer === undefined));
  return lines.toSorted((a, b) => score(tunnel, b.link) - score(tunnel, a.link))[0];
}

/** Rendezvous hashing by weight: several tunnels spread, and only those of a lost line move. */
function score({ id }: LinkConfig, line: LinkConfig): number {
  const mixed = Math.imul(Math.imul(id * 64 + line.id, 0x9e3779b1) ^ 0x5bd1e995, 0x85ebca6b) >>> 8;
  return line.weight / -Math.log((mixed + 1) / (2 ** 24 + 1));
}

/** Which line leads to a resolver: an ISP's answers only over its own. */
export function resolverLinks(statuses: readonly LinkStatus[], { links, verdicts }: Memory): Map<string, LinkUp> {
  const found = new Map<string, LinkUp>();
  const upSince = ({ link, address }: LinkUp) => {
    const last = verdicts[link.name];
    return last?.up === true && last.address === address ? last.since : Infinity;
  };
  const better = (a: LinkUp, b: LinkUp) =>
    standing(a.link) - standing(b.link) || upSince(b) - upSince(a) || a.link.id - b.link.id;
  for (const status of statuses) {
    if (!isLive(status)) continue;
    for (const resolver of links[status.link.name]?.dns ?? []) {
      const other = found.get(resolver);
      if (other === undefined || better(status, other) < 0) found.set(resolver, status);
    }
  }
  return found;
}

/**
 * Queries to the resolvers that a line gave leave by that line while it is up. After mark and source rules: who is bound
 * to another line stays there. Of several lines that gave the same one the better tier has it, then the last to come up.
 * Before `main` where that has two lines' connected routes for it.
 */
export function resolverRules(config: Config, statuses: readonly LinkStatus[], memory: Memory = NO_MEMORY): Rule[] {
  return [...resolverLinks(statuses, memory)].map(([to, { link, sharedSubnet }]) => {
    const [network = '', prefix] = sharedSubnet?.split('/') ?? [];
    const near = inSubnet(to, network, Number(prefix));
    return { pref: pref(config, near ? 'nearResolver' : 'resolver'), to, table: linkTable(config, link) };
  });
}
