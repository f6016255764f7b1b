/** `wanhook log`: the journal's lines for people and programs, and a tail that outlives rotation. */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { journalLines, openTail } from '../../src/cli/journal-tail.ts';
import { entryText } from '../../src/cli/log.ts';
import { appendJournal, type JournalEntry } from '../../src/journal.ts';
import { makePrivateDirectory } from '../../src/state/files.ts';
import { playStep } from '../support/world-steps.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { scratchDirectory } from '../support/world-scratch.ts';
import { createTestWorld } from '../support/world.ts';

const time = new Date(2026, 0, 31, 17, 4, 9).toISOString();
const entry = (more: Partial<JournalEntry> = {}): JournalEntry => ({
  ...{ time, cause: ['pppd ip-down ppp0'], changed: [], notes: [], ms: 31, ...more },
});

test.each<[Partial<JournalEntry>, string]>([
  [{}, 'pppd ip-down ppp0 (0 commands, 31 ms)'],
  [
    {
      events: ['down dsl: no carrier', 'tier: 2 instead of 1'],
      changed: ['ip rule del pref 1'],
      notes: ['looked again'],
    },
    'pppd ip-down ppp0: down dsl: no carrier; tier: 2 instead of 1; looked again (1 command, 31 ms)',
  ],
  [{ error: 'refused' }, 'pppd ip-down ppp0: error: refused (0 commands, 31 ms)'],
  [{ notes: ['1', '2', '3', '4', '5'] }, 'pppd ip-down ppp0: 1; 2; 3; 2 more notes (-v) (0 commands, 31 ms)'],
  [{ notes: ['\u001b[2J\u009b1mbad'] }, 'pppd ip-down ppp0:  [2J 1mbad (0 commands, 31 ms)'],
])('%j → %s', (more, want) => {
  expect(entryText(entry(more), false)).toBe(`2026-01-31 17:04:09  ${want}\n`);
});

test('with -v every command and every note on a line of its own', () => {
  const text = entryText(entry({ events: ['up dsl'], changed: ['ip rule add', 'nft -f -'], notes: ['a', 'b'] }), true);
  expect(text).toBe(
    '2026-01-31 17:04:09  pppd ip-down ppp0: up dsl (2 commands, 31 ms)\n    + ip rule add\n    + nft -f -\n    a\n    b\n',
  );
});

test('the last entries of both files, as lines or as JSON; a line that a full disk cut short', async () => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  const path = join(world.stateDirectory, 'journal.jsonl');
  for (const step of ['config links/dsl.env ID=1 DEVICE=ppp0', 'line ppp0 up 192.0.2.11']) await playStep(on, step);
  await playStep(on, 'ip-up ppp0 192.0.2.11 192.0.2.254');
  renameSync(path, `${path}.1`);
  await playStep(on, 'ip-down ppp0 192.0.2.11 192.0.2.254');
  await playStep(on, 'line ppp0 hangs up');
  await playStep(on, 'ip-down ppp0 192.0.2.11 192.0.2.254');
  const { out } = await world.command('log');
  expect(out.split('\n').map((line) => line.slice(21).replace(/ \(.*/, ''))).toEqual([
    'pppd ip-up ppp0: up dsl: ppp0 has 192.0.2.11',
    'pppd ip-down ppp0: ip-down of ppp0 ignored: late: ppp0 is up with 192.0.2.11',
    'pppd ip-down ppp0: down dsl: taken down by pppd',
    '',
  ]);
  expect((await world.command('log', '-n', '1')).out.split('\n')).toHaveLength(2);
  expect((await world.command('log', '-n', '0')).out).toBe('');
  expect((await world.command('log', '-n', 'x')).code).toBe(2);
  appendFileSync(path, '{"time":"2026\n');
  expect((await world.command('log', '-n', '1')).out).toBe('(damaged) {"time":"2026\n');
  const json = (await world.command('log', '--json')).out.trimEnd().split('\n');
  expect(json.map((line) => (JSON.parse(line) as JournalEntry).cause[0])).toEqual(CAUSES);
});
const CAUSES = ['pppd ip-up ppp0', 'pppd ip-down ppp0', 'pppd ip-down ppp0'];

test('a tail gives every line once, over rotations and before there is a journal', () => {
  const directory = scratchDirectory('run');
  makePrivateDirectory(directory);
  const path = join(directory, 'journal.jsonl');
  const tail = openTail(path, 'end');
  expect(tail.read()).toEqual([]);
  const got: number[] = [];
  const read = () => got.push(...tail.read().map((line) => (JSON.parse(line) as JournalEntry).ms));
  // 40 kB each: rotated every 13 lines or so.
  const notes = ['é'.repeat(20_000)];
  for (let ms = 0; ms < 60; ms++) {
    appendJournal(directory, entry({ ms, notes }));
    if (ms % 5 === 0) read();
  }
  read();
  expect(got).toEqual(Array.from({ length: 60 }, (_, ms) => ms));
  expect(journalLines(path).length).toBeLessThan(40);
  tail.close();
});

test('a line that is only half written is given when it is whole', () => {
  const path = scratchDirectory('journal.jsonl');
  writeFileSync(path, 'old\n');
  const tail = openTail(path, 'end');
  appendFileSync(path, 'hal');
  expect(tail.read()).toEqual([]);
  appendFileSync(path, 'f\nnext');
  expect(tail.read()).toEqual(['half']);
  tail.close();
});

test.each([
  ['in the middle of a word', '{"time":"2026'],
  ['in the middle of a character', Buffer.from('{"notes":["é').subarray(0, -1)],
  ['just before its newline', JSON.stringify(entry({ ms: 7 }))],
])('a line cut short by a kill %s: the next one is an entry of its own, for all readers', async (_, cut) => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  const path = join(world.stateDirectory, 'journal.jsonl');
  for (const step of ['config links/dsl.env ID=1 DEVICE=ppp0', 'line ppp0 up 192.0.2.11']) await playStep(on, step);
  await playStep(on, 'ip-up ppp0 192.0.2.11 192.0.2.254');
  appendFileSync(path, cut);
  const tail = openTail(path, 'end');
  await playStep(on, 'line ppp0 hangs up');
  await playStep(on, 'ip-down ppp0 192.0.2.11 192.0.2.254');
  const shown = (await world.command('log')).out.trimEnd().split('\n');
  expect(shown).toHaveLength(3);
  expect(shown[2]).toContain('  pppd ip-down ppp0: down dsl: ');
  const json = (await world.command('log', '--json', '-n', '1')).out;
  expect((JSON.parse(json) as JournalEntry).cause).toEqual(['pppd ip-down ppp0']);
  const followed = tail.read();
  expect(followed).toHaveLength(2);
  expect((JSON.parse(followed[1] ?? '') as JournalEntry).cause).toEqual(['pppd ip-down ppp0']);
  tail.close();
});

test('a line that two writers have ended: nothing between its end and the next', async () => {
  const world = createTestWorld();
  const path = join(world.stateDirectory, 'journal.jsonl');
  makePrivateDirectory(world.stateDirectory);
  const line = `${JSON.stringify(entry())}\n`;
  writeFileSync(path, `{"cut\n\n${line}`);
  expect((await world.command('log', '-n', '2')).out).toMatch(/^\(damaged\) \{"cut\n2026.*\n$/);
  const tail = openTail(path, 'start');
  expect(tail.read()).toEqual(['{"cut', line.trimEnd()]);
  tail.close();
});
