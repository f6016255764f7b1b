/** Rounds and other evidence → verdict. One letter a round: a target answers (+), does not (-), could not be asked (!). */
import { expect, test } from 'vitest';
import { afterDeath, heldFor, heldReason } from '../../src/monitor/flap.ts';
import type { Judged } from '../../src/monitor/judged.ts';
import type { ProbeRound } from '../../src/monitor/probe/round.ts';
import { begin, downEverywhere, judge } from '../../src/monitor/verdict.ts';
import { settingsOf } from '../support/prober-run.ts';

const SETTINGS = settingsOf('');
const EPOCH = 1_700_000_000_000;
const at = (monotonic: number) => ({ monotonic, epoch: EPOCH + monotonic });
const target = (index: number) => SETTINGS.targets[index]!.text;

/** `+-!`: three targets. */
const round = (results: string, sent: number, rttMs = 20): ProbeRound => ({
  at: sent,
  results: Array.from(results, (each, index) => ({
    target: target(index),
    ok: each === '+',
    ...(each === '+' && { rttMs }),
    ...(each === '-' && { why: 'no answer within 2 s' }),
    ...(each === '!' && { unsent: true as const, why: 'refused' }),
  })),
});

/** A round every two seconds; what is told of each is told as it ends. */
function play(rounds: readonly string[], settings = SETTINGS, from?: Judged, start = 0): Judged {
  let judged = from;
  rounds.forEach((each, index) => {
    const sent = start + index * 2000;
    judged = judge(judged, round(each, sent), settings, at(sent + (each.includes('+') ? 20 : 2000)));
  });
  return judged!;
}
const verdictOf = (rounds: readonly string[], settings = SETTINGS) => play(rounds, settings).health.verdict;
const times = (count: number, each: string) => Array<string>(count).fill(each);

test.each<[rounds: string[], want: string]>([
  [['+++'], 'alive'],
  [['---'], 'alive'],
  [times(2, '---'), 'alive'],
  [times(3, '---'), 'dead'],
  [['---', '---', '+--', '---', '---'], 'alive'],
  [times(20, '+--'), 'alive'],
  [[...times(3, '---'), ...times(4, '+++')], 'dead'],
  [[...times(3, '---'), ...times(5, '+++')], 'alive'],
  [[...times(3, '---'), ...times(4, '+++'), '---', ...times(4, '+++')], 'dead'],
  [times(20, '!!!'), 'alive'],
  [times(3, '-!!'), 'dead'],
  [[...times(3, '---'), ...times(20, '!!!')], 'dead'],
])('%j: %s', (rounds, want) => expect(verdictOf(rounds)).toBe(want));

test('DOWN_AFTER, UP_AFTER and PROBE_NEED', () => {
  expect(verdictOf(['---'], settingsOf('DOWN_AFTER=1'))).toBe('dead');
  expect(verdictOf(['---', '+++'], settingsOf('DOWN_AFTER=1 UP_AFTER=1'))).toBe('alive');
  expect(verdictOf(times(3, '+--'), settingsOf('PROBE_NEED=2'))).toBe('dead');
  expect(verdictOf(times(20, '++-'), settingsOf('PROBE_NEED=2'))).toBe('alive');
  // Of those that could be asked.
  expect(verdictOf(times(20, '+!!'), settingsOf('PROBE_NEED=2'))).toBe('alive');
});

