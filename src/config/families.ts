import type { Addresses, Config, Problem, RuleMatch } from '../model.ts';
import { covers, merged, rangesOf, type AnyRange } from '../ranges.ts';
import { ONLY_IN } from './rule-keys.ts';
import type { PlacedRule } from './rules.ts';

/** A rule with addresses of one family is about that family alone; one without addresses about both. */

type Family = 'four' | 'six';
const FAMILIES: readonly Family[] = ['four', 'six'];

/** What a rule is about in each family, merged: all addresses where it names none. Absent: nothing there. */
export type Ends = Readonly<
  Partial<Record<Family, { readonly from: readonly AnyRange[]; readonly to: readonly AnyRange[] }>>
>;

const ALL: Readonly<Record<Family, readonly AnyRange[]>> = {
  four: [[0, 2 ** 32 - 1]],
  six: [[0n, 2n ** 128n - 1n]],
};
/** fe80::/10 and ff00::/8 end at the next router: no rule is asked about them. */
const NEAR: readonly AnyRange[] = [
  [0xfe80n << 112n, (0xfec0n << 112n) - 1n],
  [0xff00n << 112n, 2n ** 128n - 1n],
];

export function endsOf(match: RuleMatch, sets: Config['addressSets']): Ends {
  const found = FAMILIES.map((family) => {
    const { from, to } = sidesOf(match, sets, family);
    const foreign = ONLY_IN[family === 'four' ? 'six' : 'four'];
    const isOfOther = match.protocols?.every((protocol) => foreign.includes(protocol)) === true;
    const isAsked = [from, to].every((side) => side.length > 0 && !covers(NEAR, side));
    return isAsked && !isOfOther ? { [family]: { from, to } } : {};
  });
  return Object.assign({}, ...found) as Ends;
}

function sidesOf({ from, to }: RuleMatch, sets: Config['addressSets'], family: Family) {
  const side = (of: Addresses | undefined) => (of === undefined ? ALL[family] : merged(rangesOf(of, sets, family)));
  return { from: side(from), to: side(to) };
}

/** Rules that match no connection of any family. */
export function reportNever(placed: readonly PlacedRule[], sets: Config['addressSets'], problems: Problem[]): void {
  for (const { path, rule } of placed) {
    const message = whyNever(rule.match, sets);
    if (message !== undefined) problems.push({ file: path, message });
  }
}

function whyNever({ protocols, ...sides }: RuleMatch, sets: Config['addressSets']): string | undefined {
  const isNever = (match: RuleMatch) => Object.keys(endsOf(match, sets)).length === 0;
  if (!isNever({ ...sides, ...(protocols && { protocols }) })) return undefined;
  if (!isNever(sides)) return 'PROTO is of one family, the addresses are of the other: it could never match';
  const meets = (family: Family) => Object.values(sidesOf(sides, sets, family)).every(({ length }) => length > 0);
  return FAMILIES.some(meets)
    ? 'link-local and multicast addresses end at the next router: it could never match'
    : 'FROM is of one family, TO of the other: it could never match';
}
