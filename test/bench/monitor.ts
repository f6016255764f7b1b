/**
 * `sudo npm run bench:monitor`: how soon `wanhook monitor` finds out what is wrong with a line that is up, and what a LAN
 * loses until then. Each scene of test/support/scenes.ts, by default and with FAST=yes: the first of three lines carries
 * all new connections and goes bad, the other two carry long-lived ones, which must not notice. 13 minutes in all.
 *
 *   sudo npm run bench:monitor -- 'gateway dead' flapping      only these
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { State } from '../../src/model.ts';
import type { ProbeResult } from '../support/lab-traffic.ts';
import { type Monitor, startMonitor } from '../support/router-monitor.ts';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';
import { BLACKHOLE, type Scene, SCENES } from '../support/scenes.ts';
import { startServices } from '../support/services.ts';

interface Measured {
  /** Until the line's verdict is another one, after its trouble began. */
  readonly noticedMs?: number;
  /** Until the first new connection from which on all work. */
  readonly worksMs?: number;
  readonly lost: number;
  /** Of connections of the healthy lines, if there are any. */
  readonly cut?: number | undefined;
  /** The line's verdicts, in order. */
  readonly verdicts: readonly string[];
}
interface Speed {
  readonly name: string;
  readonly keys: LinkKeys;
  /** How long to wait for a verdict that needs a window full of rounds, and for one that must not come. */
  readonly longMs: number;
  readonly calmMs: number;
}
const SPEEDS: readonly Speed[] = [
  { name: 'by default', keys: {}, longMs: 90_000, calmMs: 20_000 },
  { name: 'FAST=yes', keys: { FAST: 'yes' }, longMs: 15_000, calmMs: 4_000 },
];
/** Connections from the LAN. Given up before TCP repeats its first packet, which would go by another line. */
const EVERY_MS = 20;
const TIMEOUT_MS = 900;

interface Stage {
  readonly router: Router;
  readonly monitor: Monitor;
  verdict(line: number): Promise<string>;
  until(done: () => Promise<boolean>, ms: number): Promise<boolean>;
}

/** Three lines with a monitor; the first is of a better tier, so it has all new connections, and the others those from before. */
async function onStage(
  keys: LinkKeys,
  act: (stage: Stage) => Promise<Omit<Measured, 'cut' | 'verdicts'>>,
): Promise<Measured> {
  const others = {
    PROBE: BLACKHOLE.keys['PROBE']!,
    ...(keys['FAST'] !== undefined && { FAST: keys['FAST'] }),
    TIER: 2,
  };
  const router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 4, keys: [keys, others, others] });
  try {
    await startServices(router);
    await router.up(1);
    await router.up(2);
    await router.must('apply');
    const held = await router.startHold({ from: 'lan', ms: 600_000, count: 24, localAddresses: router.clients });
    await router.up(0);
    const monitor = await startMonitor(router);
    await sleep(3000);
    const verdict = async (line: number) => {
      const { health } = JSON.parse(await router.rtr.sh('cat /run/wanhook/state.json')) as State;
      return health?.[`line${line + 1}`]?.verdict ?? 'alive';
    };
    const until: Stage['until'] = async (done, ms) => {
      const end = Date.now() + ms;
      while (!(await done())) {
        if (Date.now() > end) return false;
        await sleep(10);
      }
      return true;
    };
    const seen = await act({ router, monitor, verdict, until });
    const { broken, stalled } = await held.stop();
    const causes = (await router.journal()).flatMap(({ cause }) => cause).join('\n');
    const verdicts = [...causes.matchAll(/monitor: line1 is (\w+):/g)].map(([, word = '']) => word);
    return { ...seen, cut: broken + stalled, verdicts };
  } finally {
    await router.destroy();
  }
}

const newConnections = (router: Router, timeoutMs = TIMEOUT_MS) =>
  router.startProbe({ from: 'lan', ms: 600_000, everyMs: EVERY_MS, timeoutMs });

function sinceThen({ probes, startedAt, lost }: ProbeResult, at: number): Pick<Measured, 'worksMs' | 'lost'> {
  const begun = probes
    .map((probe) => ({ ...probe, after: startedAt + probe.at - at }))
    .filter(({ after }) => after >= 0);
  const last = begun.findLastIndex(({ ok }) => !ok);
  const works = begun[last + 1]?.after;
  return { lost, ...(works !== undefined && { worksMs: works }) };
}

