/** What the links' own connections show: the table that counts, how it is read, and when it is there at all. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ResidentEvents } from '../../src/kernel/resident.ts';
import { passive } from '../../src/monitor/passive.ts';
import { readCounters, watchTable } from '../../src/monitor/passive-table.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const LINKS = [
  { id: 1, device: 'ppp0' },
  { id: 63, device: 'eth1' },
];
/** As nft 1.0.6 prints it. */
const listing = (...counters: readonly (readonly [name: string, packets: number])[]) =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6', json_schema_version: 1 } },
      ...counters.map(([name, packets]) => ({
        counter: { family: 'inet', name, table: 'wanhook_watch', handle: 2, packets, bytes: packets * 60 },
      })),
    ],
  });

test('the counters of each link', () => {
  const text = listing(['answers_1', 7], ['begun_1', 2], ['answers_63', 0], ['begun_63', 9]);
  expect([...(readCounters(text) ?? [])]).toEqual([
    ['1', { answers: 7, begun: 2 }],
    ['63', { answers: 0, begun: 9 }],
  ]);
  expect(readCounters('')).toBeUndefined();
  expect(readCounters('{"nftables": 5}')).toBeUndefined();
});

test('as many rules for two links as for one, and no probe is taken for a connection', () => {
  const rules = (text: string) => text.split('counter name').length;
  expect(rules(watchTable(LINKS))).toBe(rules(watchTable(LINKS.slice(0, 1))));
  expect(watchTable(LINKS)).toContain('{ "ppp0" : "answers_1", "eth1" : "answers_63" }');
  expect(watchTable(LINKS)).toContain('th dport != 61000-65031');
});

test('each family by itself, and nothing about IPv6 where it is not asked', () => {
  const SIX = { ...LINKS[0]!, family: 6 } as const;
  const text = watchTable([...LINKS, SIX]);
  expect(text).toContain('map answers6 { type ifname : counter; elements = { "ppp0" : "answers_1_6" }; }');
  expect(text.match(/meta nfproto ipv6 /g)).toHaveLength(text.match(/meta nfproto ipv4 /g)?.length ?? 0);
  expect(watchTable(LINKS)).not.toContain('6 ct');
  expect(watchTable([SIX])).not.toContain('ipv4');
  expect(readCounters(listing(['answers_1', 7], ['answers_1_6', 3]))?.get('1_6')?.answers).toBe(3);
});

/** nft(8), as the test answers for it. */
function fakeNft() {
  const runs: string[] = [];
  let answer: ((argv: string, events: ResidentEvents) => void) | undefined;
  const witness = passive((_, argv, events) => {
    runs.push(argv[0] === '-j' ? 'list' : argv[0]!.includes('chain') ? 'load' : 'delete');
    queueMicrotask(() => answer?.(runs.at(-1)!, events));
    return { pid: 1, stop: () => runs.push('ended') };
  });
  const says = (text?: string) => {
    answer = (what, events) => {
      if (what === 'list' && text !== undefined) events.line(text);
      events.end(what === 'list' && text === undefined ? 'exit code 1' : 'exit code 0');
    };
  };
  says('');
  witness.follow(LINKS);
  return { witness, runs, says, hang: () => (answer = undefined) };
}

test('there only while somebody doubts: loaded by the first question, differences from then on, gone after half a minute', async () => {
  const { witness, runs, says } = fakeNft();
  expect(runs, 'what a killed one has left').toEqual(['delete']);
  expect(await witness.since(LINKS[0]!, 6000)).toBeUndefined();
  says(listing(['answers_1', 7], ['begun_1', 2], ['answers_63', 0], ['begun_63', 9]));
  const both = await Promise.all(LINKS.map((link) => witness.since(link, 6000)));
  expect(both).toEqual([
    { rxPackets: 7, unansweredSyns: 2 },
    { rxPackets: 0, unansweredSyns: 9 },
  ]);
  says(listing(['answers_1', 7], ['begun_1', 5]));
  expect(await witness.since(LINKS[0]!, 6000)).toEqual({ rxPackets: 0, unansweredSyns: 3 });
  expect(runs, 'links that doubt together are one question').toEqual(['delete', 'load', 'list', 'list']);
  await vi.advanceTimersByTimeAsync(7000);
  says(listing(['answers_1', 70], ['begun_1', 50]));
  expect(await witness.since(LINKS[0]!, 6000), 'that was before this doubt').toBeUndefined();
  says(listing(['answers_1', 71], ['begun_1', 50]));
  expect(await witness.since(LINKS[0]!, 6000)).toEqual({ rxPackets: 1, unansweredSyns: 0 });
  await vi.advanceTimersByTimeAsync(29_000);
  expect(runs).toHaveLength(6);
  await vi.advanceTimersByTimeAsync(2000);
  expect(runs.at(-1)).toBe('delete');
  expect(await witness.since(LINKS[0]!, 6000)).toBeUndefined();
  expect(runs.at(-1)).toBe('load');
});

test('flushed by somebody, or with other links: loaded anew, and nothing is known until then', async () => {
  const { witness, runs, says } = fakeNft();
  await witness.since(LINKS[0]!, 6000);
  says(undefined);
  expect(await witness.since(LINKS[0]!, 6000)).toBeUndefined();
  expect(await witness.since(LINKS[0]!, 6000)).toBeUndefined();
  expect(runs).toEqual(['delete', 'load', 'list', 'load']);
  witness.follow([LINKS[0]!]);
  expect(await witness.since(LINKS[0]!, 6000)).toBeUndefined();
  expect(runs.at(-1)).toBe('load');
  witness.follow([]);
  expect(runs.at(-1), 'stopped').toBe('delete');
});

test('a verdict does not wait for an nft that hangs', async () => {
  const { witness, runs, hang } = fakeNft();
  hang();
  const answer = witness.since(LINKS[0]!, 6000);
  await vi.advanceTimersByTimeAsync(500);
  expect(await answer).toBeUndefined();
  expect(runs).toEqual(['delete', 'load', 'ended', 'ended']);
  const stopped = witness.stop();
  await vi.advanceTimersByTimeAsync(500);
  await stopped;
  expect(runs.slice(4), 'it may have come so far').toEqual(['delete', 'ended']);
});
