import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { spawnResident } from '../../kernel/resident.ts';
import { ask } from './ask.ts';
import type { Spawn } from './echoes.ts';

/** What a test replaces. */
export interface Kit {
  readonly spawn: Spawn;
  readonly ask: typeof ask;
  readonly monotonic: () => number;
  readonly epoch: () => number;
  readonly arp: () => string;
}

export const KIT: Kit = {
  spawn: spawnResident,
  ask,
  monotonic: () => performance.now(),
  epoch: () => Date.now(),
  arp: () => readFileSync('/proc/net/arp', 'utf8'),
};

/** What is to happen later, and can all be called off. */
export type Later = Set<() => void>;

export function later(pending: Later, ms: number, act: () => void): void {
  const timer = setTimeout(() => {
    pending.delete(clear);
    act();
  }, ms);
  const clear = () => clearTimeout(timer);
  pending.add(clear);
}

export function callOff(pending: Later): void {
  pending.forEach((clear) => clear());
  pending.clear();
}
