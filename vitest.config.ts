import { defineConfig } from 'vitest/config';
import { SLOW } from './test/support/lab-process.ts';

/** Kernel tests that time things: busy neighbours would spoil them. */
const TIMED = ['block', 'death', 'demo', 'drops', 'failback', 'keepalived', 'modes', 'monitor*', 'reply', 'stay'].map(
  (name) => `test/kernel/${name}.test.ts`,
);
/** Counts what is on the machine. */
const LAB = 'test/kernel/lab.test.ts';

// Tests write configuration, and what others may write is refused.
process.umask(0o022);

/** Real daemons and clocks on a machine that others use, too. Whatever needed it is named at the end of `npm test`. */
const RETRY = 1;

/**
 * unit: pure, parallel, no privilege. kernel: real kernel in network namespaces, root, parallel, for they mostly wait.
 * timed: the same, two at a time, for waiting is most of what they do. vm: real pppd and dhclient in two virtual machines.
 * alone: while nothing else runs. Several at a time run in this order.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/plain-reporter.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], sequence: { groupOrder: 0 } } },
      {
        test: {
          name: 'kernel',
          sequence: { groupOrder: 1 },
          include: ['test/kernel/**/*.test.ts'],
          exclude: [...TIMED, LAB],
          testTimeout: 120_000 * SLOW,
          hookTimeout: 60_000 * SLOW,
          retry: RETRY,
          maxWorkers: 4,
        },
      },
      {
        test: {
          name: 'timed',
          sequence: { groupOrder: 2 },
          include: TIMED,
          testTimeout: 120_000 * SLOW,
          hookTimeout: 60_000 * SLOW,
          retry: RETRY,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'alone',
          include: [LAB],
          testTimeout: 120_000 * SLOW,
          hookTimeout: 60_000 * SLOW,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'vm',
          sequence: { groupOrder: 4 },
          include: ['test/vm/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
