/**
 * Real pppd, pppoe-server, dhclient, dhcpd on Debian's stock kernel, in one virtual machine, booted once for all.
 * The scenarios are shell (test/vm/scenarios/), since everything in them is a daemon or a namespace; each of their
 * checks becomes a test here. The names of the tests are the machine's answer, hence the boot at collection.
 *
 * WANHOOK_VM_ONLY=lab,drops   only these scenarios
 * WANHOOK_VM_VERBOSE=1        the machine's console as it goes
 * WANHOOK_VM_OUT=DIR          logs go to a new directory under DIR instead of /tmp
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runVm } from '../support/vm.ts';

/** Of the whole machine. Each scenario has its own limit besides ("# limit: N" in its file). */
const LIMIT_SECONDS = 1200;

const only = process.env['WANHOOK_VM_ONLY']?.split(',').filter((name) => name !== '') ?? [];
const wanted = readdirSync(new URL('scenarios/', import.meta.url))
  .flatMap((file) => /^\d+-(.*)\.sh$/.exec(file)?.[1] ?? [])
  .filter((name) => only.length === 0 || only.includes(name));

const run = await runVm({ limitSeconds: LIMIT_SECONDS, only });
const tail = () => `${run.console.split('\n').slice(-60).join('\n')}\nlogs: ${run.outDir}`;

test('the machine boots and ends by itself', () => {
  expect(run.status, tail()).toBe(0);
});

describe.each(wanted)('%s', (name) => {
  const scenario = run.scenarios.find((ended) => ended.scenario === name);
  const checks = run.checks.filter(({ check }) => check.startsWith(`${name}: `));

  test.skipIf(scenario?.skip !== undefined)('runs to its end', () => {
    expect(scenario?.status, tail()).toBe(0);
  });

  for (const { check, ok, got, want, ms } of checks) {
    test(`${check.slice(name.length + 2)}${ms === null ? '' : ` (${ms} ms)`}`, () => {
      // Shown side by side when it fails; the pattern itself was judged in the machine.
      if (!ok) expect(got, `logs: ${run.outDir}`).toBe(want);
      expect(ok).toBe(true);
    });
  }
});