test('what is said', () => {
  const why = (each: string) => play([each]).health.reason;
  expect(why('+++')).toBe('3 of 3 targets answer');
  expect(why('+-+')).toBe('2 of 3 targets answer (icmp://8.8.8.8: no answer within 2 s)');
  expect(why('!!!')).toMatch(/^cannot tell: probes do not leave this machine \(icmp:\/\/1.1.1.1: refused; /);
  const dead = play(times(3, '---')).health;
  expect(dead.reason).toMatch(/^no answer from 3 of 3 targets for 6 s \(icmp:\/\/1.1.1.1: no answer within 2 s; /);
  expect(dead.since).toBe(EPOCH + 6000);
  expect(play(times(2, '+++'), SETTINGS, play([...times(3, '---'), '+++', '+++', '+++'])).health).toMatchObject({
    verdict: 'alive',
    reason: 'answers again: 5 rounds in a row',
  });
});

test('a failure that was asked before the last answer is outdated', () => {
  let judged = play(['+++', '---', '---']);
  judged = judge(judged, round('+++', 6000), SETTINGS, at(6020));
  judged = judge(judged, round('---', 5000), SETTINGS, at(7000));
  judged = judge(judged, round('---', 5500), SETTINGS, at(7500));
  judged = judge(judged, round('---', 8000), SETTINGS, at(10_000));
  judged = judge(judged, round('---', 8500), SETTINGS, at(10_500));
  expect(judged.health.verdict).toBe('alive');
  expect(judge(judged, round('---', 9000), SETTINGS, at(11_000)).health.verdict).toBe('dead');
});

test('rounds that are missing are no evidence: after a pause counting begins anew', () => {
  const asleep = play(times(2, '---'));
  const awake = play(['---'], SETTINGS, asleep, 3_600_000);
  expect(awake.health.verdict).toBe('alive');
  expect(play(['---', '---'], SETTINGS, awake, 3_602_000).health.verdict).toBe('dead');
});

test('the wall clock counts for nothing', () => {
  let judged = play(['+++', '---', '---']);
  judged = judge(judged, round('+++', 6000), SETTINGS, { monotonic: 6020, epoch: 5 });
  expect(judged.health).toMatchObject({ verdict: 'alive', since: EPOCH + 20 });
});

test('who was dead when the monitor ended must show that it lives; of others nothing is known', () => {
  const before = { verdict: 'dead', since: 5, reason: 'was dead' } as const;
  const again = begin(at(0), before);
  expect(again.health).toEqual(before);
  expect(play(times(4, '+++'), SETTINGS, again).health.verdict).toBe('dead');
  expect(play(times(5, '+++'), SETTINGS, again).health.verdict).toBe('alive');
  expect(begin(at(7), { ...before, verdict: 'degraded' }).health).toMatchObject({ verdict: 'alive', since: EPOCH + 7 });
});

test('answers to the link’s own connections speak for it against one target, but not against all', () => {
  const one = settingsOf('PROBE=icmp://1.1.1.1');
  const heard = { rxPackets: 7, unansweredSyns: 0 };
  const withTraffic = (settings: typeof SETTINGS, each: string) => {
    let judged = play([each.replaceAll('-', '+')], settings);
    for (let sent = 2000; sent < 40_000; sent += 2000) {
      judged = judge(judged, heard, settings, at(sent + 1000));
      judged = judge(judged, round(each, sent), settings, at(sent + 2000));
    }
    return judged.health.verdict;
  };
  expect(withTraffic(one, '-')).toBe('alive');
  expect(withTraffic(SETTINGS, '---')).toBe('dead');
  // Old news.
  const stale = judge(play(['+'], one), heard, one, at(100));
  expect(play(times(9, '-'), one, stale, 20_000).health.verdict).toBe('dead');
});

test('an answer that is wrong is no silence: a captive portal lets connections through, too', () => {
  const one = settingsOf('PROBE=http://192.0.2.1/generate_204');
  const target = one.targets[0]!.text;
  let judged = begin(at(0));
  for (let sent = 2000; sent < 10_000; sent += 2000) {
    judged = judge(judged, { rxPackets: 7, unansweredSyns: 0 }, one, at(sent));
    const results = [{ target, ok: false, wrong: true as const, why: 'HTTP 302' }];
    judged = judge(judged, { at: sent, results }, one, at(sent + 20));
  }
  expect(judged.health.verdict).toBe('dead');
  expect(judged.health.reason).toMatch(/^no right answer from 1 of 1 targets/);
});

test('answers end a row of silent rounds: the next doubt begins anew', () => {
  const one = settingsOf('PROBE=icmp://1.1.1.1');
  const heard = { rxPackets: 7, unansweredSyns: 0 };
  const doubtful = judge(play(['+', '-', '-'], one), heard, one, at(6000));
  const again = judge(doubtful, round('-', 4500), one, at(6500));
  expect(play(['-', '-'], one, again, 12_000).health.verdict).toBe('alive');
  expect(play(['-', '-', '-'], one, again, 12_000).health.verdict).toBe('dead');
});

test('connections that get no answer make it one round faster, and nothing without a failed round', () => {
  const mute = { rxPackets: 0, unansweredSyns: 4 };
  const suspected = play(['+++', '---', '---']);
  expect(judge(suspected, mute, SETTINGS, at(6000)).health.verdict).toBe('dead');
  expect(judge(suspected, { ...mute, unansweredSyns: 0 }, SETTINGS, at(6000)).health.verdict).toBe('alive');
  expect(judge(suspected, { ...mute, rxPackets: 1 }, SETTINGS, at(6000)).health.verdict).toBe('alive');
  expect(judge(play(['+++']), mute, SETTINGS, at(2000)).health.verdict).toBe('alive');
});

test('a target that no link reaches is down, and not the links', () => {
  const a = play(['+++', '-++', '-++']);
  const b = play(['+++', '-++', '-++']);
  expect([...downEverywhere([a, b])]).toEqual([target(0)]);
  expect([...downEverywhere([a])]).toEqual([]);
  expect([...downEverywhere([a, play(['+++'])])]).toEqual([]);
  // All of them, everywhere: that may be the links.
  const dead = play(times(3, '---'));
  expect([...downEverywhere([dead, dead])]).toEqual([]);
  // A link that has only this target is judged by nothing.
  const only = settingsOf('PROBE=icmp://1.1.1.1');
  const lonely = play(['+', '-', '-'], only);
  const everywhere = downEverywhere([lonely, a]);
  const after = judge(lonely, round('-', 6000), only, at(8000), everywhere);
  expect(after.health).toMatchObject({ verdict: 'alive', reason: 'cannot tell: no link reaches icmp://1.1.1.1' });
  // Each has a gateway of its own.
  const gateway = settingsOf('PROBE=gateway,icmp://1.1.1.1');
  const failed = (sent: number) => ({
    at: sent,
    results: [
      { target: 'gateway', ok: false },
      { target: 'icmp://1.1.1.1', ok: true },
    ],
  });
  const gone = judge(judge(undefined, failed(0), gateway, at(1)), failed(2000), gateway, at(2001));
  expect([...downEverywhere([gone, gone])]).toEqual([]);
});

test.each<[name: string, keys: string, rounds: string[], want: string]>([
  ['two rounds of thirty lost', '', times(30, '+++').fill('---', 0, 2), 'alive'],
  ['a fifth lost', 'DOWN_AFTER=100', Array.from({ length: 30 }, (_, n) => (n % 5 === 0 ? '---' : '+++')), 'degraded'],
  ['half lost', 'DOWN_AFTER=100', Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? '---' : '+++')), 'dead'],
  [
    'half lost, LOSS_DOWN=off',
    'LOSS_DOWN=off DOWN_AFTER=100',
    Array.from({ length: 30 }, (_, n) => (n % 2 ? '---' : '+++')),
    'degraded',
  ],
  [
    'half lost, but not for long enough to say so',
    'DOWN_AFTER=100',
    Array.from({ length: 10 }, (_, n) => (n % 2 ? '---' : '+++')),
    'alive',
  ],
  ['one target loses half', '', Array.from({ length: 30 }, (_, n) => (n % 2 ? '-++' : '+++')), 'alive'],
])('quality: %s', (_, keys, rounds, want) => expect(verdictOf(rounds, settingsOf(keys))).toBe(want));

