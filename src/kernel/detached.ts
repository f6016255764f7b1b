import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { processes } from './processes.ts';
import { TOOL_ENV } from './runner.ts';

/** A process of its own, in a session of its own, that nobody waits for. Its pid, or undefined if it did not start. */
export function spawnDetached(file: string, argv: readonly string[]): number | undefined {
  closeInherited();
  const child = processes().spawn(file, argv, { env: TOOL_ENV, cwd: '/', stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
  return child.pid;
}

/**
 * Close what whoever started us left open: a child that lives on would hold the daemon's locks and pipes. Node keeps it from
 * its children only up to the first gap beyond descriptor 15; its own are all marked close-on-exec.
 */
function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const flags = /^flags:\t0*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1] ?? '0';
      if (Number(name) > 2 && (parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(Number(name));
    } catch {
      // The one for the list itself.
    }
  }
}

const O_CLOEXEC = 0o2000000;
