/** What fuzzing has found: each failed before it was mended. */
import { expect, test } from 'vitest';
import { quoted } from '../../src/checked.ts';
import { entryText } from '../../src/cli/log.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { objectsIn, rulesetOf } from '../../src/doctor/foreign.ts';
import { parseJson } from '../../src/json.ts';
import { showProblem, WanhookError } from '../../src/errors.ts';
import { parseHook } from '../../src/events/hooks.ts';
import { parseMaps } from '../../src/kernel/memory.ts';
import { normalListing, parseIp6Batch, parseIpBatch, parseMainGateway } from '../../src/kernel/observe.ts';
import { lineReader } from '../../src/monitor/kernel-lines.ts';
import { readCounters } from '../../src/monitor/passive-table.ts';
import { parseLeases } from '../../src/survey/leases.ts';
import { createTestWorld } from '../support/world.ts';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

test('what turns a line round, or breaks it, is escaped when it is quoted', () => {
  expect(quoted('a\u202eb\u2028c\u200bd\ufeff\u009b')).toBe('"a\\u202eb\\u2028c\\u200bd\\ufeff\\u009b"');
  expect(JSON.stringify(parseHook('\u202e', { args: [], env: {} }))).not.toContain('\u202e');
});

test('a file may be called anything: its name comes out without what a terminal obeys', () => {
  const { problems } = parseConfig({ links: [{ path: 'links/\u001b[2J\u202e.env', name: '\u001b[2J', text: 'ID=1' }] });
  for (const problem of problems) expect(showProblem(problem)).toMatch(/^links\/\?\[2J\?\.env: /);
});

test('a configuration value is quoted as a stranger’s is', () => {
  const { problems } = parseConfig({ links: [{ path: 'x', name: 'x', text: 'WEIGHT=\u202e1\n\u009b31m\n' }] });
  expect(problems.map(({ message }) => message).join()).not.toMatch(/[\u202e\u009b]/);
});

test('what a tool or a script says comes out without what turns a line round', async () => {
  const world = createTestWorld();
  const { runner } = world.fake;
  const run = runner.run.bind(runner);
  runner.run = async (tool, ...rest) =>
    tool === 'nft'
      ? { code: 1, stdout: '', stderr: 'Error: \u202eno\u2028 such\u0007\n\u00ad device' }
      : run(tool, ...rest);
  expect((await world.command('apply')).err).toMatch(/nft: Error: no such device$/m);
  const entry = { time: 'now', cause: ['x'], changed: [], notes: ['\u202eno'], ms: 1 };
  expect(entryText(entry, true)).not.toContain('\u202e');
});

test.each([{ events: 5 }, { events: [{}] }, { cause: [null] }, { notes: [7] }, { error: {} }])(
  'a journal entry that is none does not end "wanhook log": %j',
  async (change) => {
    const world = createTestWorld();
    const entry = { time: 'now', cause: ['x'], changed: [], notes: [], ms: 1 };
    appendFileSync(join(world.stateDirectory, 'journal.jsonl'), `${JSON.stringify({ ...entry, ...change })}\n`);
    const { code, out } = await world.command('log');
    expect([code, out.slice(0, 9)]).toEqual([0, '(damaged)']);
    expect(entryText(entry, true)).toBe('now  x (0 commands, 1 ms)\n');
  },
);

test.each(['', 'x', '[', '{}', 'null\n[]', '[]\n[]', '[null]\n'])('ip that prints %j is told in words', (text) => {
  expect(() => parseIpBatch(text)).toThrow(WanhookError);
  expect(() => parseIp6Batch(text)).toThrow(WanhookError);
  expect(parseMainGateway(text)).toBeUndefined();
});

test('what ip prints in places where it prints something else is passed by', () => {
  const odd = '[null,5,"x",[],{"ifname":"eth1","addr_info":5,"flags":{}},{"ifname":"a;b","mtu":1}]\n';
  const { devices } = parseIpBatch(`${odd}[]\n[]\n[{"id":1,"group":[null,5]}]\n[]\n[]\n[]\n`);
  expect(devices.map(({ name }) => name)).toEqual(['eth1']);
  const { rules } = parseIpBatch('[]\n[{"priority":1,"src":"1;flush","protocol":"201"}]\n[]\n[]\n[]\n[]\n[]\n');
  expect(rules).toEqual([]);
});

test('a route to a word that is no address is not deleted', () => {
  const none = '[]\n';
  const routes = '[{"dst":"ppp0","table":"20001","protocol":"201"},{"dst":"default","table":"20001"}]\n';
  expect(parseIpBatch(none + none + routes + none + none + none + none).routes).toHaveLength(1);
});

test('listings of others that are no JSON, or other JSON, say nothing', () => {
  for (const text of ['', 'x', '5', 'null', '{"nftables":5}', '{"nftables":[null,{"rule":{"expr":5}}]}']) {
    expect(rulesetOf(text)).toEqual({ flowtables: [], marks: [], hiddenMarks: [] });
  }
  expect(objectsIn(parseJson('[null,1,{"a":1}]'))).toEqual([{ a: 1 }]);
  expect(readCounters('{"nftables":[{"counter":{"name":"answers_1"}}]}')?.size).toBe(0);
});

/** Each took the square of its length: 192 kB, 4 to 108 s. */
test.each<readonly [string, (text: string) => unknown, string]>([
  ['ip monitor, a link', (text) => lineReader()(`[LINK]3: ${text}`), 'a'],
  ['nft list table', normalListing, 'elements = {'],
  ['nft list map', parseMaps, 'map a {'],
  ['dhclient.leases', (text) => parseLeases({ path: '/var/lib/dhcp/x', text }, [], 0), 'lease {\n'],
])('%s: a pattern that goes back and forth comes to an end', (_, read, piece) => {
  const began = performance.now();
  read(piece.repeat(Math.ceil((192 * 1024) / piece.length)));
  expect(performance.now() - began).toBeLessThan(2_000);
});

test('a file of a million lines does not become a million problems', () => {
  const { problems } = parseConfig({ links: [{ path: 'x', name: 'x', text: 'A=1\n'.repeat(100_000) }] });
  expect(problems.length).toBeLessThan(1_100);
  expect(problems.some(({ message }) => message === 'more than 1000 lines: the rest was not read')).toBe(true);
  const long = parseConfig({ links: [{ path: 'x', name: 'x', text: `ID=${'1'.repeat(9000)}` }] });
  expect(long.problems[0]?.message).toBe('longer than 8192 characters');
});

test('the kernel watch repeats no more of a line than a device’s name', () => {
  expect(lineReader()(`[ADDR]3: ${'a'.repeat(300)}    inet 198.51.100.2/24 scope 0`)).toBeUndefined();
});

test.each([0, 20, 127])('an MTU of %i makes no clamp, and the table stays one that nft takes', async (mtu) => {
  const world = createTestWorld(new Map([['links/dsl.env', 'ID=1\nDEVICE=ppp0\n']]));
  world.fake.addDevice('ppp0', { mtu, pointToPoint: true });
  world.fake.addAddress('ppp0', '192.0.2.11', '192.0.2.254');
  world.fake.setUp('ppp0', true);
  await world.apply();
  expect(world.fake.firewall()).toContain('"ppp0"');
  expect(world.fake.firewall()).not.toContain('mss_');
});

test.each(['1e400', '-1', '0.5'])('a counter of %s packets is none', (packets) => {
  const text = `{"nftables":[{"counter":{"name":"answers_1","packets":${packets}}},{"counter":{"name":"begun_2","packets":3}}]}`;
  expect([...(readCounters(text) ?? [])]).toEqual([['2', { answers: 0, begun: 3 }]]);
});
