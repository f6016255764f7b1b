import { MOST_PREFIXES } from '../events/prefixes.ts';
import type { LinkEvent, LinkRecord } from '../model.ts';

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
