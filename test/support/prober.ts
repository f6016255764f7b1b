/**
 * The monitor's probes and verdicts alone, as a program: bundled to dist/test/prober.cjs and started in the router.
 *
 *   prober.cjs '[{"link": …, "settings": …}, …]'
 *
 * Output: JSON lines: {"link","round"}, {"link","verdict"} at every change, and on SIGTERM {"cpu"}.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { ProbeSettings } from '../../src/model.ts';
import type { Judged } from '../../src/monitor/judged.ts';
import { startProbes } from '../../src/monitor/probe/probes.ts';
import type { ProbedLink } from '../../src/monitor/probe/round.ts';
import { downEverywhere, judge } from '../../src/monitor/verdict.ts';

interface Asked {
  readonly link: ProbedLink;
  readonly settings: ProbeSettings;
}

const asked = JSON.parse(process.argv[2] ?? '[]') as readonly Asked[];
const print = (found: object) => process.stdout.write(`${JSON.stringify(found)}\n`);
const judged = new Map<string, Judged>();

const stops = asked.map(({ link, settings }) =>
  startProbes(link, settings, (round) => {
    const before = judged.get(link.name);
    const now = { monotonic: performance.now(), epoch: Date.now() };
    const after = judge(before, round, settings, now, downEverywhere(judged.values()));
    judged.set(link.name, after);
    print({ link: link.name, at: now.epoch, round });
    const { verdict, reason } = after.health;
    const changed = before?.health.verdict !== verdict || after.health.heldUntil !== before.health.heldUntil;
    if (changed || reason.startsWith('cannot')) print({ link: link.name, at: now.epoch, verdict, reason });
  }),
);

print({ ready: true });

/** proc(5): seconds of processor time of the children that still run; USER_HZ is 100. */
function childrenCpu(): number {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);
  const seconds = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  });
  return seconds.reduce((sum, each) => sum + each, 0);
}

// What starting cost is not what running costs.
let begun = { own: process.cpuUsage(), children: 0, at: performance.now() };
setTimeout(() => {
  begun = { own: process.cpuUsage(), children: childrenCpu(), at: performance.now() };
}, 2000).unref();

process.on('SIGTERM', () => {
  const { user, system } = process.cpuUsage(begun.own);
  const seconds = (performance.now() - begun.at) / 1000;
  const own = (user + system) / 1e6;
  const children = childrenCpu() - begun.children;
  print({
    cpu: { seconds, own, children, share: (own + children) / seconds, rssMb: process.memoryUsage().rss / 2 ** 20 },
  });
  stops.forEach((each) => each.stop());
});
