import { isLive } from '../liveness.ts';
import type { Config, LinkStatus } from '../model.ts';
import { outermost } from './firewall6.ts';
import { hex } from './numbers.ts';
import { isInUse6 } from './routing6.ts';

/** What the tables of BALANCE=pair and BALANCE=client have in common: see memory.ts. */

/** Elements a map may hold: some 12 MB of kernel memory; a full map remembers no new ones. */
const PAIRS = 65_536;
/** Fewer: every hook reads them, some 50 ms a thousand. */
export const CLIENTS = 8192;

const TYPES = {
  pair: {
    pair: 'type ipv4_addr . ipv4_addr : mark',
    pair_port: 'type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark',
    own: 'type ipv4_addr : mark',
    own_port: 'type ipv4_addr . inet_proto . inet_service : mark',
  },
  client: { client: 'type ipv4_addr : mark', away: 'type ipv4_addr : mark' },
} as const;

/**
 * nft 1.0.6 aborts on an update of a map by two IPv6 addresses: such pairs are kept by a hash of 32 bits, and two that have the
 * same one share a pin. `meta length` is such a number; of `typeof jhash` nft makes a map that it cannot list.
 */
const HASHED = 'typeof meta length : meta mark';
/** IPv6's clients are each address for itself: nobody counts them. */
const TYPES6 = {
  pair: { pair6: HASHED, pair_port6: HASHED, own6: HASHED, own_port6: HASHED },
  client: { client6: 'type ipv6_addr : mark' },
} as const;

const PAIR_PICKING = ['pick', 'pick_own', 'beside', 'beside_own', 'learn', 'learn_own', 'settle', 'settle_own'];
const PAIR_CHAINS = [...PAIR_PICKING, 'forward_mark'];
const PICKING = ['pick', 'fixed', 'known_client', 'known_away', 'bind'];
const CHAINS: Readonly<Record<'pair' | 'client', readonly string[]>> = {
  pair: PAIR_CHAINS,
  client: [...PICKING, ...PICKING.map((name) => `${name}_beside`), 'beside'],
};

const PICKING6 = ['pick6', 'known_client6', 'bind6'];
const CHAINS6: Readonly<Record<'pair' | 'client', readonly string[]>> = {
  pair: PAIR_PICKING.map((name) => `${name}6`),
  client: [...PICKING6, ...PICKING6.map((name) => `${name}_beside`), 'beside6'],
};

/**
 * Declares what may be there already, flushes every rule, takes away what only the other mode uses, or IPv6 where there is
 * none, and puts in the rules: one transaction, after which all elements of this mode's maps are still there.
 */
export function memoryScript({ balance }: Pick<Config, 'balance'>, rules: readonly string[], six = false): string {
  const mode = balance === 'client' ? 'client' : 'pair';
  const other = mode === 'client' ? 'pair' : 'client';
  const used = [...CHAINS[mode], ...(six ? CHAINS6[mode] : [])];
  // Some names are both modes'.
  const known = new Set([...CHAINS[mode], ...CHAINS6[mode], ...CHAINS[other], ...CHAINS6[other]]);
  const unused = [...known].filter((name) => !used.includes(name));
  const maps = (of: 'pair' | 'client') =>
    Object.entries({ ...TYPES[of], ...TYPES6[of] }).map(
      ([name, type]) => ` map ${name} { ${type}; flags dynamic,timeout; size ${of === 'pair' ? PAIRS : CLIENTS}; }`,
    );
  const gone = { ...TYPES[other], ...TYPES6[other], ...(!six && TYPES6[mode]) };
  return [
    'table inet wanhook_memory {',
    ...maps(mode),
    ...maps(other),
    ' chain prerouting { type filter hook prerouting priority mangle + 1; policy accept; }',
    ' chain output { type route hook output priority mangle + 1; policy accept; }',
    ' chain postrouting { type filter hook postrouting priority mangle + 1; policy accept; }',
    ...[...used, ...unused].map((name) => ` chain ${name} { }`),
    '}',
    'flush table inet wanhook_memory',
    ...unused.map((name) => `delete chain inet wanhook_memory ${name}`),
    ...Object.keys(gone).map((name) => `delete map inet wanhook_memory ${name}`),
    'table inet wanhook_memory {',
    ...rules,
    '}',
    '',
  ].join('\n');
}

export const chain = (name: string, lines: readonly string[]) => [
  ` chain ${name} {`,
  ...lines.map((line) => `  ${line}`),
  ' }',
];

/** Who comes past: new connections that no rule, mark or inbound link has decided already. */
export function undecided({ markMask }: Pick<Config, 'markMask'>, six: readonly LinkStatus[] = []): string[] {
  const all = hex(markMask);
  return [
    ...(isInUse6(six) ? NEAR6 : ['meta nfproto != ipv4 accept']),
    'ct state != new accept',
    `ct mark & ${all} != 0 accept`,
    `meta mark & ${all} != 0 accept`,
  ];
}

/** What stays on its line. */
const NEAR6 = ['ip6 daddr { fe80::/10, ff00::/8 } accept', 'ip6 saddr { ::, fe80::/10 } accept'];

/** Who has an address of a line that takes connections: his line is decided. */
export function bound6(statuses: readonly LinkStatus[], verdict: 'accept' | 'return'): string[] {
  const live = statuses.filter((status) => isLive(status));
  const own = outermost(live.flatMap(({ sources = [], delegated = [] }) => [...sources, ...delegated]));
  return own.length === 0 ? [] : [`ip6 saddr { ${own.join(', ')} } ${verdict}`];
}

/** A mark that is none of these becomes 0. */
export function unlessOneOf(mark: string, marks: readonly string[]): string {
  return marks.length === 0 ? `${mark} set 0` : `${mark} != { ${marks.join(', ')}, 0x00000000 } ${mark} set 0`;
}

/** What was looked up in the connection's mark goes into the packet's, bit by bit, beside foreign bits. */
export function copyConnectionMark({ markMask }: Pick<Config, 'markMask'>): string[] {
  return [...bitsOf(markMask).map((bit) => `ct mark & ${bit} != 0 meta mark set meta mark | ${bit}`), 'ct mark set 0'];
}

function bitsOf(mask: number): string[] {
  return Array.from({ length: 32 }, (_, n) => 2 ** n)
    .filter((bit) => (mask & bit) !== 0)
    .map(hex);
}
