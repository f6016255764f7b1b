/**
 * Fault injection: in every scenario, every operation towards kernel and disk fails, hangs past its time limit, or is the
 * process's last. Then packets go as before or as they are to go, and one further run gives what it would have given.
 * A sample of the points, another each time: FAULTS=17/96 for that one again, FAULTS=all for all of them (npm run faults),
 * FAULTS_IN=block,dead for some scenarios: a run over all may be cut into parts that add up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GATED } from '../support/faults-disk.ts';
import { noCounts, playFaults } from '../support/faults-play.ts';

const DIRECTORY = join(import.meta.dirname, '../scenarios');
const SRC = join(import.meta.dirname, '../../src');
/** No part of what a run does: a log that is followed, and the monitor's watch of a folder. */
const BESIDE =
  /^(?:(?:fstat|read)Sync in cli\/journal-tail\.ts|(?:constants|fstatSync) in config\/load\.ts|constants in kernel\/waiting-ip\.ts|watch in state\/dropped\.ts)$/;
const SCENARIOS = readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt'));
const SOME = process.env['FAULTS_IN']?.split(',').map((name) => `${name}.txt`);
/** Most of a step's time is its own, whatever number of its points is played: so a sample is some points of some steps. */
const [STEPS, POINTS] = [12, 8];
const PARTS = STEPS * POINTS;

const ALL = process.env['FAULTS'] === 'all';
const part = Number(/^(\d+)\/96$/.exec(process.env['FAULTS'] ?? '')?.[1] ?? Math.floor(Math.random() * PARTS));
const counts = noCounts();
let steps = 0;

function choose(): (n: number) => boolean {
  const isHere = steps++ % STEPS === part % STEPS;
  return (n) => ALL || (isHere && n % POINTS === Math.floor(part / STEPS));
}

test.each(SOME ?? SCENARIOS)(
  'whatever goes wrong in %s',
  async (file) => {
    const text = readFileSync(join(DIRECTORY, file), 'utf8');
    const [before, began] = [counts.struck, performance.now()];
    const wrong = await playFaults(text, choose, counts);
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    if (ALL)
      console.log(
        `${file}: ${counts.struck - before} points, ${wrong.length} wrong, ${seconds} s\n${wrong.join('\n')}`,
      );
    expect(wrong, `again: FAULTS=${ALL ? 'all' : `${part}/${PARTS}`} npx vitest run --project unit faults`).toEqual([]);
  },
  ALL ? 3_600_000 : 600_000,
);

test('every point was reached', () => {
  const kinds = [...counts.byKind].map(([kind, count]) => `${kind} ${count}`).join(', ');
  const which = ALL ? 'all' : `part ${part} of ${PARTS}`;
  console.log(`operations: ${counts.operations}, points: ${counts.points}; played: ${which}`);
  console.log(`points: ${counts.struck} of ${counts.chosen} (${kinds})`);
  expect(counts.struck).toBe(counts.chosen);
  if (ALL) expect(counts.struck).toBe(counts.points);
  expect(counts.chosen).toBeGreaterThan(0);
});

test('there is no way to the disk beside the gate', () => {
  const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const imported = sources.flatMap((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    expect(text, file).not.toMatch(/from '(?:node:)?fs\/promises'|import (?:\* as )?\w+ from '(?:node:)?fs'|from 'fs'/);
    const names = /import \{([^}]*)\} from 'node:fs'/.exec(text)?.[1] ?? '';
    return names.split(',').map((name) => `${name.trim()} in ${file}`);
  });
  const used = imported.filter((name) => /^[a-z]\w* in /.test(name) && !BESIDE.test(name));
  expect(used.filter((name) => !GATED.some((gated) => name.startsWith(`${gated} `)))).toEqual([]);
});
