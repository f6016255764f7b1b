import { delegatedPrefix, overlap6, parsePrefix6 } from '../ipv6.ts';
import type { LinkConfig, Problem } from '../model.ts';
import { words, type Key } from './key.ts';

/** As many as a client may tell of. */
const MOST = 16;

/**
 * IPv6 prefixes of a line that no client tells of, as everybody writes them, each once. Whoever writes host bits has made a
 * mistake.
 */
export const prefixes: Key<readonly string[]> = {
  expected: `none, or at most ${MOST} IPv6 prefixes such as 2001:db8:1::/56, /16 to /64, without host bits, separated by spaces or commas`,
  parse: (text) => {
    if (text === 'none') return [];
    const found = words(text).map((word) => (parsePrefix6(word) === undefined ? undefined : delegatedPrefix(word)));
    if (found.length > MOST || found.includes(undefined)) return undefined;
    return [...new Set(found.filter((prefix) => prefix !== undefined))];
  },
};

/** An address is one line's: of two that have it the rules could not tell which. */
export function reportPrefixes(
  links: readonly { readonly path: string; readonly link: LinkConfig }[],
  problems: Problem[],
): void {
  const all = links.flatMap(({ path, link }) =>
    (link.prefixes ?? []).flatMap((text) => {
      const prefix = parsePrefix6(text);
      return prefix === undefined ? [] : [{ path, text, prefix }];
    }),
  );
  all.forEach(({ path, text, prefix }, index) => {
    const overlaps = (one: (typeof all)[number], at: number) =>
      at < index && one.path !== path && overlap6(one.prefix, prefix);
    const other = all.find(overlaps);
    if (other === undefined) return;
    const whose = other.text === text ? `is already taken by ${other.path}` : `overlaps ${other.text} of ${other.path}`;
    problems.push({ file: path, message: `PREFIXES: ${text} ${whose}` });
  });
}
