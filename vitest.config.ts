import { defineConfig } from 'vitest/config';

/** Kernel tests that time things, or count what is on the machine: a busy neighbour would spoil them. */
const ALONE = [
  'block',
  'death',
  'demo',
  'drops',
  'failback',
  'keepalived',
  'lab',
  'modes',
  'monitor*',
  'reply',
  'stay',
].map((name) => `test/kernel/${name}.test.ts`);

/**
 * unit: pure, parallel, no privilege. kernel: real kernel in network namespaces, root, parallel, for they mostly wait.
 * alone: the same, one file at a time. vm: real pppd and dhclient in a virtual machine.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/plain-reporter.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          exclude: ALONE,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
