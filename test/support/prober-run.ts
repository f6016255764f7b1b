/** The prober in a lab's router: starts it, and waits for what it says. */
import { buildSync } from 'esbuild';
import path from 'node:path';
import { PROBE_DEFAULTS } from '../../src/config/probe-keys.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { LinkHealth, ProbeSettings } from '../../src/model.ts';
import type { ProbeRound } from '../../src/monitor/probe/round.ts';
import type { ProcessHandle } from './lab-process.ts';
import type { Lab } from './lab.ts';

const HERE = import.meta.dirname;

/** As in a link's file. */
export function settingsOf(keys: string): ProbeSettings {
  const text = `ID=1\nDEVICE=x\n${keys.replaceAll(' ', '\n')}`;
  const { config, problems } = parseConfig({ links: [{ path: 'x', name: 'x', text }] });
  if (config === undefined) throw new Error(problems.map(({ message }) => message).join('\n'));
  return config.links[0]?.probe ?? PROBE_DEFAULTS;
}

export interface Verdict {
  readonly link: string;
  readonly at: number;
  readonly verdict: LinkHealth['verdict'];
  readonly reason: string;
}

export interface Cpu {
  readonly seconds: number;
  readonly own: number;
  readonly children: number;
  /** Of one core. */
  readonly share: number;
  readonly rssMb: number;
}

export interface Prober {
  rounds(link: string): ProbeRound[];
  verdicts(link: string): Verdict[];
  /** The first verdict of this kind after the moment (epoch). */
  until(link: string, verdict: LinkHealth['verdict'], after: number, timeoutMs: number): Promise<Verdict>;
  stop(): Promise<Cpu>;
  readonly process: ProcessHandle;
}

/** `keys` by line: `PROBE=icmp://203.0.113.10 PROBE_INTERVAL=0.5`. */
export async function startProber(
  lab: Lab,
  keys: readonly string[],
  env: Record<string, string> = {},
): Promise<Prober> {
  const outfile = path.resolve(HERE, '../../dist/test/prober.cjs');
  buildSync({
    entryPoints: [path.join(HERE, 'prober.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
  });
  const asked = keys.map((each, index) => {
    const { device, address, gateway, kind } = lab.lines[index]!;
    const far = kind === 'ppp' ? { peer: gateway } : { gateway };
    return { link: { name: `line${index + 1}`, id: index + 1, device, address, ...far }, settings: settingsOf(each) };
  });
  const process_ = lab.rtr.spawn([process.execPath, outfile, JSON.stringify(asked)], { env });
  await process_.waitLine(/"ready"/, 20_000);
  const lines = () => process_.lines.map((line) => JSON.parse(line) as { link?: string; round?: ProbeRound } & Verdict);
  const verdicts = (link: string) => lines().filter((each) => each.link === link && each.verdict in VERDICTS);
  return {
    process: process_,
    rounds: (link) => lines().flatMap((each) => (each.link === link && each.round ? [each.round] : [])),
    verdicts,
    until: async (link, verdict, after, timeoutMs) => {
      const end = Date.now() + timeoutMs;
      for (;;) {
        const found = verdicts(link).find((each) => each.verdict === verdict && each.at >= after);
        if (found !== undefined) return found;
        if (Date.now() > end) throw new Error(`${link} is not ${verdict}: ${process_.lines.slice(-8).join('\n')}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    stop: async () => {
      const last = process_.waitLine(/"cpu"/);
      await process_.kill();
      return (JSON.parse(await last) as { cpu: Cpu }).cpu;
    },
  };
}

const VERDICTS = { alive: true, degraded: true, dead: true };
