import type { Config, ConntrackHelper } from '../model.ts';

/** Where each protocol's control connection goes; linux/netfilter/nf_conntrack_*.h. */
const CONTROL: Record<ConntrackHelper, readonly { readonly proto: 'tcp' | 'udp'; readonly port: number }[]> = {
  ftp: [{ proto: 'tcp', port: 21 }],
  irc: [{ proto: 'tcp', port: 6667 }],
  pptp: [{ proto: 'tcp', port: 1723 }],
  sip: [
    { proto: 'udp', port: 5060 },
    { proto: 'tcp', port: 5060 },
  ],
  tftp: [{ proto: 'udp', port: 69 }],
};

/**
 * Connection-tracking helpers, assigned explicitly: the kernel's automatic assignment is off since Linux 4.7 and gone
 * since 6.0, because a helper on any port opens holes. Connections they expect inherit the mark of their parent.
 */
export function helperLines(helpers: readonly ConntrackHelper[]): string[] {
  if (helpers.length === 0) return [];
  const all = helpers.flatMap((name) => CONTROL[name].map((one) => ({ name, ...one })));
  const rules = all.map(
    ({ name, proto, port }) => `  ct state new ${proto} dport ${port} ct helper set "${name}_${proto}"`,
  );
  const chain = (hook: string) => [
    ` chain helpers_${hook} {`,
    `  type filter hook ${hook} priority filter; policy accept;`,
    ...rules,
    ' }',
  ];
  return [
    ...all.flatMap(({ name, proto }) => [` ct helper ${name}_${proto} {`, `  type "${name}" protocol ${proto};`, ' }']),
    ...chain('prerouting'),
    ...chain('output'),
  ];
}

/** Those of the configured helpers that a listing of our table holds. */
export function helpersIn({ helpers }: Config, listing: string): ConntrackHelper[] {
  return helpers.filter((name) => CONTROL[name].some(({ proto }) => listing.includes(`ct helper ${name}_${proto} {`)));
}