/** A line goes bad, once. */
function play(scene: Scene, { keys, longMs, calmMs }: Speed): Promise<Measured> {
  return onStage({ ...scene.keys, ...keys }, async ({ router, ...stage }) => {
    // What is measured over a window is measured with the window of a line that was well for a while.
    if (scene.inWindow === true) await sleep(longMs * 0.7);
    const traffic = await newConnections(router, scene.patienceMs);
    await sleep(500);
    const at = Date.now();
    await scene.begin(router, 0);
    const calm = scene.verdict === 'alive';
    const noticed = await stage.until(async () => (await stage.verdict(0)) !== 'alive', calm ? calmMs : longMs);
    const noticedMs = Date.now() - at;
    // One that is bad is degraded first.
    if (scene.verdict === 'dead') await stage.until(async () => (await stage.verdict(0)) === 'dead', longMs);
    await sleep(1500);
    return { ...(noticed && { noticedMs }), ...sinceThen(await traffic.stop(), at) };
  });
}

/** Five seconds down, five up, for five minutes. */
const flapping = ({ keys }: Speed, minutes = 5) =>
  onStage({ ...BLACKHOLE.keys, ...keys }, async ({ router, ...stage }) => {
    const traffic = await newConnections(router);
    const at = Date.now();
    let noticedMs: number | undefined;
    for (let flap = 0; flap < minutes * 12; flap++) {
      await router.deadUpstream(0, flap % 2 === 0);
      const end = at + (flap + 1) * 5000;
      if (
        noticedMs === undefined &&
        (await stage.until(async () => (await stage.verdict(0)) === 'dead', end - Date.now()))
      )
        noticedMs = Date.now() - at;
      await sleep(Math.max(0, end - Date.now()));
    }
    return { ...(noticedMs !== undefined && { noticedMs }), ...sinceThen(await traffic.stop(), at) };
  });

/** From the moment at which the one answers again. */
const allDead = async ({ keys, longMs }: Speed) => {
  const measured = await onStage({ ...BLACKHOLE.keys, ...keys }, async ({ router, ...stage }) => {
    for (const { index } of router.lines) await router.deadUpstream(index, true);
    const dead = async () => (await Promise.all(router.lines.map(({ index }) => stage.verdict(index)))).join();
    await stage.until(async () => (await dead()) === 'dead,dead,dead', longMs);
    await sleep(2000);
    const traffic = await newConnections(router);
    await sleep(500);
    const at = Date.now();
    await router.deadUpstream(1, false);
    const inUse = async () => (await router.rtr.sh('ip nexthop show id 20999')).includes('group 20002 ');
    const noticed = await stage.until(inUse, longMs);
    const noticedMs = Date.now() - at;
    await sleep(1500);
    return { ...(noticed && { noticedMs }), ...sinceThen(await traffic.stop(), at) };
  });
  return { ...measured, cut: undefined };
};

/** By default that is as much as makes a line dead. */
const LOSSY = SCENES.flatMap((scene): Scene[] =>
  scene.keys['LOSS_DOWN'] === 'off' ? [{ ...scene, name: '50 % loss', keys: BLACKHOLE.keys, verdict: 'dead' }] : [],
);

const PLAYS: readonly (readonly [name: string, play: (speed: Speed) => Promise<Measured>])[] = [
  ...[...SCENES, ...LOSSY].map((scene) => [scene.name, (speed: Speed) => play(scene, speed)] as const),
  ['flapping every 5 s for 5 min', flapping],
  ['all dead, then one back', allDead],
];

const seconds = (ms: number | undefined) => (ms === undefined ? '–' : `${(ms / 1000).toFixed(1)} s`);

async function bench(wanted: readonly string[]): Promise<void> {
  console.log('| scene | | noticed after | all new connections work after | lost | verdicts | cut on healthy lines |');
  console.log('|---|---|---|---|---|---|---|');
  for (const [name, act] of PLAYS) {
    if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
    for (const speed of SPEEDS) {
      const { noticedMs, worksMs, lost, verdicts, cut } = await act(speed);
      const cells = [
        name,
        speed.name,
        seconds(noticedMs),
        seconds(worksMs),
        lost,
        verdicts.join(', ') || 'none',
        cut ?? '–',
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
}

void bench(process.argv.slice(2));
