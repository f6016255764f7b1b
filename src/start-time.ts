import { readFileSync } from 'node:fs';
import { errorCode } from './errors.ts';

/**
 * When a process began, in the kernel's ticks since boot (proc(5), field 22 of /proc/PID/stat), or undefined if it does not
 * run any more. A process is named by its pid and this: pids come again, start times do not.
 */
export function startTime(pid: number): string | undefined {
  const found = statOf(pid);
  return found?.dead === true ? undefined : found?.started;
}

/** Has the process that was named so ended? With hidepid, or in a sandbox, /proc does not show every living one. */
export function hasEnded(pid: number, started: string): boolean {
  const found = statOf(pid);
  return found === undefined ? !isThere(pid) : found.dead || found.started !== started;
}

/** Does it run, and has that one started it? */
export function isChildOf(pid: number, parent: number): boolean {
  const found = statOf(pid);
  return found?.dead === false && found.parent === parent;
}

function statOf(pid: number): { dead: boolean; parent: number; started: string | undefined } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { dead: fields[0] === 'Z' || fields[0] === 'X', parent: Number(fields[1]), started: fields[19] };
  } catch {
    return undefined;
  }
}

/** Asked of the kernel: /proc may hide what belongs to others (hidepid). */
export function isThere(pid: number): boolean {
  // 0 and less would name a group.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
