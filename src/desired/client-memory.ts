import { isMac } from '../checked.ts';
import { isLive } from '../liveness.ts';
import type { Config, LinkConfig, LinkLoad, LinkStatus } from '../model.ts';
import { clientOrder, fixedRanges, type Bindings } from './clients.ts';
import { hex, linkMark } from './numbers.ts';
import { sharingLinks } from './routing.ts';
import { devicesOf, isInUse6 } from './routing6.ts';
import { bound6, chain, CLIENTS, copyConnectionMark, memoryScript, undecided, unlessOneOf } from './memory-script.ts';

/**
 * `inet wanhook_memory` for BALANCE=client. `client` holds every client's own link, `away` the one it has meanwhile when
 * its own takes nobody (REBALANCE other than `never`). All of it happens in the kernel, with a connection's first packet:
 * - a known client gets its link's mark, if that link takes new connections;
 * - an unknown one, or one whose link does not, gets the next of an order that user space has prepared so that each
 *   stands for the link with the least clients per weight.
 * A link's death thus changes only which links are offered: its clients, and only they, choose anew when they next speak.
 */
export function clientMemory(
  config: Config,
  statuses: readonly LinkStatus[],
  base: readonly LinkLoad[],
  six: readonly LinkStatus[] = [],
): string {
  const devices = devicesOf(statuses, six);
  const isDual = isInUse6(six);
  if (devices.length === 0) return memoryScript(config, [], isDual);
  return memoryScript(
    config,
    [
      ...chain('prerouting', [
        ...undecided(config, six),
        `iifname { ${devices.map((device) => `"${device}"`).join(', ')} } accept`,
        'fib daddr type != unicast accept',
        ...(isDual
          ? ['meta mark 0 goto pick6', 'ct mark 0 goto beside6', 'accept'].map((line) => `meta nfproto ipv6 ${line}`)
          : []),
        'meta mark 0 goto pick',
        'ct mark 0 goto beside',
      ]),
      ...picking('meta mark', '', config, statuses, base),
      ...picking('ct mark', '_beside', config, statuses, base),
      ...chain('beside', ['jump pick_beside', ...copyConnectionMark(config)]),
      ...(isDual
        ? [
            ...picking6('meta mark', '', config, six),
            ...picking6('ct mark', '_beside', config, six),
            ...chain('beside6', ['jump pick6_beside', ...copyConnectionMark(config)]),
          ]
        : []),
    ],
    isDual,
  );
}

/**
 * A host has several IPv6 addresses, and new ones every day: so each is for itself, its link is by weight in turn, and nobody
 * keeps it over a reboot. Who has an address out of a line's own prefix has that line, unless he is fixed to another.
 */
function picking6(
  mark: 'meta mark' | 'ct mark',
  suffix: '' | '_beside',
  config: Config,
  statuses: readonly LinkStatus[],
): string[] {
  const sharing = sharingLinks(statuses).map(({ link }) => link);
  const marks = new Map(sharing.map((link) => [link.id, hex(linkMark(config, link).value)]));
  const { round } = clientOrder(sharing.map(({ id, weight }) => ({ id, weight, clients: 0 })));
  const turns = round.map((id, n) => `${n} : ${marks.get(id) ?? '0x00000000'}`).join(', ');
  const assigned = fixed(mark, config, statuses, 6);
  const own = `update @client6 { ip6 saddr timeout ${config.clientTimeout}s : ${mark} }`;
  return [
    ...chain(`pick6${suffix}`, [
      ...assigned,
      ...(assigned.length === 0 ? [] : [`${mark} != 0 return`]),
      ...bound6(statuses, 'return'),
      `${mark} set ip6 saddr map @client6`,
      unlessOneOf(mark, [...marks.values()]),
      `${mark} != 0 goto known_client6${suffix}`,
      ...(round.length === 0
        ? []
        : [`${mark} set numgen inc mod ${round.length} map { ${turns} }`, `goto bind6${suffix}`]),
    ]),
    ...chain(`known_client6${suffix}`, [own]),
    ...chain(`bind6${suffix}`, [`delete @client6 { ip6 saddr : ${mark} }`, own]),
  ];
}

/** A counter that does not come back to 0 in any network's life: past the map's keys, the rule sets nothing. */
const NEVER_AGAIN = 2 ** 31;

