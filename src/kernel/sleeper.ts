import { startTime } from '../start-time.ts';
import { spawnDetached } from './detached.ts';

/** Longer than any FAILBACK=delay: a sleeper never outlives it. */
const LONGEST_S = 86_400;

/** How the one sleeper is remembered; a pid alone may be anybody's by now. */
interface Sleeper {
  readonly pid: number;
  readonly started: string;
  readonly due: number;
}

/** Where the memory of it is kept: text in, text out. */
export interface Note {
  read(): string | undefined;
  write(text: string): void;
}

/**
 * Without a resident process somebody must come back when a FAILBACK=delay is over: one `sleep`, detached, that then
 * starts `command`. Never more than one, and none while nothing waits. If it is killed, the next event decides. Not
 * systemd-run: it needs systemd and a bus, and asking it takes longer than the whole hook.
 */
export function wakeAt(note: Note, command: readonly string[], due: number | undefined, now: number): void {
  const sleeper = readSleeper(note.read());
  // When it wakes, it becomes the command that calls this.
  const alive = sleeper !== undefined && sleeper.pid !== process.pid && sleeper.started === startTime(sleeper.pid);
  // One that wakes a little early finds nothing due and is followed by another; one that wakes late would be late.
  if (alive && due !== undefined && sleeper.due <= due && sleeper.due > now) return;
  if (alive) endGroup(sleeper.pid);
  if (due === undefined) return;
  const seconds = Math.min(LONGEST_S, Math.max(1, Math.ceil((due - now) / 1000)));
  // A group of its own: ending the group ends its sleep too.
  const argv = ['-c', 'sleep "$1" && shift && exec "$@"', 'wanhook-failback', String(seconds), ...command];
  const pid = spawnDetached('/bin/sh', argv);
  const started = pid === undefined ? undefined : startTime(pid);
  if (pid !== undefined && started !== undefined) {
    const next: Sleeper = { pid, started, due: now + seconds * 1000 };
    note.write(`${next.pid} ${next.started} ${next.due}\n`);
  }
}

function readSleeper(text = ''): Sleeper | undefined {
  const [, pid, started, due] = /^(\d+) (\d+) (\d+)\n$/.exec(text) ?? [];
  return pid === undefined || started === undefined ? undefined : { pid: Number(pid), started, due: Number(due) };
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has just ended by itself.
  }
}
