/**
 * What is lost when a line goes: a new connection every 5 ms from the LAN and from the router, over two dialled lines that
 * share; one of them goes. And what the contenders' own commands cost there.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { overlayDirs } from '../demo/router.ts';
import type { LabNode } from '../support/lab-node.ts';
import { createLab, type Lab } from '../support/lab.ts';
import type { ProbeResult } from '../support/lab-traffic.ts';
import { CONTENDERS, type Contender } from './contender.ts';
import { type Cost, cost, type Figures, figures, times } from './cost.ts';

const FROM = ['lan', 'rtr'] as const;
type From = (typeof FROM)[number];

export interface Loss {
  readonly lost: number;
  readonly sent: number;
  /** Lost, too, but begun before: on their way by the line that went. */
  readonly inFlight: number;
  /** Until the first new connection from which on all work; null: they did not, as long as we looked. */
  readonly worksMs: number | null;
}
export interface OutageRow extends Readonly<Record<From, Loss>> {
  readonly who: string;
  readonly scene: string;
  readonly lookedMs: number;
}
export interface CommandRow extends Figures {
  readonly who: string;
  readonly command: string;
  readonly timesNode: { readonly wall: number; readonly cpu: number };
}
export interface Outages {
  readonly outages: readonly OutageRow[];
  readonly commands: readonly CommandRow[];
  /** What to install for the rest. */
  readonly missing: readonly string[];
}

interface Scene {
  readonly name: string;
  /** When the trouble began, if that can be said better than by the time of the call. */
  begin(lab: Lab, contender: Contender): Promise<number | undefined>;
  end(lab: Lab): Promise<void>;
}

const hook = (lab: Lab, contender: Contender, verb: 'up' | 'down') =>
  lab.rtr.run([...contender.hook(lab, verb, 0)], { check: false, timeoutMs: 60_000 });

/** When it was done, to the millisecond: what is on its way by that line is lost with anybody. */
const stamped = async (node: LabNode, command: string) => Number(await node.sh(`date +%s%N; exec ${command}`)) / 1e6;

/** Whoever dials tells of a hang-up, and of nothing else: what is shut down here, or dead there, is found out by looking. */
const SCENES: readonly Scene[] = [
  {
    name: 'hang-up',
    begin: async (lab, contender) => {
      const at = await stamped(lab.rtr, `ip link del dev ${lab.lines[0]!.device}`);
      await hook(lab, contender, 'down');
      return at;
    },
    end: (lab) => lab.lineUp(0),
  },
  {
    name: 'admin down',
    begin: (lab) => stamped(lab.rtr, `ip link set dev ${lab.lines[0]!.device} down`),
    end: (lab) => lab.lineUp(0),
  },
  {
    name: 'carrier lost',
    begin: (lab) => stamped(lab.isps[0]!, 'ip link set dev line down'),
    end: (lab) => lab.carrier(0, true),
  },
  {
    name: 'dead gateway',
    begin: async (lab) => {
      await lab.deadGateway(0, true);
      return undefined;
    },
    end: (lab) => lab.deadGateway(0, false),
  },
  {
    name: 'reload, nothing wrong',
    begin: async (lab, { reload }) => {
      if (reload !== undefined) await lab.rtr.run([...reload], { timeoutMs: 60_000 });
      return undefined;
    },
    end: () => Promise.resolve(),
  },
];

/** Given up before TCP repeats its first packet, which may go by another line. */
const TIMEOUT_MS = 900;
const AFTER_MS = 1500;
/** Nothing was lost for so long at the end: it is over. */
const CALM_MS = 300;

function lossOf({ probes, startedAt, sent }: ProbeResult, at: number): Loss {
  const bad = probes.filter(({ ok }) => !ok);
  const lost = bad.filter((probe) => startedAt + probe.at >= at).length;
  const inFlight = bad.length - lost;
  const last = probes.findLastIndex(({ ok }) => !ok);
  const end = probes.at(-1)?.at ?? 0;
  const works = probes[last + 1]?.at;
  if (lost === 0) return { lost, inFlight, sent, worksMs: 0 };
  if (works === undefined || end - probes[last]!.at < CALM_MS) return { lost, inFlight, sent, worksMs: null };
  return { lost, inFlight, sent, worksMs: Math.max(0, Math.round(startedAt + works - at)) };
}

