/**
 * Thousands of events in a row, first through a monitor (hooks drop them, it takes them), then by hooks alone: of all that
 * wanhook keeps, in the kernel, on disk and in memory, nothing grows.
 *
 * AGEING_EVENTS=20000 AGEING_HOOKS=300: as many (npm run ageing). The figures are printed.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configure, install, overlayDirs, wanhook } from '../demo/router.ts';
import { createLab, type Lab } from '../support/lab.ts';

const EVENTS = Number(process.env['AGEING_EVENTS'] ?? 120);
const HOOKS = Number(process.env['AGEING_HOOKS'] ?? 6);
/** Looks at what there is, after the one they are compared with. */
const LOOKS = EVENTS < 1000 ? 3 : 20;
const LINES = 4;
/** As many hooks at once as a storm has; mostly there are fewer. */
const LARGEST_BURST = 32;

let lab: Lab;
/** The router's files, as the host sees them: a process for every event would take longer than the event. */
let root: string;
beforeAll(async () => {
  lab = await createLab({ links: Array.from({ length: LINES }, () => 'ppp' as const), overlay: overlayDirs() });
  root = `/proc/${lab.rtr.pid}/root`;
  await install(lab);
  const lines = Array.from({ length: LINES }, (_, n) => {
    return [`dsl${n}`, [`ID=${n + 1}`, `PPP_IPPARAM=dsl${n}`, 'PROBE=none']] as const;
  });
  await configure(lab, Object.fromEntries(lines));
  for (let n = 0; n < LINES; n++) await lab.lineUp(n);
  await wanhook(lab, 'apply');
  for (let n = 0; n < LINES; n++) await hook('up', n);
  await lab.rtr.sh(`setsid /usr/sbin/wanhook monitor >/run/monitor.log 2>&1 </dev/null &
    for try in $(seq 300); do grep -q watching /run/monitor.log && exit; sleep 0.1; done; exit 1`);
});
afterAll(() => lab.destroy());

const words = (line: number) => [`ppp${line}`, 'eth0', '0', lab.lines[line]!.address, '192.0.2.254', `dsl${line}`];
const hook = (kind: 'up' | 'down', line: number) =>
  lab.rtr.sh(`/etc/ppp/ip-${kind}.d/wanhook ${words(line).join(' ')}`);

let dropped = 0;
/** What run-hook.sh leaves for the monitor (src/state/dropped.ts), as process 1: what the dead were writing is swept away. */
function drop(kind: 'up' | 'down', line: number): void {
  const folder = `${root}/run/wanhook/hooks`;
  const name = `${folder}/${1_000_000 + ++dropped}-1`;
  const given = words(line);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(`${name}.1.tmp`, [`ip-${kind}`, String(given.length), ...given, '.', ''].join('\0'));
  renameSync(`${name}.1.tmp`, name);
}

/** All that was dropped is taken, and whoever took it is done. */
async function taken(): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    const waits = readdirSync(`${root}/run/wanhook/hooks`).some((name) => /^\d+-\d+$/.test(name));
    if (!waits && !readdirSync(`${root}/run/wanhook`).includes('lock')) return;
    await sleep(2);
  }
  throw new Error(`not taken: ${readFileSync(`${root}/run/monitor.log`, 'utf8')}`);
}

/** A line at random goes or comes; the same sequence every time. */
let seed = 1;
const random = (below: number) => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
};
async function storm(events: number): Promise<void> {
  for (let left = events; left > 0;) {
    const burst = Math.min(left, 1 + (random(2) === 0 ? random(LARGEST_BURST) : random(3)));
    for (let n = 0; n < burst; n++) drop(random(2) === 0 ? 'down' : 'up', random(LINES));
    await taken();
    left -= burst;
  }
}

interface Look {
  readonly events: number;
  /** Rules, routes, nexthops, nft: as text. */
  readonly kernel: string;
  /** Names in /run/wanhook and /var/lib/wanhook. */
  readonly files: readonly string[];
  readonly journalBytes: number;
  readonly rssKb: number;
  readonly descriptors: number;
}

