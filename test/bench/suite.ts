/** All of `npm run bench`: measure, then write. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { round } from './cost.ts';
import { benchEvents, type EventOptions } from './events.ts';
import { benchForward, type ForwardOptions } from './forwarding.ts';
import { benchOutages, type OutageOptions } from './outages.ts';
import { charts, type Machine, markdown, type Results } from './report.ts';
import { svg } from './svg.ts';

export interface Plan {
  readonly events: EventOptions;
  readonly outages: OutageOptions;
  readonly forward: ForwardOptions;
}

const SETUPS: ForwardOptions['setups'] = [
  { name: 'no wanhook', links: 1 },
  { name: 'no wanhook, 2 links', links: 2 },
  { name: 'no wanhook, 60 links', links: 60 },
  { name: '2 links', links: 2, balance: 'flow' },
  { name: '60 links', links: 60, balance: 'flow' },
];

export const FULL: Plan = {
  events: {
    rounds: [
      [2, 41],
      [8, 7],
      [32, 7],
      [60, 15],
    ],
    bursts: 3,
  },
  outages: { rounds: 5 },
  forward: { setups: SETUPS, rounds: 11, blastMs: 60, connections: 3000 },
};

/** To look, not to believe. */
export const QUICK: Plan = {
  events: {
    rounds: [
      [2, 3],
      [60, 3],
    ],
    bursts: 1,
  },
  outages: { rounds: 1 },
  forward: { ...FULL.forward, rounds: 3 },
};

const load = () => round(os.loadavg()[0] ?? NaN, 1);

function machine(command: string, started: number, before: number): Machine {
  const cpus = os.cpus();
  return {
    date: new Date(started).toISOString().slice(0, 16).replace('T', ' '),
    command,
    kernel: os.release(),
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    mhz: cpus[0]?.speed ?? 0,
    memoryMib: Math.round(os.totalmem() / 2 ** 20),
    node: process.version,
    load: [before, load()],
    seconds: Math.round((Date.now() - started) / 1000),
  };
}

export async function measure(plan: Plan, command: string, say: (what: string) => void): Promise<Results> {
  const [started, before] = [Date.now(), load()];
  say('events');
  const events = await benchEvents(plan.events);
  say('outages');
  const outages = await benchOutages(plan.outages);
  say('forwarding');
  const forward = await benchForward(plan.forward);
  return { machine: machine(command, started, before), events, ...outages, forward };
}

const BEGIN = '<!-- npm run bench: begin -->';
const END = '<!-- npm run bench: end -->';

/** Everything between the markers of `text`, or all of it where it has none. */
function between(text: string, inner: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  const block = `${BEGIN}\n\n${inner}\n${END}`;
  return begin < 0 || end < begin ? `${text}${block}\n` : text.slice(0, begin) + block + text.slice(end + END.length);
}

/** benchmarks.json, .svg, and the tables in .md. */
export function write(results: Results, dir: string): void {
  mkdirSync(dir, { recursive: true });
  const file = (ending: string) => path.join(dir, `benchmarks.${ending}`);
  writeFileSync(file('json'), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(file('svg'), svg(charts(results)));
  let text = '';
  try {
    text = readFileSync(file('md'), 'utf8');
  } catch {
    // A directory of its own: tables only.
  }
  writeFileSync(file('md'), between(text, markdown(results)));
}
