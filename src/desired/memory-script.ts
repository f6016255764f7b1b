import type { Config } from '../model.ts';

/** What the tables of BALANCE=pair and BALANCE=client have in common: see memory.ts. */

/** Elements a map may hold: some 12 MB of kernel memory; a full map remembers no new ones. */
const PAIRS = 65_536;
/** Fewer: every hook reads them, some 50 ms a thousand. */
export const CLIENTS = 8192;

const TYPES = {
  pair: {
    pair: 'ipv4_addr . ipv4_addr',
    pair_port: 'ipv4_addr . ipv4_addr . inet_proto . inet_service',
    own: 'ipv4_addr',
    own_port: 'ipv4_addr . inet_proto . inet_service',
  },
  client: { client: 'ipv4_addr', away: 'ipv4_addr' },
} as const;

const PAIR_CHAINS = [
  ...['pick', 'pick_own', 'beside', 'beside_own', 'forward_mark'],
  ...['learn', 'learn_own', 'settle', 'settle_own'],
];
const PICKING = ['pick', 'fixed', 'known_client', 'known_away', 'bind'];
const CHAINS: Readonly<Record<'pair' | 'client', readonly string[]>> = {
  pair: PAIR_CHAINS,
  client: [...PICKING, ...PICKING.map((name) => `${name}_beside`), 'beside'],
};

/**
 * Declares what may be there already, flushes every rule, takes away what only the other mode uses, and puts in the
 * rules: one transaction, after which all elements of this mode's maps are still there.
 */
export function memoryScript({ balance }: Pick<Config, 'balance'>, rules: readonly string[]): string {
  const mode = balance === 'client' ? 'client' : 'pair';
  const other = mode === 'client' ? 'pair' : 'client';
  const unused = CHAINS[other].filter((name) => !CHAINS[mode].includes(name));
  const maps = (of: keyof typeof TYPES) =>
    Object.entries(TYPES[of]).map(
      ([name, type]) =>
        ` map ${name} { type ${type} : mark; flags dynamic,timeout; size ${of === 'pair' ? PAIRS : CLIENTS}; }`,
    );
  return [
    'table inet wanhook_memory {',
    ...maps(mode),
    ...maps(other),
    ' chain prerouting { type filter hook prerouting priority mangle + 1; policy accept; }',
    ' chain output { type route hook output priority mangle + 1; policy accept; }',
    ' chain postrouting { type filter hook postrouting priority mangle + 1; policy accept; }',
    ...[...CHAINS[mode], ...unused].map((name) => ` chain ${name} { }`),
    '}',
    'flush table inet wanhook_memory',
    ...unused.map((name) => `delete chain inet wanhook_memory ${name}`),
    ...Object.keys(TYPES[other]).map((name) => `delete map inet wanhook_memory ${name}`),
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
export function undecided({ markMask }: Pick<Config, 'markMask'>): string[] {
  const all = hex(markMask);
  return [
    'meta nfproto != ipv4 accept',
    'ct state != new accept',
    `ct mark & ${all} != 0 accept`,
    `meta mark & ${all} != 0 accept`,
  ];
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

export const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