/** With every line up again. */
async function look(byHook: boolean): Promise<Look> {
  for (let line = 0; line < LINES; line++) {
    if (byHook) await hook('up', line);
    else drop('up', line);
  }
  await taken();
  const kernel = await lab.rtr.sh(`ip rule; ip -6 rule; ip nexthop; ip route show table all proto 201 | sort
    ip neigh show proto 201; nft -s list ruleset`);
  const found = await lab.rtr.sh('find /run/wanhook /var/lib/wanhook -type f -o -type l 2>/dev/null || :');
  const journal = await lab.rtr.sh('cat /run/wanhook/journal* | wc -c');
  const resident = await lab.rtr.sh(`pid=$(readlink /run/wanhook/monitor.lock | cut -d. -f1); [ -n "$pid" ] || exit 0
    grep VmRSS /proc/$pid/status; ls /proc/$pid/fd | wc -l`);
  const [, rssKb = '0', descriptors = '0'] = /VmRSS:\s+(\d+) kB\n(\d+)/.exec(resident) ?? [];
  return {
    events: dropped,
    kernel,
    files: found.trim().split('\n').toSorted(),
    journalBytes: Number(journal),
    rssKb: Number(rssKb),
    descriptors: Number(descriptors),
  };
}

/** By least squares: what a thousand events add. */
function slope(looks: readonly Look[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(looks.map(({ events }) => events)), mean(looks.map(({ rssKb }) => rssKb))];
  const above = looks.reduce((sum, { events, rssKb }) => sum + (events - x) * (rssKb - y), 0);
  return (1000 * above) / looks.reduce((sum, { events }) => sum + (events - x) ** 2, 0);
}

function expectAsYoung(look: Look, first: Look): void {
  expect(look.kernel).toBe(first.kernel);
  const more = look.files.filter((name) => !first.files.includes(name));
  // The journal's older half, and what hooks keep once the configuration is two seconds old.
  expect(more.filter((name) => !/^\/run\/wanhook\/(?:journal\.jsonl\.1|ip-\w+\.config|settled)$/.test(name))).toEqual(
    [],
  );
  // Two files of half a megabyte, and what one run may say at their end.
  expect(look.journalBytes).toBeLessThan(1_200_000);
}

test('nothing grows with the number of events', { timeout: 3_600_000 }, async () => {
  const begin = performance.now();
  await storm(Math.min(1000, EVENTS / 4));
  const looks = [await look(false)];
  const [first] = looks as [Look];
  for (let n = 0; n < LOOKS; n++) {
    await storm(Math.round(EVENTS / LOOKS));
    looks.push(await look(false));
    expectAsYoung(looks.at(-1)!, first);
    expect(looks.at(-1)!.descriptors).toBeLessThanOrEqual(first.descriptors + 2);
    if (LOOKS > 10)
      console.log(`${dropped} events, ${looks.at(-1)!.rssKb} kB, ${Math.round((performance.now() - begin) / 1000)} s`);
  }
  // V8 lets its heap grow to a size that suits it, then collects: what counts is the second half.
  const later = looks.slice(looks.length >> 1);
  const perThousand = Math.round(slope(later));
  console.log(
    `${dropped} events in ${Math.round((performance.now() - begin) / 1000)} s: ${first.kernel.split('\n').length} lines of rules, ` +
      `routes, nexthops and nft as before; ${looks.at(-1)!.files.length} files (${first.files.length}); journal ` +
      `${looks.at(-1)!.journalBytes} bytes; RSS ${first.rssKb} kB, then ${looks.at(-1)!.rssKb} kB, ${perThousand} kB per 1,000 ` +
      `events in the second half (${Math.round(slope(looks))} in all); ${looks.at(-1)!.descriptors} descriptors (${first.descriptors})`,
  );
  expect(looks.at(-1)!.rssKb).toBeLessThan(first.rssKb + 40_000);
  if (EVENTS >= 10_000) expect(perThousand).toBeLessThan(500);

  await lab.rtr.sh(
    'kill $(readlink /run/wanhook/monitor.lock | cut -d. -f1); while [ -h /run/wanhook/monitor.lock ]; do sleep 0.05; done',
  );
  await hook('down', 0);
  const alone = await look(true);
  for (let n = 0; n < HOOKS; n++) await hook(random(2) === 0 ? 'down' : 'up', random(LINES));
  expectAsYoung(await look(true), alone);
  expect(alone.kernel).toBe(first.kernel);
  console.log(`${HOOKS} hooks alone: as before`);
});
