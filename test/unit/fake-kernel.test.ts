/** The fake kernel refuses as it should. That the real one does the same is test/kernel/fake.test.ts. */
import { expect, test } from 'vitest';
import { KERNEL_CASES, SCENE } from '../support/fake-kernel-cases.ts';
import { playCase } from '../support/fake-kernel-play.ts';

test.each(KERNEL_CASES)('$name', ({ given = [], when, want = '' }) => {
  expect(playCase([...SCENE, ...given], when).refusal).toBe(want);
});
