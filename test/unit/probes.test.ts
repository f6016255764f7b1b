/** The probe engine and the verdict together, in simulated time, above an fping that is played. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fakeLine, simulate, type FakeLine, type FakeLineOptions, type Network } from '../support/fake-line.ts';
import { createRandom } from '../support/world-random.ts';

beforeEach(() => vi.useFakeTimers({ now: 1_700_000_000_000 }));
afterEach(() => vi.useRealTimers());

const MINUTE = 60_000;
const said = ({ verdicts }: FakeLine) => verdicts.map(({ verdict }) => verdict);
const lossy =
  (share: number, seed: number): Network =>
  () => {
    const random = (lotteries[seed] ??= createRandom(seed));
    return random.below(1000) < share * 1000 ? undefined : 20;
  };
const lotteries: Record<number, ReturnType<typeof createRandom>> = {};
/** Answers but for these spans. */
const dead =
  (...spans: readonly (readonly [from: number, to: number])[]): Network =>
  (_, at) =>
    spans.some(([from, to]) => from <= at && at < to) ? undefined : 20;

function play(keys: string, network: Network, ms: number, options: FakeLineOptions = {}): FakeLine {
  const line = fakeLine(keys, network, options);
  simulate(ms);
  line.stop();
  return line;
}

test('an hour of peace: one process, a round every two seconds, and one verdict', () => {
  const line = play('', () => 20, 60 * MINUTE);
  expect(line.commands).toEqual(['fping -l -i 1 -p 2000 -t 2000 -I eth1 -S 192.0.2.11 1.1.1.1 8.8.8.8 9.9.9.9']);
  expect(line.rounds).toHaveLength(1800);
  expect(said(line)).toEqual(['alive']);
  expect(line.judged()!.health).toMatchObject({ loss: 0, rtt: 20, jitter: 0, reason: '3 of 3 targets answer' });
});

test('a silent line is dead within 6 s, whenever it fell silent; within 1 s if FAST', () => {
  for (const [keys, limit] of [
    ['', 6000],
    ['FAST=yes', 1000],
  ] as const) {
    for (let fell = 10_000; fell < 12_000; fell += 97) {
      const start = performance.now();
      const line = play(keys, dead([start + fell, Infinity]), 20_000);
      expect(said(line)).toEqual(['alive', 'dead']);
      expect(line.verdicts[1]!.at - start - fell).toBeLessThan(limit);
    }
  }
});

test('one more process for a silence, and none while it lasts', () => {
  const line = play('', dead([performance.now() + 10_000, Infinity]), 10 * MINUTE);
  expect(line.commands.slice(1)).toEqual([
    'fping -c 2 -i 1 -p 667 -t 2000 -I eth1 -S 192.0.2.11 1.1.1.1 8.8.8.8 9.9.9.9',
  ]);
});

test('a second’s outage is none', () => {
  for (let fell = 10_000; fell < 12_000; fell += 97) {
    const start = performance.now();
    expect(said(play('', dead([start + fell, start + fell + 1500]), 30_000))).toEqual(['alive']);
  }
});

/** As the issue wants it: 20 % of all packets lost, 10 minutes, the defaults. */
test('20 % random loss: no false death in 200 runs of 10 minutes', () => {
  const deaths = Array.from({ length: 200 }, (_, seed) => {
    const line = play('', lossy(0.2, seed + 1), 10 * MINUTE);
    return line.verdicts.filter(({ verdict }) => verdict === 'dead').length;
  });
  const runs = deaths.filter((count) => count > 0).length;
  console.log(`20 % loss, defaults: ${runs} of ${deaths.length} runs of 10 minutes with a false death`);
  expect(runs).toBe(0);
}, 120_000);

test('60 % loss is no use: dead, and stays so', () => {
  const line = play('', lossy(0.6, 7), 10 * MINUTE);
  expect(said(line).slice(-1)).toEqual(['dead']);
  expect(line.verdicts.find(({ verdict }) => verdict === 'dead')!.reason).toMatch(
    /lost \(LOSS_DOWN=50\/20\)|no answer/,
  );
});

test('1.5 s latency is degraded, not dead; and over when it is', () => {
  const start = performance.now();
  const slow: Network = (_, at) => (at < start + MINUTE || at > start + 3 * MINUTE ? 20 : 1500);
  const line = play('', slow, 6 * MINUTE);
  expect(said(line)).toEqual(['alive', 'degraded', 'alive']);
  expect(line.verdicts[1]!.reason).toMatch(/^\d+ ms there and back \(LATENCY_DEGRADED=500\/300\)$/);
  // Only the first slow answer is a surprise.
  expect(line.commands).toHaveLength(2);
});

test('one target down, whatever it is, is not the line’s: neither its death nor its loss', () => {
  const line = play('', (target) => (target === '8.8.8.8' ? undefined : 20), 10 * MINUTE);
  expect(said(line)).toEqual(['alive']);
  expect(line.judged()!.health).toMatchObject({
    loss: 0,
    reason: '2 of 3 targets answer (icmp://8.8.8.8: no answer within 2 s)',
  });
});

