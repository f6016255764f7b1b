import type { Config, LinkStatus } from '../model.ts';
import { ALL_PROBE_PORTS, hex, linkMark } from './numbers.ts';
import { bound6, chain, copyConnectionMark, memoryScript, undecided, unlessOneOf } from './memory-script.ts';
import { sharingLinks } from './routing.ts';
import { devicesOf, isInUse6 } from './routing6.ts';

/** By client and server, by these and port, and the same for the router's own connections, which have many sources. */
export const PAIR_MAPS = {
  pair: 'ip saddr . ip daddr',
  pair_port: 'ip saddr . ip daddr . meta l4proto . th dport',
  own: 'ip daddr',
  own_port: 'ip daddr . meta l4proto . th dport',
} as const;
type MapName = keyof typeof PAIR_MAPS;
/** IPv6's, by a hash of the same. */
export const PAIR_MAPS6 = ['pair6', 'pair_port6', 'own6', 'own_port6'] as const;

/** The map that remembers such a connection, and its key there; without a client: the router's own. */
export function pairKey(
  { pairByPort }: Pick<Config, 'pairByPort'>,
  { client, server, protocol, port = 0 }: PairOf,
): { map: MapName; key: string[] } {
  const name = { 6: 'tcp', 17: 'udp' }[protocol];
  const ends = [...(client === undefined ? [] : [client]), server];
  const apart = name !== undefined && pairByPort.includes(port);
  const map = client === undefined ? 'own' : 'pair';
  return apart ? { map: `${map}_port`, key: [...ends, name, String(port)] } : { map, key: ends };
}
interface PairOf {
  readonly client: string | undefined;
  readonly server: string;
  readonly protocol: number;
  readonly port: number | undefined;
}

const LAN = ['pair_port', 'pair'] as const;
const OWN = ['own_port', 'own'] as const;

/**
 * Bit of the connection's labels: a pin or the balance chose its link. By its end nothing else tells it from one that a
 * rule steered: both carry their link's mark. Setting one bit leaves the others as they are.
 */
const TEACHES = 126;

/**
 * The table `inet wanhook_memory` as an nft(8) script. It remembers which link a pair of client and server took, and gives
 * new connections of that pair the same mark; what happens to them then is the main table's and the mark rules' business.
 * - Beside `inet wanhook`, one step later (`mangle + 1`): the connection mark carries what the two tell each other, so
 *   neither names the other's sets, and a reload of either leaves the other alone.
 * - Reloaded by declaring what is there already and flushing the rules: the elements stay.
 * - Only the first packets of a connection come past a map: two lookups and two updates, however many links there are.
 */
export function memory(config: Config, statuses: readonly LinkStatus[], six: readonly LinkStatus[] = []): string {
  const devices = devicesOf(statuses, six);
  if (devices.length === 0) return memoryScript(config, [], isInUse6(six));
  const rules = [
    ...entries(config, devices, six),
    ...pick(config, statuses, ''),
    ...chain('forward_mark', copyConnectionMark(config)),
    ...settle(config, [], ''),
    ...(isInUse6(six) ? [...pick(config, six, '6'), ...settle(config, six, '6')] : []),
  ];
  return memoryScript(config, rules, isInUse6(six));
}

/** Empty for IPv4, which other chains and maps are named after. */
type Suffix = '' | '6';

/** What a map is keyed by: see memory-script.ts. The seed is any number, but always the same one. */
const keyIn = (map: MapName, six: Suffix) =>
  six === '' ? PAIR_MAPS[map] : `jhash ${PAIR_MAPS[map].replaceAll('ip ', 'ip6 ')} mod 4294967295 seed 0x77616e`;

function entries(config: Config, devices: readonly string[], six: readonly LinkStatus[]): string[] {
  const only6 = (...lines: string[]) => (isInUse6(six) ? lines.map((line) => `meta nfproto ipv6 ${line}`) : []);
  const all = hex(config.markMask);
  const [isNew, isTaught, ends] = [
    `ct state new meta mark & ${all} == 0`,
    `ct state new ct label ${TEACHES}`,
    `tcp flags & (fin | rst) != 0 ct label ${TEACHES}`,
  ];
  const wans = `{ ${devices.map((device) => `"${device}"`).join(', ')} }`;
  return [
    ...chain('prerouting', [
      ...bound6(six, 'accept'),
      ...undecided(config, six),
      `iifname ${wans} accept`,
      'fib daddr type != unicast accept',
      ...only6('meta mark 0 goto pick6', 'ct mark 0 goto beside6', 'accept'),
      'meta mark 0 goto pick',
      'ct mark 0 goto beside',
    ]),
    ...chain('output', [
      ...undecided(config, six),
      `oifname != ${wans} accept`,
      ...only6('meta mark 0 goto pick_own6', 'ct mark 0 goto beside_own6', 'accept'),
      'meta mark 0 goto pick_own',
      'ct mark 0 goto beside_own',
    ]),
    ...chain('postrouting', [
      ...undecided(config, six).slice(0, -3),
      `oifname != ${wans} accept`,
      'ct direction != original accept',
      `ct mark & ${all} == 0 accept`,
      ...only6(`${isNew} goto learn6`, `${isTaught} goto settle6`, `${ends} goto settle6`, 'accept'),
      `${isNew} goto learn`,
      `${isTaught} goto settle`,
      `${ends} goto settle`,
    ]),
  ];
}

