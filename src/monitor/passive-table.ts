import { ALL_PROBE_PORTS } from '../desired/numbers.ts';
import { tableDelete, WATCH_TABLE } from '../kernel/render.ts';
import type { ProbedLink } from './probe/round.ts';

export type Counted = Pick<ProbedLink, 'id' | 'device' | 'family'>;

/** Names a link's counters: `7`, or `7_6` for its IPv6. */
export const counterKey = ({ id, family }: Pick<Counted, 'id' | 'family'>): string =>
  family === undefined ? String(id) : `${id}_${family}`;

/** Behind whatever others filter: what they drop has not been asked, nor answered. */
const PRIORITY = 300;

/**
 * Counts, for each link, answers to connections that began on this side, and TCP connections that begin. Not the probes'
 * own, which say what they say already; and no resolvers': the provider's answers when nothing behind it does. By maps:
 * what a packet costs does not grow with the links.
 */
export function watchTable(links: readonly Counted[]): string {
  const families = ([undefined, 6] as const)
    .map((family) =>
      watched(
        family,
        links.filter((link) => link.family === family),
      ),
    )
    .filter(({ declarations }) => declarations.length > 0);
  const chain = (hook: keyof Watched['chains']) =>
    ` chain ${hook} { type filter hook ${hook} priority ${PRIORITY}; policy accept; ${families.flatMap(({ chains }) => chains[hook]).join('; ')}; }`;
  return [
    `${WATCH_DELETE}table ${WATCH_TABLE} {`,
    ...families.flatMap(({ declarations }) => declarations),
    ...[chain('forward'), chain('input'), chain('output')],
    '}',
  ].join('\n');
}

interface Watched {
  readonly declarations: readonly string[];
  readonly chains: Readonly<Record<'forward' | 'input' | 'output', readonly string[]>>;
}

/** What one of the families needs in there; no declarations: nothing. */
function watched(family: 6 | undefined, links: readonly Counted[]): Watched {
  const six = family ?? '';
  const nfproto = family === 6 ? 'ipv6' : 'ipv4';
  const map = (name: string) =>
    ` map ${name}${six} { type ifname : counter; elements = { ${links.map((link) => `"${link.device}" : "${name}_${counterKey(link)}"`).join(', ')} }; }`;
  const own = ALL_PROBE_PORTS.join('-');
  const answer = `meta nfproto ${nfproto} ct direction reply meta l4proto { tcp, udp } th sport != 53`;
  const syn = `meta nfproto ${nfproto} tcp flags & (syn | ack | rst) == syn ct state new`;
  const counted = `counter name iifname map @answers${six}`;
  const begun = `counter name oifname map @begun${six}`;
  const counters = links.map((link) => counterKey(link));
  return {
    declarations: [
      ...counters.map((key) => ` counter answers_${key} { }; counter begun_${key} { }`),
      ...(links.length === 0 ? [] : [map('answers'), map('begun')]),
    ],
    chains: {
      forward: [`${answer} ${counted}`, `${syn} ${begun}`],
      input: [`${answer} th dport != ${own} ${counted}`],
      output: [`${syn} tcp sport != ${own} ${begun}`],
    },
  };
}

export const WATCH_DELETE = tableDelete(WATCH_TABLE);
export const WATCH_LIST = ['-j', 'list', 'counters', 'table', ...WATCH_TABLE.split(' ')] as const;

/** Of one link, since the table was loaded. */
export interface Counters {
  readonly answers: number;
  readonly begun: number;
}

/** `1e400` is JSON, and infinite: what is compared with it later would never have moved. */
const isCount = (packets: unknown): packets is number => Number.isSafeInteger(packets) && Number(packets) >= 0;

/** By `counterKey`; undefined: this is no such listing. */
export function readCounters(text: string): ReadonlyMap<string, Counters> | undefined {
  const found = new Map<string, Counters>();
  try {
    const { nftables } = JSON.parse(text) as {
      nftables: readonly { counter?: { name?: unknown; packets?: unknown } }[];
    };
    for (const { counter } of nftables) {
      const [, what, key] = /^(answers|begun)_(\d+(?:_6)?)$/.exec(String(counter?.name)) ?? [];
      const packets = counter?.packets;
      if (what === undefined || key === undefined || !isCount(packets)) continue;
      const before = found.get(key) ?? { answers: 0, begun: 0 };
      found.set(key, { ...before, [what]: packets });
    }
  } catch {
    return undefined;
  }
  return found;
}