test('flapping every 5 s for 5 minutes: one death', () => {
  const start = performance.now();
  const flapping: Network = (_, at) =>
    at < start + 5 * MINUTE && Math.floor((at - start) / 5000) % 2 === 1 ? undefined : 20;
  const line = play('', flapping, 10 * MINUTE);
  expect(said(line).filter((verdict) => verdict === 'dead').length).toBeLessThanOrEqual(2);
  expect(said(line).at(-1)).toBe('alive');
  console.log(`flapping every 5 s for 5 minutes: ${said(line).join(' ')}`);
});

test('flapping every 30 s for 10 minutes: held back after the third death, told, and let go in the end', () => {
  const start = performance.now();
  const flapping: Network = (_, at) =>
    at < start + 10 * MINUTE && Math.floor((at - start) / 30_000) % 2 === 1 ? undefined : 20;
  const line = fakeLine('', flapping);
  simulate(10 * MINUTE + 30_000);
  expect(said(line)).toEqual(['alive', 'dead', 'alive', 'dead', 'alive', 'dead']);
  const { reason, heldUntil, verdict } = line.judged()!.health;
  expect(verdict).toBe('dead');
  expect(reason).toMatch(/^held back \d+ s: 10 flaps in 10 min$/);
  expect(heldUntil).toBeGreaterThan(Date.now());
  simulate(heldUntil! - Date.now() + 4000);
  expect(said(line).at(-1)).toBe('alive');
  line.stop();
});

test('the wall clock is set, forth and back: no verdict, and a fresh fping, for the old one goes by it', () => {
  for (const step of [3_600_000, -3_600_000]) {
    const line = fakeLine('', () => 20);
    simulate(20_000);
    vi.setSystemTime(Date.now() + step);
    simulate(MINUTE);
    line.stop();
    expect(line.commands).toHaveLength(2);
    expect(said(line)).toEqual(['alive']);
  }
});

test('an fping that sleeps is noticed, and started anew; nothing is concluded from it', () => {
  const start = performance.now();
  const line = play('', () => 20, MINUTE, { speaks: (at) => at < start + 10_000 || at > start + 16_000 });
  expect(said(line)).toEqual(['alive']);
  expect(line.commands.filter((command) => command.startsWith('fping -l'))).not.toHaveLength(1);
});

test('a firewall that refuses probes: told, not judged, and asked why only now and then', () => {
  const line = play('', () => new Error('Operation not permitted'), 2 * MINUTE);
  expect(said(line)).toEqual(['alive']);
  expect(line.judged()!.health.reason).toMatch(
    /^cannot tell: probes do not leave this machine \(icmp:\/\/1.1.1.1: refused/,
  );
  expect(line.commands.length).toBeLessThan(8);
});

test('no way to send is no connection', () => {
  const line = play('', () => new Error('Network is unreachable'), MINUTE);
  expect(line.verdicts.at(-1)).toMatchObject({
    verdict: 'dead',
    reason: expect.stringContaining('cannot be sent: Network') as string,
  });
});

test('without fping: ping, one process per target; without either nothing is said', () => {
  const start = performance.now();
  const ping = play('', dead([start + 10_000, Infinity]), MINUTE, { missing: ['fping'] });
  expect(ping.commands.slice(1, 4)).toEqual(
    ['1.1.1.1', '8.8.8.8', '9.9.9.9'].map((each) => `ping -n -i 2 -I eth1 ${each}`),
  );
  expect(said(ping)).toEqual(['alive', 'dead']);
  const none = play('', () => 20, MINUTE, { missing: ['fping', 'ping'] });
  expect(none.rounds).toEqual([]);
});

test('PROBE_NEED of them must answer', () => {
  const one: Network = (target) => (target === '1.1.1.1' ? 20 : undefined);
  expect(said(play('PROBE_NEED=2', one, MINUTE))).toEqual(['alive', 'dead']);
  expect(said(play('PROBE_NEED=1', one, MINUTE))).toEqual(['alive']);
});

test('sockets are asked with the same rounds', () => {
  const line = play('PROBE=tcp://192.0.2.5:80,icmp://192.0.2.6', () => 20, 20_500);
  expect(line.rounds).toHaveLength(11);
  expect(line.rounds.at(-1)!.results.map(({ target, ok }) => [target, ok])).toEqual([
    ['tcp://192.0.2.5:80', true],
    ['icmp://192.0.2.6', true],
  ]);
});

test('stopped, it is silent', () => {
  const line = play('PROBE=tcp://192.0.2.5:80,icmp://192.0.2.6', () => 20, 9000);
  const { length } = line.rounds;
  simulate(MINUTE);
  expect(line.rounds).toHaveLength(length);
  expect(vi.getTimerCount()).toBe(0);
});
