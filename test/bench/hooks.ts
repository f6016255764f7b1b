/**
 * `sudo npm run bench`: what one hook call costs, as multiples of `node -e 0` in the same run. The installed shims are
 * called as pppd calls them, in a router of the test lab; the cases take turns, so that a slow minute slows them all.
 */
import { configure, install, overlayDirs } from '../demo/router.ts';
import { createLab, type Lab } from '../support/lab.ts';

const ROUNDS = 40;
const UP = '/etc/ppp/ip-up.d/wanhook ppp0 eth0 0 192.0.2.11 192.0.2.254 dsl1';

/** Name, what to do before it (not timed), and the command. */
const CASES: readonly (readonly [name: string, before: string, command: string])[] = [
  ['node -e 0', ':', 'env -i /usr/bin/env node -e 0'],
  ['not our device', ':', '/etc/ppp/ip-up.d/wanhook ppp9 eth0 0 192.0.2.99 192.0.2.254 other'],
  ['nothing to do', ':', UP],
  // As after a redial: the kernel has taken the nexthop and the route away, and the old source rule has gone.
  ['line comes up', 'ip nexthop del id 20001; ip route flush table 20001; ip rule del pref 20300', UP],
];

type Timing = Readonly<Record<'wall' | 'cpu', number[]>>;

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** bash's own `time`: whole process trees, to the millisecond, with nothing installed. */
function script(): string {
  const turns = CASES.map(
    ([, before, command], n) =>
      `{ ${before}; } >/dev/null 2>&1\n{ time ${command} >/dev/null 2>&1; } 2>&1 | sed 's/^/${n} /'`,
  );
  return `TIMEFORMAT='%3R %3U %3S'\nfor round in $(seq ${ROUNDS}); do\n${turns.join('\n')}\ndone`;
}

function readTimings(stdout: string): Timing[] {
  const timings = CASES.map((): Timing => ({ wall: [], cpu: [] }));
  for (const line of stdout.trim().split('\n')) {
    const [n, real, user, system] = line.split(' ').map(Number) as [number, number, number, number];
    timings[n]?.wall.push(real * 1000);
    timings[n]?.cpu.push((user + system) * 1000);
  }
  return timings;
}

/** As after a redial of line 1, and what tells that it has been put right: its source rule, the last but one of its objects. */
const LOSE = 'ip nexthop del id 20001; ip route flush table 20001; ip rule del pref 20300 from 192.0.2.11';
const AGAIN = 'until ip -N rule show pref 20300 | grep -q 192.0.2.11; do :; done';

/** Milliseconds from the hooks' start to their return, and until the kernel is right again: `ROUNDS` lines of both. */
const outage = (hooks: string) => `TIMEFORMAT=%3R
for round in $(seq ${ROUNDS / 2}); do
  { ${LOSE}; } >/dev/null 2>&1
  a=$(date +%s%N); ${hooks}; b=$(date +%s%N); ${AGAIN}; c=$(date +%s%N)
  echo $((b - a)) $((c - a)); sleep 0.1
done`;
const BURST = `for n in $(seq 64); do ${UP} & done >/dev/null 2>&1; wait`;

async function returns(lab: Lab, hooks: string): Promise<{ returned: number; applied: number }> {
  const { stdout } = await lab.rtr.run(['bash', '-c', outage(hooks)], { timeoutMs: 60_000 });
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map((ns) => Number(ns) / 1e6));
  return { returned: median(rows.map(([first = NaN]) => first)), applied: median(rows.map(([, last = NaN]) => last)) };
}

async function together(lab: Lab): Promise<void> {
  const show = (name: string, { returned, applied }: { returned: number; applied: number }) =>
    console.log(`${name.padEnd(24)}returned after ${returned.toFixed(1)} ms, applied after ${applied.toFixed(1)} ms`);
  const one = await returns(lab, UP);
  show('one hook', one);
  const burst = await returns(lab, BURST);
  show('64 hooks at once', burst);
  console.log(
    `${''.padEnd(24)}${(burst.applied / one.applied).toFixed(1)} × and, all of them, ${(burst.returned / one.returned).toFixed(1)} × one hook`,
  );
  const monitor = lab.rtr.spawn(['/usr/sbin/wanhook', 'monitor'], { env: {} });
  await monitor.waitLine(/watching/);
  show('one, with a monitor', await returns(lab, UP));
  show('64, with a monitor', await returns(lab, BURST));
  await monitor.kill('SIGTERM');
}

/** Static lines by devices of their own; one `apply` brings them all up. */
const LINKS = 60;
const MORE = `for n in $(seq 3 ${LINKS}); do
  ip link add wan$n type veth peer name far$n; ip link set far$n up; ip link set wan$n up
  ip addr add 10.$n.0.2/24 dev wan$n
  printf 'ID=%s\\nDEVICE=wan%s\\nGATEWAY=10.%s.0.1\\nPROBE=none\\n' $n $n $n >/etc/wanhook/links/wan$n.env
done
/usr/sbin/wanhook apply`;

type Ratios = readonly (readonly [wall: number, cpu: number])[];

/** Each case in turn; a table, and what is in it. */
async function eachCase(lab: Lab): Promise<Ratios> {
  const { stdout } = await lab.rtr.run(['bash', '-c', script()], { timeoutMs: 120_000 });
  const timings = readTimings(stdout);
  const [base] = timings;
  console.log('                    wall ms   × node -e 0    cpu ms   × node -e 0');
  return timings.map(({ wall, cpu }, n) => {
    const ratio = (kind: keyof Timing, own: readonly number[]) =>
      median(own.map((value, round) => value / (base?.[kind][round] ?? NaN)));
    const found = [ratio('wall', wall), ratio('cpu', cpu)] as const;
    const cells = [median(wall).toFixed(0), found[0].toFixed(2), median(cpu).toFixed(0), found[1].toFixed(2)];
    console.log(`${(CASES[n]?.[0] ?? '').padEnd(16)}${cells.map((cell) => cell.padStart(11)).join('')}`);
    return found;
  });
}

/** After everything else: the lab has them from then on. */
async function manyLinks(lab: Lab, few: Ratios): Promise<void> {
  await lab.rtr.sh(MORE, { timeoutMs: 60_000 });
  console.log(`\n${LINKS} links`);
  const many = await eachCase(lab);
  CASES.forEach(([name], n) => {
    const [[wall, cpu] = [NaN, NaN], [wall2, cpu2] = [NaN, NaN]] = [many[n], few[n]];
    if (n > 0)
      console.log(`${name.padEnd(16)}${(wall / wall2).toFixed(2)} × 2 links, cpu ${(cpu / cpu2).toFixed(2)} ×`);
  });
}

async function bench(): Promise<void> {
  const lab = await createLab({ links: ['ppp', 'ppp'], overlay: overlayDirs() });
  try {
    await install(lab);
    await configure(lab, {
      dsl1: ['ID=1', 'PPP_IPPARAM=dsl1', 'WEIGHT=2', 'PROBE=none'],
      dsl2: ['ID=2', 'PPP_IPPARAM=dsl2', 'WEIGHT=3', 'PROBE=none'],
    });
    await lab.lineUp(0);
    await lab.lineUp(1);
    await lab.rtr.sh(`${UP}\n${UP.replace('ppp0', 'ppp1').replace('.11', '.12').replace('dsl1', 'dsl2')}`);
    const few = await eachCase(lab);
    await together(lab);
    await manyLinks(lab, few);
  } finally {
    await lab.destroy();
  }
}

void bench();
