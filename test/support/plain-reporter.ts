import { appendFileSync } from 'node:fs';
import type { TestCase, TestModule } from 'vitest/node';

/**
 * The one line a script can read: `N passed, N failed, N skipped`. With WANHOOK_SUMMARY=FILE, what failed, and what passed
 * only when it was tried again, is added to that file: test/run.sh shows it after everything else.
 */
export default class PlainReporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const told: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
        told.push(...wordsFor(module, test));
      }
      // A file that does not load has no tests to count.
      count.failed += module.errors().length;
      told.push(...module.errors().map(({ message }) => `FAILED ${module.relativeModuleId}: ${firstLine(message)}`));
    }
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped`);
    const summary = process.env['WANHOOK_SUMMARY'];
    if (summary !== undefined) appendFileSync(summary, told.map((line) => `${line}\n`).join(''));
  }
}

function wordsFor({ relativeModuleId }: TestModule, test: TestCase): string[] {
  const name = `${relativeModuleId} > ${test.fullName}`;
  const result = test.result();
  if (result.state === 'failed') return [`FAILED ${name}: ${firstLine(result.errors[0]?.message ?? '')}`];
  if (test.diagnostic()?.flaky !== true) return [];
  return [`PASSED WHEN TRIED AGAIN ${name}: at first ${firstLine(result.errors?.[0]?.message ?? '')}`];
}

const firstLine = (text: string) => text.split('\n')[0]?.slice(0, 300) ?? '';
