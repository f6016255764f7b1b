/** docs/first-hour.md is what really happens. UPDATE_DOCS=1 (npm run docs:first-hour) writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { firstHour } from '../demo/first-hour.ts';

const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/first-hour.md');

/** What may differ from one run, machine or kernel to the next. */
const masked = (text: string) =>
  text
    .replaceAll(/\b\d+ (?:s|changes)\b/g, 'N')
    .replaceAll(/@if\d+ */g, ' ')
    .replaceAll(/run with \S+/g, 'run with node')
    .replaceAll(/ {2,}/g, ' ');

test('the first hour of a newcomer, as documented', async () => {
  const text = await firstHour();
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, text);
  expect(masked(text)).toBe(masked(readFileSync(DOCUMENT, 'utf8')));
});
