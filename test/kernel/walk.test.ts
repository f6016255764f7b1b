/**
 * The random walks of test/unit/walk.test.ts on the real kernel, through the built hooks and command, in the lab's
 * router. KERNEL_WALKS=500 (npm run walks) or KERNEL_WALKS=25-500 for more, WALK=SEED for one; several routers at a time.
 */
import { test } from 'vitest';
import { explain } from '../../src/errors.ts';
import { createRouter } from '../support/router.ts';
import { expectConvergedInLab, reset, takeWalkInLab } from '../support/walk-lab.ts';
import { walk } from '../support/world-walk.ts';

const [FIRST, LAST] = /^(?:(\d+)-)?(\d+)$/.exec(process.env['KERNEL_WALKS'] ?? '10')?.slice(1) ?? [];
const FROM = Number(FIRST ?? 1);
const ONE = process.env['WALK'];
/** Hooks from their shell on, as installed (WALK_SHELL=yes), or only their bundles (=no): by turns. */
const SHELL = process.env['WALK_SHELL'] === undefined ? undefined : process.env['WALK_SHELL'] === 'yes';
/** Seeds that have failed once. */
const FAILED: readonly number[] = [];
const SEEDS =
  ONE === undefined
    ? [...FAILED, ...Array.from({ length: Number(LAST) - FROM + 1 }, (_, n) => FROM + n)]
    : [Number(ONE)];

/** Routers at a time: most of a walk is waiting. */
const LANES = Math.min(SEEDS.length, SEEDS.length > 50 ? 4 : 2);
const lanes = Array.from({ length: LANES }, (_, lane) => SEEDS.filter((_seed, n) => n % LANES === lane));

test.concurrent.each(lanes.map((seeds) => [seeds.length, seeds[0]!, seeds] as const))(
  '%i walks from %i on converge',
  { timeout: 120_000 + SEEDS.length * 30_000 },
  async (_count, first, seeds) => {
    const failed: string[] = [];
    const links = ['ppp', 'ppp', 'dhcp', { kind: 'dhcp', address: '198.51.100.3' }] as const;
    const router = await createRouter({ links, shell: SHELL ?? first % 2 === 0 });
    try {
      for (const [done, seed] of seeds.entries()) {
        if (done > 0 && done % 25 === 0)
          console.log(`${done} of ${seeds.length} from ${seeds[0]!} on, ${failed.length} failed`);
        const taken = walk(seed, { length: 8 + (seed % 10), moves: false });
        try {
          await reset(router);
          await takeWalkInLab(router, taken);
          await expectConvergedInLab(router, taken);
        } catch (error) {
          const script = [...taken.steps, 'wanhook apply'].map((step) => `> ${step}`).join('\n');
          failed.push(
            `${explain(error)}\nWALK=${seed} WALK_SHELL=${(SHELL ?? first % 2 === 0) ? 'yes' : 'no'} npx vitest run --project kernel walk, as a scenario:\n${script}`,
          );
          console.log(failed.at(-1));
        }
      }
    } finally {
      await router.destroy();
    }
    if (failed.length > 0) throw new Error(`${failed.length} of ${seeds.length} walks:\n${failed.join('\n\n')}`);
  },
);
