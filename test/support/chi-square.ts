/** Pearson's chi-square test of shares against weights. */

/** What a fair sample exceeds once in a thousand, by degrees of freedom. */
export const CRITICAL: Readonly<Record<number, number>> = { 1: 10.83, 2: 13.82, 7: 24.32 };

export function chiSquare(counts: readonly number[], weights: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  return counts.reduce((sum, count, n) => {
    const want = (total * weights[n]!) / whole;
    return sum + (count - want) ** 2 / want;
  }, 0);
}
