import type { Runner } from './kernel/runner.ts';

export type Severity = 'err' | 'warning';

/** To syslog through logger(1): node cannot speak to a datagram socket. Lines only; never fails towards its caller. */
export async function toSyslog(runner: Runner, severity: Severity, message: string): Promise<void> {
  try {
    await runner.run('logger', ['-t', 'wanhook', '-p', `daemon.${severity}`], `${message}\n`);
  } catch {
    // Without logger there is still the journal.
  }
}
