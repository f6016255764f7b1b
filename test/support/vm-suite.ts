import { appendFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runVm, type VmRun } from './vm.ts';

/** Of the whole machine. Each scenario has its own limit besides ("# limit: N" in its file). */
const LIMIT_SECONDS = 1200;

/** Scenarios as their files in test/vm/scenarios are called, without number and suffix. */
export const scenarios: readonly string[] = readdirSync(new URL('../vm/scenarios/', import.meta.url)).flatMap(
  (file) => /^\d+-(.*)\.sh$/.exec(file)?.[1] ?? [],
);

/** Those of drops.test.ts' machine: both machines end at about the same time. */
export const BESIDE: readonly string[] = ['prober', 'drops', 'drops-more', 'pppd', 'nm'];

/** Only where WANHOOK_VM_ONLY names them, or `all`: an emulated machine takes too long for every run. */
const ON_DEMAND: readonly string[] = ['pd', 'dead', 'dhcp', 'tunnels', 'drops-more', 'pppd', 'nm'];

/**
 * Boots one machine for these scenarios; each of their checks becomes a test. The names of the tests are the machine's
 * answer, hence the boot at collection.
 */
export async function vmSuite(mine: readonly string[]): Promise<void> {
  const only = process.env['WANHOOK_VM_ONLY']?.split(',').filter((name) => name !== '') ?? [];
  const isWanted = (name: string) => only.includes(name) || only.includes('all');
  const wanted = mine.filter((name) => (only.length === 0 ? !ON_DEMAND.includes(name) : isWanted(name)));
  if (wanted.length === 0) {
    test.skip('nothing wanted of this machine', () => undefined);
    return;
  }
  const run = await runTwice(wanted);
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
}

/** Emulated, on a machine that others use, too: a scenario that fails is run once more, and told of. */
async function runTwice(wanted: readonly string[]): Promise<VmRun> {
  const first = await runVm({ limitSeconds: LIMIT_SECONDS, only: wanted });
  const again = wanted.filter((name) => hasFailed(first, name));
  if (again.length === 0) return first;
  const failed = first.checks
    .filter(({ ok }) => !ok)
    .map(({ check, got, want }) => `${check}: got ${got}, want ${want}`);
  console.warn(`tried again: ${again.join(', ')} (logs: ${first.outDir})\n${failed.join('\n')}`);
  const summary = process.env['WANHOOK_SUMMARY'];
  if (summary !== undefined)
    appendFileSync(summary, `TRIED AGAIN in the virtual machine: ${again.join(', ')}: ${failed.join('; ')}\n`);
  const second = await runVm({ limitSeconds: LIMIT_SECONDS, only: again });
  const isOld = (name: string) => !again.includes(name);
  return {
    ...second,
    checks: [...first.checks.filter(({ check }) => isOld(scenarioOf(check))), ...second.checks],
    scenarios: [...first.scenarios.filter(({ scenario }) => isOld(scenario)), ...second.scenarios],
  };
}

const scenarioOf = (check: string) => check.split(': ')[0] ?? '';

function hasFailed({ checks, scenarios: ended }: VmRun, name: string): boolean {
  const scenario = ended.find((one) => one.scenario === name);
  const isBad = scenario === undefined || (scenario.status !== 0 && scenario.skip === undefined);
  return isBad || checks.some(({ check, ok }) => !ok && scenarioOf(check) === name);
}
