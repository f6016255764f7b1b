import { ALL_PROBE_PORTS } from '../desired/numbers.ts';
import { tableDelete, WATCH_TABLE } from '../kernel/render.ts';
import type { ProbedLink } from './probe/round.ts';

export type Counted = Pick<ProbedLink, 'id' | 'device'>;

/** Behind whatever others filter: what they drop has not been asked, nor answered. */
const PRIORITY = 300;

/**
 * Counts, for each link, answers to connections that began on this side, and TCP connections that begin. Not the probes'
 * own, which say what they say already; and no resolvers': the provider's answers when nothing behind it does. By maps:
 * what a packet costs does not grow with the links.
 */
export function watchTable(links: readonly Counted[]): string {
  const map = (name: string) =>
    ` map ${name} { type ifname : counter; elements = { ${links.map(({ id, device }) => `"${device}" : "${name}_${id}"`).join(', ')} }; }`;
  const own = ALL_PROBE_PORTS.join('-');
  const answer = 'meta nfproto ipv4 ct direction reply meta l4proto { tcp, udp } th sport != 53';
  const syn = 'meta nfproto ipv4 tcp flags & (syn | ack | rst) == syn ct state new';
  const counted = 'counter name iifname map @answers';
  const begun = 'counter name oifname map @begun';
  const chain = (hook: string, ...rules: string[]) =>
    ` chain ${hook} { type filter hook ${hook} priority ${PRIORITY}; policy accept; ${rules.join('; ')}; }`;
  return [
    `${WATCH_DELETE}table ${WATCH_TABLE} {`,
    ...links.map(({ id }) => ` counter answers_${id} { }; counter begun_${id} { }`),
    map('answers'),
    map('begun'),
    chain('forward', `${answer} ${counted}`, `${syn} ${begun}`),
    chain('input', `${answer} th dport != ${own} ${counted}`),
    chain('output', `${syn} tcp sport != ${own} ${begun}`),
    '}',
  ].join('\n');
}

export const WATCH_DELETE = tableDelete(WATCH_TABLE);
export const WATCH_LIST = ['-j', 'list', 'counters', 'table', ...WATCH_TABLE.split(' ')] as const;

/** Of one link, since the table was loaded. */
export interface Counters {
  readonly answers: number;
  readonly begun: number;
}

/** By link ID; undefined: this is no such listing. */
export function readCounters(text: string): ReadonlyMap<number, Counters> | undefined {
  const found = new Map<number, Counters>();
  try {
    const { nftables } = JSON.parse(text) as { nftables: readonly { counter?: { name: string; packets: number } }[] };
    for (const { counter } of nftables) {
      const [, what, id] = /^(answers|begun)_(\d+)$/.exec(counter?.name ?? '') ?? [];
      if (what === undefined) continue;
      const before = found.get(Number(id)) ?? { answers: 0, begun: 0 };
      found.set(Number(id), { ...before, [what]: counter?.packets });
    }
  } catch {
    return undefined;
  }
  return found;
}
