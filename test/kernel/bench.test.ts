/** `npm run bench`, one round of it: that it still runs, and what it writes is whole. Nothing here is timed. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Results } from '../bench/report.ts';
import { FULL, measure, type Plan, write } from '../bench/suite.ts';
import { assertBuilt } from '../support/built.ts';

const PLAN: Plan = {
  events: { rounds: [[2, 1]], bursts: 1, hooks: 4, contenders: ['wanhook', 'write-ups’ script'] },
  outages: { contenders: ['write-ups’ script'], scenes: ['hang-up'], rounds: 1 },
  forward: { setups: FULL.forward.setups.filter(({ links }) => links <= 2), rounds: 1, blastMs: 20, connections: 200 },
};

const dir = mkdtempSync(path.join(os.tmpdir(), 'wanhook-bench-'));
let results: Results;
beforeAll(async () => {
  assertBuilt();
  results = await measure(PLAN, 'test', () => undefined);
  write(results, dir);
  write(results, dir);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const read = (ending: string) => readFileSync(path.join(dir, `benchmarks.${ending}`), 'utf8');

test('every event has been measured, with all its processes', () => {
  const { events } = JSON.parse(read('json')) as Results;
  expect(events.length).toBe(2 + 2 * 5 + 2);
  for (const row of events) expect(row.wallMs).toBeGreaterThan(0);
  const processes = (event: string) => events.find((row) => row.who === 'wanhook' && row.event === event)?.processes;
  expect(processes('up')).toBeGreaterThan(processes('not ours')!);
  const changes = events.filter(({ who, event }) => who === 'wanhook' && event !== '64 hooks at once');
  expect(changes.map(({ event, appliedMs }) => [event, appliedMs !== null])).toEqual([
    ['down', true],
    ['up', true],
    ['no-op', false],
    ['no-op again', false],
    ['not ours', false],
  ]);
});

test('a hang-up without help of the kernel loses connections, and it is over when the hook has run', () => {
  const [row] = results.outages;
  expect(row).toMatchObject({ who: 'write-ups’ script', scene: 'hang-up' });
  expect(row!.lan.sent).toBeGreaterThan(50);
});

test('the tables are written once, the chart is one document', () => {
  const text = read('md');
  expect(text.split('npm run bench: begin').length).toBe(2);
  expect(text).toContain('| 2 links |');
  const chart = read('svg');
  expect(chart).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" [^]*<\/svg>\n$/);
  expect(chart.match(/<rect /g)?.length).toBeGreaterThan(10);
  expect(chart).not.toMatch(/NaN|undefined/);
});
