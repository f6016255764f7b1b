import { join } from 'node:path';
import type { LinkHealth } from '../model.ts';
import { writeAtomically } from '../state/files.ts';

/** The figures behind the verdicts, for whoever shows them: they change all the time, and decide nothing. */
interface HealthFile {
  readonly pid: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly links: Readonly<Record<string, LinkHealth & { readonly at: number }>>;
}

export function writeHealth(directory: string, figures: Record<string, LinkHealth>, at: number): void {
  const links = Object.fromEntries(Object.entries(figures).map(([name, health]) => [name, { ...health, at }]));
  const file: HealthFile = { pid: process.pid, at, links };
  try {
    writeAtomically(join(directory, 'health.json'), `${JSON.stringify(file)}\n`);
  } catch {
    // A full disk is told by whatever needed it for real.
  }
}
