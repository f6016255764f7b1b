/** `wanhook health`: the shell script itself, on state as reconcile and monitor leave it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { forgetMeasured, saveMeasured } from '../../src/state/measured.ts';
import { scratchDirectory } from '../support/world-scratch.ts';

const SCRIPT = readFileSync(fileURLToPath(new URL('../../hooks/health.sh', import.meta.url)), 'utf8');

/** `dsl up ppp0, …` as reconcile writes it, and the devices that have a carrier. */
function box(links: string | undefined, devices: readonly string[]) {
  const run = scratchDirectory('run');
  const sys = scratchDirectory('sys');
  const script = scratchDirectory('health.sh');
  mkdirSync(run);
  writeFileSync(script, SCRIPT.replace('run=/run/wanhook', `run=${run}`).replace('sys=/sys/class/net', `sys=${sys}`));
  for (const device of devices) {
    mkdirSync(join(sys, device), { recursive: true });
    writeFileSync(join(sys, device, 'carrier'), '1\n');
  }
  const text = links?.split(', ').map((link) => (link === 'stopped' ? 'stopped\n' : `link ${link}\n`));
  if (text !== undefined) writeFileSync(join(run, 'health'), text.join(''));
  const ask = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('/bin/sh', [script, ...args], { encoding: 'utf8', env: {} });
    return `${status} ${(stdout + stderr).trim()}`;
  };
  return { run, ask };
}

const TWO = ['ppp0', 'eth1'];
test.each([
  ['dsl up ppp0, lte up eth1', TWO, '', '0 healthy: dsl up, lte up'],
  ['dsl up ppp0, lte dead eth1', TWO, '', '0 healthy: dsl up'],
  ['dsl up ppp0, lte dead eth1', TWO, '--any', '0 healthy: dsl up'],
  ['dsl up ppp0, lte dead eth1', TWO, '--all', '1 not healthy: lte dead'],
  ['dsl up ppp0, lte dead eth1', TWO, 'dsl', '0 healthy: dsl up'],
  ['dsl up ppp0, lte dead eth1', TWO, 'lte', '1 not healthy: lte dead'],
  ['dsl degraded ppp0, lte down -', TWO, '--any', '0 healthy: dsl degraded'],
  ['dsl dead ppp0, lte down -', TWO, '--any', '1 not healthy: dsl dead, lte down'],
  ['dsl up ppp0, lte up eth1', TWO, '--all', '0 healthy: dsl up, lte up'],
  // Nobody has told of it yet: the device is gone, or has no carrier.
  ['dsl up ppp0, lte up eth1', ['eth1'], 'dsl', '1 not healthy: dsl down (ppp0 has no carrier)'],
  [
    'dsl up ppp0, lte up eth1',
    [],
    '--any',
    '1 not healthy: dsl down (ppp0 has no carrier), lte down (eth1 has no carrier)',
  ],
  ['stopped', TWO, '--any', '1 not healthy: wanhook is stopped ("wanhook apply" starts it)'],
  [undefined, TWO, '--any', '1 not healthy: wanhook has not run since boot, or you may not read its state'],
  ['dsl up ppp0', TWO, 'dls', '2 wanhook health: no link "dls"'],
  ['dsl up ppp0', TWO, '--some', '2 wanhook health: unknown option "--some"'],
  ['dsl up ppp0', TWO, '--any dsl', '2 wanhook health: one link, --any (default) or --all'],
])('%s, devices %j, health %s: %s', (links, devices, args, want) => {
  expect(box(links, devices).ask(...args.split(' ').filter(Boolean))).toBe(want);
});

test('a monitor that has died, or hangs, is not believed; one that was told to end is not missed', () => {
  const { run, ask } = box('dsl up ppp0', TWO);
  saveMeasured(run, {}, 0);
  expect(ask()).toBe('0 healthy: dsl up');
  const beat = readFileSync(join(run, 'monitor'), 'utf8');
  const [pid, started, uptime] = beat.trim().split(' ').map(Number) as [number, number, number];
  const say = (...words: number[]) => writeFileSync(join(run, 'monitor'), `${words.join(' ')}\n`);
  say(pid, started, uptime - 25);
  expect(ask()).toBe('0 healthy: dsl up');
  say(pid, started, uptime - 40);
  expect(ask()).toBe(`1 not healthy: the monitor (process ${pid}) hangs`);
  // Its number is somebody else's by now.
  say(pid, started + 1, uptime);
  expect(ask()).toBe(`1 not healthy: the monitor (process ${pid}) has died`);
  say(999_999_999, started, uptime);
  expect(ask()).toBe('1 not healthy: the monitor (process 999999999) has died');
  writeFileSync(join(run, 'monitor'), '');
  expect(ask()).toMatch(/^1 not healthy: the monitor/);
  forgetMeasured(run);
  expect(ask()).toBe('0 healthy: dsl up');
});
