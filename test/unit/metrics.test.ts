/** What `status` and Prometheus are told of links: figures, verdicts, and when nobody has looked. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rowsOf } from '../../src/cli/status.ts';
import { GLOBAL_DEFAULTS, LINK_DEFAULTS } from '../../src/config/keys.ts';
import type { LinkConfig, LinkHealth, LinkStatus, State } from '../../src/model.ts';
import { metricsText } from '../../src/monitor/metrics.ts';
import { makePrivateDirectory } from '../../src/state/files.ts';
import { forgetMeasured, loadMeasured, saveMeasured } from '../../src/state/measured.ts';
import { EMPTY_STATE } from '../../src/state/record.ts';
import { playStep } from '../support/world-steps.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { scratchDirectory } from '../support/world-scratch.ts';
import { createTestWorld } from '../support/world.ts';

const dsl: LinkConfig = { ...LINK_DEFAULTS, name: 'dsl', id: 1, weight: 3 };
const lte: LinkConfig = { ...LINK_DEFAULTS, name: 'lte', id: 2, tier: 2, metered: true };
const config = { ...GLOBAL_DEFAULTS, links: [dsl, lte] };
const NOW = 1_767_225_600_000;

const up: LinkStatus = { up: true, link: dsl, device: 'ppp0', mtu: 1492, address: '192.0.2.1', onlink: false };
const down: LinkStatus = { up: false, link: lte, present: false, pointToPoint: true, reason: 'no device ppp1' };
const health: LinkHealth = {
  ...{ verdict: 'degraded', since: NOW - 5000, reason: '20 % loss', device: 'ppp0', address: '192.0.2.1' },
  ...{ loss: 0.2, rtt: 41.5, jitter: 3 },
};
const state = (said?: LinkHealth): State => ({
  ...EMPTY_STATE,
  verdicts: {
    dsl: { up: true, since: NOW - 60_000, reason: 'up' },
    lte: { up: false, since: NOW - 90_000, reason: 'no device ppp1' },
  },
  ...(said && { health: { dsl: said } }),
});
const text = (given: State, measured = {}, version = '1') =>
  metricsText({ config, statuses: [up, down], state: given, measured, now: NOW, version });
const lines = (of: string, pattern: RegExp) => of.split('\n').filter((line) => pattern.test(line));

test('the text format: HELP and TYPE once before the samples of each family, a newline at the end', () => {
  const got = text(state(health), { dsl: { at: NOW, loss: 0.25 } });
  expect(got.endsWith('\n')).toBe(true);
  const families = got.split(/^# HELP /m).slice(1);
  for (const family of families) {
    const [help = '', type = '', ...samples] = family.trimEnd().split('\n');
    const name = help.split(' ')[0]!;
    expect(help).toMatch(/^wanhook_[a-z0-9_]+ \S/);
    expect(type).toBe(`# TYPE ${name} gauge`);
    expect(samples.length).toBeGreaterThan(0);
    for (const sample of samples) {
      expect(sample).toMatch(/^[a-z0-9_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? -?\d+(?:\.\d+)?(?:e-?\d+)?$/);
      expect(sample.split(/[ {]/)[0]).toBe(name);
    }
  }
  const names = families.map((family) => family.split(' ')[0]);
  expect(new Set(names).size).toBe(names.length);
});

test('what is told of a degraded link and of one that is down', () => {
  const got = text(state(health), { dsl: { at: NOW, loss: 0.25 } });
  expect(lines(got, /^wanhook_(links|link_(up|usable|share|loss|rtt|jitter|last|tier|info|metered))/)).toEqual([
    'wanhook_links_usable 1',
    'wanhook_link_info{link="dsl",device="ppp0",address="192.0.2.1"} 1',
    'wanhook_link_info{link="lte",device="",address=""} 1',
    'wanhook_link_up{link="dsl"} 1',
    'wanhook_link_up{link="lte"} 0',
    'wanhook_link_usable{link="dsl"} 1',
    'wanhook_link_usable{link="lte"} 0',
    'wanhook_link_share_ratio{link="dsl"} 1',
    'wanhook_link_share_ratio{link="lte"} 0',
    'wanhook_link_tier{link="dsl"} 1',
    'wanhook_link_tier{link="lte"} 2',
    'wanhook_link_metered{link="dsl"} 0',
    'wanhook_link_metered{link="lte"} 1',
    `wanhook_link_last_change_timestamp_seconds{link="dsl"} ${NOW / 1000 - 5}`,
    `wanhook_link_last_change_timestamp_seconds{link="lte"} ${NOW / 1000 - 90}`,
    'wanhook_link_loss_ratio{link="dsl"} 0.25',
    'wanhook_link_rtt_seconds{link="dsl"} 0.0415',
    'wanhook_link_jitter_seconds{link="dsl"} 0.003',
  ]);
  expect(lines(got, /condition.* 1$/)).toEqual([
    'wanhook_link_condition{link="dsl",condition="degraded"} 1',
    'wanhook_link_condition{link="lte",condition="down"} 1',
  ]);
});

test('nobody has looked: no figures, and no family without a sample', () => {
  const got = text({ ...state(), verdicts: {} });
  expect(got).not.toMatch(/loss|rtt|jitter|last_change/);
  expect(lines(got, /condition.* 1$/)[0]).toBe('wanhook_link_condition{link="dsl",condition="up"} 1');
});

test('labels are escaped', () => {
  expect(lines(text(state(), {}, 'a"b\\c\nd'), /^wanhook_info/)).toEqual(['wanhook_info{version="a\\"b\\\\c\\nd"} 1']);
});

test('status: verdict, figures, since when and why; held back', () => {
  const row = (said?: LinkHealth, measured = {}) =>
    rowsOf({ config, statuses: [up, down], state: state(said) }, measured, NOW)[0]!;
  expect(row(health, { dsl: { at: NOW, loss: 0.25 } })).toMatchObject({
    ...{ state: 'up', condition: 'degraded', verdict: 'degraded', loss: 0.25, rtt: 41.5, jitter: 3 },
    ...{ verdictReason: '20 % loss', verdictSince: new Date(NOW - 5000).toISOString(), heldUntil: null },
    reason: 'degraded: 20 % loss',
  });
  const held: LinkHealth = { ...health, verdict: 'dead', reason: '4 flaps in 10 min', heldUntil: NOW + 139_500 };
  expect(row(held).reason).toBe('held back 140 s: 4 flaps in 10 min');
  expect(row({ ...held, heldUntil: NOW - 1, reason: 'no answer' }).reason).toBe('dead: no answer');
  expect(row()).toMatchObject({ condition: 'up', verdict: null, loss: null, verdictSince: null, reason: 'up' });
  expect(row({ ...health, address: '192.0.2.99' })).toMatchObject({ verdict: null, loss: null, reason: 'up' });
});

test('status and metrics show what the monitor measures while it is fresh', async () => {
  const world = createTestWorld();
  const on = fakeSteps(world);
  const START = [
    'config links/dsl.env ID=1 DEVICE=ppp0',
    'line ppp0 up 192.0.2.11',
    'ip-up ppp0 192.0.2.11 192.0.2.254',
  ];
  for (const step of START) await playStep(on, step);
  const heading = async () => (await world.command('status')).out.split('\n')[0];
  expect(await heading()).not.toMatch(/LOSS/);
  saveMeasured(world.stateDirectory, { dsl: { loss: 0.1, rtt: 12.34 } }, world.now());
  expect(await heading()).toMatch(/SHARE +LOSS +RTT +JITTER +SINCE/);
  expect((await world.command('status')).out).toMatch(/100% +10% +12\.3 ms +- /);
  expect((await world.command('metrics')).out).toContain('wanhook_link_rtt_seconds{link="dsl"} 0.01234\n');
  world.pass(90);
  expect(await heading()).not.toMatch(/LOSS/);
  expect((await world.command('metrics')).out).not.toContain('rtt');
});

test('IPv6: a verdict and figures of its own, or IPv4’s', () => {
  const line = { device: 'ppp0', address: '2001:db8::1' };
  const six: LinkStatus = { ...up, ...line, family: 6 };
  const own = state(health);
  const said: LinkHealth = { ...health, ...line, verdict: 'dead', reason: 'no answer from 1 of 1 targets', loss: 1 };
  const judged: State = { ...own, v6: { links: {}, verdicts: own.verdicts, health: { dsl: said } } };
  const dead: LinkStatus = { ...six, dead: { reason: said.reason } };
  const row = (status: LinkStatus, given: State, measured6 = {}) =>
    rowsOf({ config, statuses: [up, down], statuses6: [status], state: given }, {}, NOW, measured6)[0]!;
  expect(row(dead, judged, { dsl: { at: NOW, loss: 0.9 } })).toMatchObject({
    ...{ condition: 'degraded', loss: 0.2 },
    ipv6: { state: 'dead', verdict: 'dead', loss: 0.9, rtt: 41.5, reason: 'dead: no answer from 1 of 1 targets' },
  });
  const inherited = { ...six, dead: { reason: '20 % loss' } } as const;
  expect(row(inherited, own).ipv6).toMatchObject({ state: 'dead', verdict: null, loss: null, reason: '20 % loss' });
  expect(row(six, own).ipv6).toMatchObject({ state: 'up', verdict: null, reason: 'up' });
  const text6 = (status: LinkStatus, given: State, measured6 = {}) =>
    metricsText({
      ...{ config, statuses: [up, down], statuses6: [status], state: given },
      ...{ measured: {}, measured6, now: NOW, version: '1' },
    });
  expect(lines(text6(dead, judged, { dsl: { at: NOW, loss: 0.9 } }), /^wanhook_link_ipv6.* (?!0$)/)).toEqual([
    'wanhook_link_ipv6_condition{link="dsl",condition="dead"} 1',
    'wanhook_link_ipv6_loss_ratio{link="dsl"} 0.9',
    'wanhook_link_ipv6_rtt_seconds{link="dsl"} 0.0415',
    'wanhook_link_ipv6_jitter_seconds{link="dsl"} 0.003',
  ]);
  expect(lines(text6(six, own), /^wanhook_link_ipv6_(loss|rtt|jitter)/)).toEqual([]);
  expect(text(state())).not.toContain('ipv6');
});

test('METRICS_FILE: written whole, for others to read', async () => {
  const file = `${scratchDirectory('wanhook')}.prom`;
  const world = createTestWorld(new Map([['links/dsl.env', 'ID=1\nDEVICE=ppp0']]));
  const { code, err } = await world.command('metrics', '--write');
  expect([code, err]).toEqual([2, 'wanhook: METRICS_FILE in wanhook.env does not say where to write\n']);
  world.files.set('wanhook.env', `METRICS_FILE=${file}`);
  expect(await world.command('metrics', '--write')).toEqual({ code: 0, out: '', err: '' });
  expect(readFileSync(file, 'utf8')).toContain('wanhook_links_usable 0\n');
  expect(statSync(file).mode & 0o777).toBe(0o644);
});

test('what was measured: of this minute, and only what is a measurement', () => {
  const directory = scratchDirectory('run');
  makePrivateDirectory(directory);
  expect(loadMeasured(directory, NOW)).toEqual({});
  saveMeasured(directory, { dsl: { loss: 0, rtt: 9 } }, NOW);
  expect(loadMeasured(directory, NOW + 59_000)).toEqual({ dsl: { loss: 0, rtt: 9, at: NOW } });
  expect(loadMeasured(directory, NOW + 60_000)).toEqual({});
  expect(readFileSync(join(directory, 'monitor'), 'utf8')).toMatch(new RegExp(`^${process.pid} \\d+ \\d+\n$`));
  writeFileSync(join(directory, 'health.json'), '{"links":{"dsl":{"at":1,"loss":"x"},"lte":7}}');
  expect(loadMeasured(directory, 1)).toEqual({});
  forgetMeasured(directory);
  forgetMeasured(directory);
  expect(loadMeasured(directory, NOW)).toEqual({});
});