test('degraded begins at ENTER and ends at LEAVE', () => {
  const slow = (judged: Judged | undefined, rttMs: number, count: number, start: number) => {
    let last = judged;
    for (let n = 0; n < count; n++) {
      const sent = start + n * 2000;
      last = judge(last, round('+++', sent, rttMs), SETTINGS, at(sent + rttMs));
    }
    return last!;
  };
  const slowed = slow(undefined, 600, 30, 0);
  expect(slowed.health).toMatchObject({
    verdict: 'degraded',
    reason: '600 ms there and back (LATENCY_DEGRADED=500/300)',
    rtt: 600,
    jitter: 0,
    loss: 0,
  });
  const between = slow(slowed, 400, 30, 60_000);
  expect(between.health.verdict).toBe('degraded');
  expect(slow(undefined, 400, 30, 0).health.verdict).toBe('alive');
  expect(slow(between, 200, 30, 120_000).health.verdict).toBe('alive');
});

test('back from silence it is measured anew', () => {
  const back = play([...times(30, '+++'), ...times(60, '---'), ...times(5, '+++')]);
  expect(back.health).toMatchObject({ verdict: 'alive', loss: 0 });
  expect(play([...times(30, '+++'), ...times(60, '---')]).health.loss).toBe(1);
});

const FLAP = SETTINGS.flap;
const deaths = (...when: number[]) =>
  when.reduce<ReturnType<typeof afterDeath> | undefined>((m, t) => afterDeath(m, FLAP, t), undefined)!;

test('flaps: the penalty halves in FLAP_HALF_LIFE, and its ceiling bounds how long a link is held back', () => {
  expect(heldFor(undefined, FLAP, 0)).toBe(0);
  expect(heldFor(deaths(0, 60_000), FLAP, 60_000)).toBe(0);
  const third = deaths(0, 60_000, 120_000);
  expect(third.penalty).toBeCloseTo(1000 * (1 + 2 ** -0.2 + 2 ** -0.4), 6);
  const held = heldFor(third, FLAP, 120_000);
  expect(held).toBe(Math.ceil(300_000 * Math.log2(third.penalty / 1400)));
  expect(heldFor(third, FLAP, 120_000 + held)).toBe(0);
  expect(heldReason(third, held, 120_000)).toBe(`held back ${Math.ceil(held / 1000)} s: 3 flaps in 2 min`);
  const many = deaths(...Array.from({ length: 500 }, (_, n) => n * 1000));
  expect(heldFor(many, FLAP, 499_000)).toBe(4 * 300_000);
  expect(heldFor(afterDeath(undefined, { ...FLAP, penalty: 0 }, 0), { ...FLAP, penalty: 0 }, 0)).toBe(0);
});