/**
 * A map's mark replaces a whole mark (nft 1.0.6 cannot OR two registers), and foreign bits must stay: so it is written
 * where there are none. Usually that is the packet's mark; else the connection's, from where it is copied bit by bit and
 * taken away again. With foreign bits in both, the connection goes by the balance.
 */
function pick(config: Config, statuses: readonly LinkStatus[], six: Suffix): string[] {
  const all = hex(config.markMask);
  const sharing = sharingLinks(statuses).map(({ link }) => hex(linkMark(config, link).value));
  const lookups = (mark: string, maps: readonly [MapName, MapName]) => [
    ...eachMap(config, maps, (match, map) => [`${match}${mark} set ${keyIn(map, six)} map @${map}${six}`]),
    // A pair on a link that takes no new connections chooses anew, and what it chooses is remembered.
    unlessOneOf(mark, sharing),
    `${mark} & ${all} != 0 ct label set ${TEACHES}`,
  ];
  return [
    ...chain(`pick${six}`, lookups('meta mark', LAN)),
    ...chain(`pick_own${six}`, lookups('meta mark', OWN)),
    ...chain(`beside${six}`, [...lookups('ct mark', LAN), `ct mark & ${all} != 0 goto forward_mark`]),
    ...chain(`beside_own${six}`, [...lookups('ct mark', OWN), `ct mark & ${all} != 0 goto forward_mark`]),
  ];
}

/**
 * The link really taken, after the main table has put it into the connection's mark. `update` keeps an old element's mark
 * and only lengthens its life: where no pin has decided, the old one goes first. The end of a TCP connection lengthens it
 * once more. What a rule or `wanhook use` has steered teaches nothing.
 */
function settle(config: Config, statuses: readonly LinkStatus[], six: Suffix): string[] {
  const all = hex(config.markMask);
  const updates = (maps: readonly [MapName, MapName]) =>
    eachMap(config, maps, (match, map) => [
      `${match}update @${map}${six} { ${keyIn(map, six)} timeout ${config.pairTimeout}s : ct mark & ${all} }`,
    ]);
  const deletes = (maps: readonly [MapName, MapName]) =>
    eachMap(config, maps, (match, map) => [`${match}delete @${map}${six} { ${keyIn(map, six)} : ct mark & ${all} }`]);
  return [
    ...chain(`learn${six}`, [
      `fib saddr type local goto learn_own${six}`,
      ...bound6(statuses, 'accept'),
      `ct label set ${TEACHES}`,
      ...deletes(LAN),
      ...updates(LAN),
    ]),
    // The monitor asks the same target over every line: nobody chose those.
    ...chain(`learn_own${six}`, [
      `${six === '' ? 'icmp' : 'icmpv6'} type echo-request accept`,
      `meta l4proto { tcp, udp } th sport ${ALL_PROBE_PORTS.join('-')} accept`,
      `ct label set ${TEACHES}`,
      ...deletes(OWN),
      ...updates(OWN),
    ]),
    ...chain(`settle${six}`, [`fib saddr type local goto settle_own${six}`, ...updates(LAN)]),
    ...chain(`settle_own${six}`, updates(OWN)),
  ];
}

/** The map for ports of PAIR_BY_PORT and the one for everything else, each with what a packet must match. */
function eachMap(
  { pairByPort }: Config,
  [byPort, plain]: readonly [MapName, MapName],
  lines: (match: string, map: MapName) => string[],
): string[] {
  if (pairByPort.length === 0) return lines('', plain);
  const list = `{ ${pairByPort.join(', ')} }`;
  return [
    ...lines(`meta l4proto { tcp, udp } th dport ${list} `, byPort),
    ...lines(`meta l4proto { tcp, udp } th dport != ${list} `, plain),
    ...lines('meta l4proto != { tcp, udp } ', plain),
  ];
}
