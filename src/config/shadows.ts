import type { Addresses, PolicyRule, Problem, Range } from '../model.ts';
import { covers, merged } from '../ranges.ts';
import type { PlacedRule } from './rules.ts';

type Sets = Readonly<Record<string, readonly Range[]>>;

/**
 * A rule behind one that takes everything it matches never decides: a warning, since a broad exception above a narrow
 * rule may be temporary. Two rules for exactly the same that say different things contradict each other: a problem.
 * Compared pair by pair: a rule that only several earlier ones cover together is not found.
 */
export function reportShadows(
  placed: readonly PlacedRule[],
  sets: Sets,
  problems: Problem[],
  warnings: Problem[],
): void {
  const wide = placed.map(({ path, rule }) => ({
    path,
    rule,
    from: allOf(rule.match.from, sets),
    to: allOf(rule.match.to, sets),
  }));
  wide.forEach((one, index) => {
    const { path, rule } = one;
    const earlier = wide.slice(0, index).find((other) => takesAllOf(other, one));
    if (earlier === undefined) return;
    const same = takesAllOf(one, earlier);
    if (same && verdict(rule) !== verdict(earlier.rule)) {
      problems.push({ file: path, message: `contradicts ${earlier.path}: both match exactly the same connections` });
    } else {
      const never = `never decides: ${earlier.path} takes everything it matches`;
      const message = same ? `says the same as ${earlier.path}` : never;
      warnings.push({ file: path, message });
    }
  });
}

const verdict = ({ use, otherwise, sticky }: PolicyRule) => JSON.stringify([use, otherwise, sticky]);

/** A rule with its addresses and those of the sets it names, merged. */
interface Wide {
  readonly rule: PolicyRule;
  readonly from: readonly Range[] | undefined;
  readonly to: readonly Range[] | undefined;
}

function takesAllOf(outer: Wide, inner: Wide): boolean {
  const [out, into] = [outer.rule.match, inner.rule.match];
  return (
    wordsCover(out.protocols, into.protocols) &&
    wordsCover(out.iifs, into.iifs) &&
    wordsCover(out.dscps, into.dscps) &&
    rangesCover(out.sports, into.sports) &&
    rangesCover(out.dports, into.dports) &&
    rangesCover(outer.from, inner.from) &&
    rangesCover(outer.to, inner.to)
  );
}

function allOf(addresses: Addresses | undefined, sets: Sets): readonly Range[] | undefined {
  return addresses && merged([...addresses.ranges, ...addresses.sets.flatMap((name) => sets[name] ?? [])]);
}

function rangesCover(outer: readonly Range[] | undefined, inner: readonly Range[] | undefined): boolean {
  return outer === undefined || (inner !== undefined && covers(outer, inner));
}

function wordsCover<T>(outer: readonly T[] | undefined, inner: readonly T[] | undefined): boolean {
  return outer === undefined || (inner?.every((word) => outer.includes(word)) ?? false);
}