/** The choice, made in this mark, which is 0 before; foreign bits as in memory.ts. */
function picking(
  mark: 'meta mark' | 'ct mark',
  suffix: '' | '_beside',
  config: Config,
  statuses: readonly LinkStatus[],
  base: readonly LinkLoad[],
): string[] {
  const markOf = (link: LinkConfig) => hex(linkMark(config, link).value);
  const sharing = sharingLinks(statuses).map(({ link }) => link);
  const byId = new Map(sharing.map((link) => [link.id, markOf(link)]));
  const element = (seconds: number) => `{ ip saddr timeout ${seconds}s : ${mark} }`;
  const forget = (map: string) => `delete @${map} { ip saddr : ${mark} }`;
  const own = `update @client ${element(config.clientTimeout)}`;
  const quiet = config.rebalance === 'gradual' ? config.rebalanceQuiet : config.clientTimeout;
  const away = `update @away ${element(quiet)}`;
  const drop = unlessOneOf(mark, sharing.map(markOf));
  const known = (map: 'client' | 'away') => [
    `${mark} set ip saddr map @${map}`,
    ...(map === 'client' ? strangers : []),
    drop,
    `${mark} != 0 goto known_${map}${suffix}`,
  ];
  // A link that is not configured any more: `update` would keep it as its clients' own for ever.
  const strangers = [`${mark} != { ${[...config.links.map(markOf), '0x00000000'].join(', ')} } ${forget('client')}`];
  const order = ({ never: ['client'], return: ['client', 'away'], gradual: ['away', 'client'] } as const)[
    config.rebalance
  ];
  const { first, round } = clientOrder(base);
  const numbered = (ids: readonly number[]) => ids.map((id, n) => `${n} : ${byId.get(id) ?? '0x00000000'}`).join(', ');
  return [
    ...chain(`pick${suffix}`, [
      ...fixed(mark, config, statuses, 4),
      `${mark} != 0 goto fixed${suffix}`,
      ...order.flatMap(known),
      ...(first.length === 0 ? [] : [`${mark} set numgen inc mod ${NEVER_AGAIN} map { ${numbered(first)} }`]),
      ...(round.length === 0
        ? []
        : [`${mark} 0 ${mark} set numgen inc mod ${round.length} map { ${numbered(round)} }`, `goto bind${suffix}`]),
    ]),
    ...chain(`fixed${suffix}`, [forget('client'), own]),
    ...chain(`known_client${suffix}`, [own]),
    ...chain(`known_away${suffix}`, [own, away]),
    // `update` leaves the link of a client that has one, and only lengthens its time: it has gone away.
    ...chain(`bind${suffix}`, config.rebalance === 'never' ? [forget('client'), own] : [own, forget('away'), away]),
  ];
}

/** clients/*.env, for links that are live; otherwise such a client is like any other. A MAC address comes first. */
function fixed(mark: string, config: Config, statuses: readonly LinkStatus[], family: 4 | 6): string[] {
  const { clients } = config;
  const live = statuses.filter((status) => isLive(status));
  const up = new Map(live.map(({ link }) => [link.name, hex(linkMark(config, link).value)] as const));
  const macs = clients.flatMap(({ client, link }) => {
    const value = up.get(link);
    return isMac(client) && value !== undefined ? [`${client} : ${value}`] : [];
  });
  const ranges = fixedRanges(clients, family).flatMap(({ range, link }) => {
    const value = up.get(link);
    return value === undefined ? [] : [`${range} : ${value}`];
  });
  return [
    ...(macs.length === 0 ? [] : [`${mark} set ether saddr map { ${macs.join(', ')} }`]),
    ...(ranges.length === 0
      ? []
      : [`${mark} 0 ${mark} set ip${family === 6 ? '6' : ''} saddr map { ${ranges.join(', ')} }`]),
  ];
}

/** What was saved, as nft(8) lines to follow the script when the table is new. */
export function restored(config: Config, { client }: Bindings): string {
  const byId = new Map(config.links.map((link) => [link.id, hex(linkMark(config, link).value)]));
  const elements = [...client].flatMap(([address, id]) => {
    const mark = byId.get(id);
    return mark === undefined ? [] : [`${address} timeout ${config.clientTimeout}s : ${mark}`];
  });
  return elements
    .slice(0, CLIENTS)
    .map((element) => `add element inet wanhook_memory client { ${element} }\n`)
    .join('');
}
