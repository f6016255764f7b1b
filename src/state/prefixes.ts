import { MOST_PREFIXES } from '../events/prefixes.ts';
import { overlap6, parsePrefix6 } from '../ipv6.ts';
import type { Config, LinkEvent, LinkRecord, State } from '../model.ts';

type Delegation = Pick<LinkRecord, 'prefixes' | 'leaseStart'>;

/** What is delegated over a link once the event is recorded; those that stay keep their order. */
export function delegation(
  { prefixes, prefixesAre, leaseStart }: Pick<LinkEvent, 'prefixes' | 'prefixesAre' | 'leaseStart'>,
  known: Delegation = {},
): Delegation {
  const before = known.prefixes ?? [];
  const since = leaseStart ?? known.leaseStart;
  const lease = since !== undefined && { leaseStart: since };
  if (prefixes === undefined) return { ...(known.prefixes && { prefixes: before }), ...lease };
  if (prefixesAre === undefined) return { prefixes };
  if (prefixesAre === 'removed') return { prefixes: before.filter((prefix) => !prefixes.includes(prefix)), ...lease };
  const kept = since === known.leaseStart ? before : [];
  return { prefixes: [...new Set([...kept, ...prefixes])].slice(-MOST_PREFIXES), ...lease };
}

/** A prefix that a client was delegated over `link`, and `PREFIXES=` of `other` has, in whole or in part. */
interface Given {
  readonly link: string;
  readonly prefix: string;
  readonly other: string;
}

/** Of two links with rules for one address nobody could say which has it: what somebody has written down counts. */
export function givenToOthers({ links }: Config, records: State['links']): Given[] {
  return links.flatMap(({ name: link }) =>
    (records[link]?.prefixes ?? []).flatMap((prefix) => {
      const other = links.find(({ name, prefixes = [] }) => name !== link && prefixes.some((one) => meet(one, prefix)));
      return other === undefined ? [] : [{ link, prefix, other: other.name }];
    }),
  );
}

function meet(a: string, b: string): boolean {
  const [one, two] = [parsePrefix6(a), parsePrefix6(b)];
  return one !== undefined && two !== undefined && overlap6(one, two);
}

/** The records as they count. What is left out stays recorded: whoever corrects `PREFIXES=` need not wait for the client. */
export function withoutGiven(records: State['links'], given: readonly Given[]): State['links'] {
  return given.reduce((links, { link, prefix }) => {
    const record = links[link];
    if (record === undefined) return links;
    return { ...links, [link]: { ...record, prefixes: record.prefixes?.filter((one) => one !== prefix) ?? [] } };
  }, records);
}

/** Told when a client comes with it, and to every command; not at every renewal. */
export function notesOnGiven(config: Config, before: State, { v6 }: State, closely: boolean): string[] {
  return givenToOthers(config, v6?.links ?? {})
    .filter(({ link, prefix }) => closely || before.v6?.links[link]?.prefixes?.includes(prefix) !== true)
    .map(
      ({ link, prefix, other }) =>
        `${prefix}, delegated over ${link}, is left out as a whole: PREFIXES of ${other} has it, or a part of it; correct that if it is not ${other}'s`,
    );
}
