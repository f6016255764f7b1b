import type { Resident, ResidentEvents } from '../kernel/resident.ts';
import { lineReader, readNftLine, WATCH, WATCH_NFT, type ReadLine } from './kernel-lines.ts';

export type SpawnResident = (command: string, argv: readonly string[], events: ResidentEvents) => Resident;

interface Watched {
  readonly command: string;
  readonly argv: readonly string[];
  /** A fresh one each time: what the last process told is no longer known to be complete. */
  readonly reader: () => ReadLine;
}
const WATCHES: readonly Watched[] = [
  { ...WATCH, reader: lineReader },
  { ...WATCH_NFT, reader: () => readNftLine },
];

/** The first restart comes at once: the kernel is not watched meanwhile. */
const FIRST_RESTART_MS = 50;
const LONGEST_RESTART_MS = 30_000;
/** Who lived for so long has not failed to start. */
const STEADY_MS = 10_000;

export interface Told {
  /** Something of ours may have changed. */
  changed(what: string): void;
  warn(message: string): void;
}

/** Follows the kernel until it is stopped: residents that tell what changes, started again when they end. */
export function watchKernel(spawn: SpawnResident, told: Told): { stop(): void } {
  const all = WATCHES.map((watched) => keepRunning(spawn, watched, told));
  return { stop: () => all.forEach((each) => each.stop()) };
}

function keepRunning(spawn: SpawnResident, { command, argv, reader }: Watched, told: Told): { stop(): void } {
  let resident: Resident | undefined;
  let timer: NodeJS.Timeout | undefined;
  let delay = FIRST_RESTART_MS;
  const start = () => {
    const read = reader();
    const since = performance.now();
    resident = spawn(command, argv, {
      line: (line) => {
        const what = read(line);
        if (what !== undefined) told.changed(what);
      },
      end: (why) => {
        delay = performance.now() - since > STEADY_MS ? FIRST_RESTART_MS : Math.min(LONGEST_RESTART_MS, delay * 2);
        told.warn(`"${[command, ...argv].join(' ')}" has ended (${why}): starting it again in ${delay} ms`);
        timer = setTimeout(() => {
          start();
          told.changed(`${command} monitor restarted`);
        }, delay);
      },
    });
  };
  start();
  return {
    stop: () => {
      clearTimeout(timer);
      resident?.stop();
    },
  };
}
