/** What cost.pl measures, and what is made of it. */
import path from 'node:path';
import type { LabNode } from '../support/lab-node.ts';

/** One call of a command: milliseconds and KiB; −1 where there was nothing to measure. See cost.pl. */
export interface Cost {
  readonly wall: number;
  readonly applied: number;
  readonly cpu: number;
  readonly beside: number;
  readonly rss: number;
  readonly processes: number;
  readonly failed: number;
  readonly names: Readonly<Record<string, number>>;
}

/** Medians, and of ratios the medians of each round's. */
export interface Figures {
  readonly wallMs: number;
  /** Until the kernel's last change; null: there was none. */
  readonly appliedMs: number | null;
  readonly cpuMs: number;
  /** Of the resident monitor: a mean, its clock ticks every 10 ms. null: there is no monitor. */
  readonly monitorCpuMs: number | null;
  readonly peakMib: number;
  readonly processes: number | null;
  readonly names: Readonly<Record<string, number>>;
}

const COST = path.resolve(import.meta.dirname, '../../test/bench/cost.pl');

export const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
export const round = (value: number, digits = 2) => Number(value.toFixed(digits));

export interface Measured {
  readonly before?: string;
  readonly count?: number;
  readonly quietMs?: number;
  readonly argv: readonly string[];
}

export async function cost(node: LabNode, { before = '', count = 1, quietMs = 100, argv }: Measured): Promise<Cost> {
  const options = ['--before', before, '--count', String(count), '--quiet', String(quietMs)];
  const { stdout } = await node.run(['perl', COST, ...options, '--', ...argv], { timeoutMs: 90_000 });
  const got = JSON.parse(stdout) as Cost;
  if (got.failed > 0) throw new Error(`${got.failed} of ${count} failed: ${argv.join(' ')}`);
  return got;
}

export function figures(costs: readonly Cost[]): Figures {
  const of = (key: 'wall' | 'applied' | 'cpu' | 'beside' | 'rss' | 'processes') => costs.map((each) => each[key]);
  const changed = of('applied').filter((ms) => ms >= 0);
  const beside = of('beside').filter((ms) => ms >= 0);
  const processes = median(of('processes'));
  return {
    wallMs: round(median(of('wall'))),
    appliedMs: changed.length * 2 > costs.length ? round(median(changed)) : null,
    cpuMs: round(median(of('cpu'))),
    monitorCpuMs: beside.length > 0 ? round(mean(beside), 1) : null,
    peakMib: round(median(of('rss')) / 1024, 1),
    processes: processes < 0 ? null : processes,
    names: costs.at(-1)?.names ?? {},
  };
}

/** By how much one is dearer than the other, round by round. */
export function times(own: readonly Cost[], other: readonly Cost[], key: 'wall' | 'cpu'): number {
  return round(median(own.map((each, n) => each[key] / (other[n]?.[key] ?? NaN))));
}
