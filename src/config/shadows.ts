import type { Config, PolicyRule, Problem, Range } from '../model.ts';
import { covers } from '../ranges.ts';
import { endsOf, type Ends } from './families.ts';
import type { PlacedRule } from './rules.ts';

/**
 * A rule behind one that takes everything it matches never decides: a warning, since a broad exception above a narrow
 * rule may be temporary. Two rules for exactly the same that say different things contradict each other: a problem.
 * Compared pair by pair: a rule that only several earlier ones cover together is not found.
 */
export function reportShadows(
  placed: readonly PlacedRule[],
  sets: Config['addressSets'],
  problems: Problem[],
  warnings: Problem[],
): void {
  const wide = placed.map(({ path, rule }) => ({ path, rule, ends: endsOf(rule.match, sets) }));
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

/** A rule with its addresses and those of the sets it names. */
interface Wide {
  readonly rule: PolicyRule;
  readonly ends: Ends;
}

function takesAllOf(outer: Wide, inner: Wide): boolean {
  const [out, into] = [outer.rule.match, inner.rule.match];
  return (
    wordsCover(out.protocols, into.protocols) &&
    wordsCover(out.iifs, into.iifs) &&
    wordsCover(out.dscps, into.dscps) &&
    rangesCover(out.sports, into.sports) &&
    rangesCover(out.dports, into.dports) &&
    (['four', 'six'] as const).every((family) => endsCover(outer.ends[family], inner.ends[family]))
  );
}

function endsCover(outer: Ends['four'], inner: Ends['four']): boolean {
  if (inner === undefined) return true;
  return outer !== undefined && covers(outer.from, inner.from) && covers(outer.to, inner.to);
}

function rangesCover(outer: readonly Range[] | undefined, inner: readonly Range[] | undefined): boolean {
  return outer === undefined || (inner !== undefined && covers(outer, inner));
}

function wordsCover<T>(outer: readonly T[] | undefined, inner: readonly T[] | undefined): boolean {
  return outer === undefined || (inner?.every((word) => outer.includes(word)) ?? false);
}
