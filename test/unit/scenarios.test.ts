/**
 * Golden scenarios: configuration and events → commands, rules, tables, as text, to be reviewed as a diff.
 * UPDATE_SCENARIOS=1 npx vitest run --project unit scenarios   writes them anew.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { playScenario } from '../support/world-scenario.ts';

const DIRECTORY = join(import.meta.dirname, '../scenarios');

test.each(readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt')))('%s', async (file) => {
  const path = join(DIRECTORY, file);
  const want = readFileSync(path, 'utf8');
  const got = await playScenario(want);
  if (process.env['UPDATE_SCENARIOS'] === '1') writeFileSync(path, got);
  else expect(got).toBe(want);
  expect(got).not.toContain('STILL TO DO');
});
