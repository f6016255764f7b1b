import { readFileSync } from 'node:fs';

/**
 * When a process began, in the kernel's ticks since boot (proc(5), field 22 of /proc/PID/stat), or undefined if it does not
 * run any more. A process is named by its pid and this: pids come again, start times do not.
 */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const dead = fields[0] === 'Z' || fields[0] === 'X';
    return dead ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