/** Both lines are in use, and nothing is lost. */
async function isWell(lab: Lab): Promise<boolean> {
  const shares = [
    await lab.share({ from: 'lan', to: lab.servers, localAddresses: lab.clients, count: 44, timeoutMs: 3000 }),
    await lab.share({ from: 'rtr', to: lab.servers, count: 44, timeoutMs: 3000 }),
  ];
  return shares.every(({ ok, sources }) => ok === 44 && Object.keys(sources).length === 2);
}

async function play(lab: Lab, contender: Contender, scene: Scene): Promise<OutageRow> {
  const options = { ms: 120_000, everyMs: 5, timeoutMs: TIMEOUT_MS, to: lab.servers };
  const running = {
    lan: await lab.startProbe({ ...options, from: 'lan', localAddresses: lab.clients }),
    rtr: await lab.startProbe({ ...options, from: 'rtr' }),
  };
  await sleep(300);
  const at = Date.now();
  const began = (await scene.begin(lab, contender)) ?? at;
  const finds = scene.name === 'dead gateway' ? contender.noticesWithinMs : undefined;
  await sleep(finds ?? AFTER_MS);
  const lookedMs = Date.now() - at;
  const [lan, rtr] = await Promise.all(FROM.map(async (from) => lossOf(await running[from].stop(), began)));
  await scene.end(lab);
  await hook(lab, contender, 'up');
  const again = contender.restore ?? contender.reload;
  if (again !== undefined) await lab.rtr.run([...again], { check: false, timeoutMs: 60_000 });
  return { who: contender.name, scene: scene.name, lookedMs, lan: lan!, rtr: rtr! };
}

async function commandCosts(lab: Lab, { name, commands = [] }: Contender, rounds: number): Promise<CommandRow[]> {
  const node: Cost[] = [];
  const own = commands.map((): Cost[] => []);
  for (let turn = 0; turn < rounds && commands.length > 0; turn++) {
    node.push(await cost(lab.rtr, { argv: [process.execPath, '-e', '0'], quietMs: 1 }));
    for (const [n, argv] of commands.entries()) own[n]!.push(await cost(lab.rtr, { argv }));
  }
  return commands.map((argv, n) => ({
    ...{ who: name, command: argv.join(' ').replace('/usr/sbin/', ''), ...figures(own[n]!) },
    timesNode: { wall: times(own[n]!, node, 'wall'), cpu: times(own[n]!, node, 'cpu') },
  }));
}

const isThere = ({ needs }: Contender) =>
  needs === undefined || ['/usr/sbin', '/usr/bin'].some((dir) => existsSync(`${dir}/${needs[0]}`));

export interface OutageOptions {
  readonly contenders?: readonly string[];
  readonly scenes?: readonly string[];
  readonly rounds: number;
}

/** A lab of its own, and a new one whenever the last scene has left something behind. */
async function playAll(contender: Contender, { scenes, rounds }: OutageOptions): Promise<Omit<Outages, 'missing'>> {
  const outages: OutageRow[] = [];
  const commands: CommandRow[] = [];
  const begin = async () => {
    const lab = await createLab({ links: ['ppp', 'ppp'], clients: 4, overlay: overlayDirs(), up: true });
    await contender.start(lab).catch(async (cause: unknown) => {
      await lab.destroy();
      throw new Error(`cannot set up ${contender.name}`, { cause });
    });
    return lab;
  };
  let lab = await begin();
  try {
    if (!(await isWell(lab))) throw new Error(`${contender.name} does not share two lines`);
    commands.push(...(await commandCosts(lab, contender, rounds)));
    for (const scene of SCENES) {
      if (scenes?.includes(scene.name) === false) continue;
      if (scene.name.startsWith('reload') && contender.reload === undefined) continue;
      if (!(await isWell(lab))) {
        await lab.destroy();
        lab = await begin();
      }
      outages.push(await play(lab, contender, scene));
    }
    return { outages, commands };
  } finally {
    await lab.destroy();
  }
}

export async function benchOutages(options: OutageOptions): Promise<Outages> {
  const wanted = CONTENDERS.filter(({ name }) => options.contenders?.includes(name) ?? true);
  const all: Omit<Outages, 'missing'>[] = [];
  for (const contender of wanted.filter(isThere)) all.push(await playAll(contender, options));
  const missing = wanted.filter((each) => !isThere(each)).map(({ needs }) => needs![1]);
  return {
    outages: all.flatMap(({ outages }) => outages),
    commands: all.flatMap(({ commands }) => commands),
    missing: [...new Set(missing)],
  };
}
