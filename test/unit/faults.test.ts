/**
 * Fault injection: in every scenario, every operation towards kernel and disk fails, hangs past its time limit, or is the
 * process's last. Then packets go as before or as they are to go, and one further run gives what it would have given.
 * A sample of the points, another each time; FAULTS=all for all of them, FAULTS=17/400 for every 400th from the 17th on,
 * FAULTS_IN=block for one scenario.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GATED } from '../support/faults-disk.ts';
import { noCounts, playFaults } from '../support/faults-play.ts';

const DIRECTORY = join(import.meta.dirname, '../scenarios');
const SRC = join(import.meta.dirname, '../../src');
const SCENARIOS = readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt'));
const ONE = process.env['FAULTS_IN'];
const EACH = 60;

/** From the `first`-th on, every `each`-th. */
function sample(): { first: number; each: number } {
  const asked = process.env['FAULTS'];
  if (asked === 'all') return { first: 0, each: 1 };
  const [, first, each] = /^(\d+)\/(\d+)$/.exec(asked ?? '') ?? [];
  if (first !== undefined && each !== undefined) return { first: Number(first), each: Number(each) };
  return { first: Math.floor(Math.random() * EACH), each: EACH };
}

const { first, each } = sample();
const counts = noCounts();
let asked = 0;

test.each(ONE === undefined ? SCENARIOS : [`${ONE}.txt`])(
  'whatever goes wrong in %s',
  async (file) => {
    const text = readFileSync(join(DIRECTORY, file), 'utf8');
    const wrong = await playFaults(text, () => asked++ % each === first, counts);
    expect(wrong, `again: FAULTS=${first}/${each} npx vitest run --project unit faults`).toEqual([]);
  },
  600_000,
);

test('every point was reached', () => {
  const kinds = [...counts.byKind].map(([kind, count]) => `${kind} ${count}`).join(', ');
  console.log(
    `operations: ${counts.operations}; points: ${counts.points}, of which every ${each}th from the ${first}th on: ${counts.chosen}`,
  );
  console.log(`points: ${counts.struck} of ${counts.chosen} (${kinds})`);
  expect(counts.struck).toBe(counts.chosen);
  if (each === 1) expect(counts.struck).toBe(counts.points);
  expect(counts.chosen).toBeGreaterThan(0);
});
