import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../cli/program.ts';
import { writeTableNames } from '../cli/table-names.ts';
import { terminal } from '../cli/terminal.ts';
import { watchedOutput } from '../cli/output.ts';
import { EXIT } from '../errors.ts';
import { acceptsTable, managesNeighbours, resolveName } from '../kernel/ask.ts';
import { spawnDetached } from '../kernel/detached.ts';
import { execaRunner as runner } from '../kernel/execa-runner.ts';
import { flockDescriptor, spawnRunner } from '../kernel/runner.ts';
import { lookAround } from '../kernel/look-around.ts';
import { isHeld, withLock } from '../lock.ts';
import { toSyslog } from '../log.ts';
import { makePrivateDirectory } from '../state/files.ts';
import { CONFIG_DIRECTORY, SCRIPT_DIRECTORY, STATE_DIRECTORY } from './places.ts';
import { openWorld, ownCommand, SCRIPT_LOCK, sleepUntil } from './router.ts';

/** Wiring of the command. Not in a file with the hooks': their bundles must not hold commander and execa. */

/** A service that is being restarted may still be ending. */
const OTHER_ENDS_MS = 5_000;

function aloneAs<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  makePrivateDirectory(STATE_DIRECTORY);
  return withLock(join(STATE_DIRECTORY, `${name}.lock`), { waitMs: OTHER_ENDS_MS, flock: flockDescriptor }, work);
}

/**
 * Two, where there is systemd: logind may end all that a session has started when its terminal goes (KillUserProcesses), but
 * not a timer; and a timer may be refused. Whoever comes second finds it done.
 */
function watchTrial(seconds: number): void {
  const command = [process.execPath, ownCommand(), 'rollback', '--due'];
  sleepUntil('trial.sleeper', command, Date.now() + seconds * 1000);
  if (!existsSync('/run/systemd/system')) return;
  const timer = ['--quiet', '--collect', `--on-active=${seconds}`, '--timer-property=AccuracySec=100ms'];
  spawnDetached('systemd-run', [...timer, '--', ...command]);
}

/** The command `wanhook`: ends the process with its exit status. */
export async function runCommand(version: string): Promise<void> {
  const output = watchedOutput();
  const code = await runProgram(process.argv.slice(2), {
    version,
    configDirectory: CONFIG_DIRECTORY,
    isRoot: process.getuid?.() === 0,
    pid: process.pid,
    callerEnv: callerEnv(),
    openWorld: (voice) => openWorld(runner, voice),
    openResidentWorld: (voice) => openWorld(spawnRunner, voice),
    aloneAs,
    isWatched: () => isHeld(join(STATE_DIRECTORY, 'monitor.lock')),
    notifySocket: process.env['NOTIFY_SOCKET'],
    watchdogMs: Number(process.env['WATCHDOG_USEC'] ?? 0) / 1000,
    scriptDirectory: SCRIPT_DIRECTORY,
    aloneWithScripts: async (work) => {
      process.umask(0o022);
      await withLock(SCRIPT_LOCK, { waitMs: 200, flock: flockDescriptor }, work);
    },
    syslog: (message) => toSyslog(runner, 'warning', message),
    sources: {
      resolve: resolveName,
      accepts: (lines) => acceptsTable(runner, lines),
      managesNeighbours: () => managesNeighbours(runner),
    },
    lookAround: () => lookAround(runner),
    nameTables: (config) => {
      if (config !== undefined) writeTableNames(config, (message) => process.stderr.write(`wanhook: ${message}\n`));
    },
    watchdog: { start: watchTrial, end: () => sleepUntil('trial.sleeper', [], undefined) },
    ask: terminal(),
    out: (text) => process.stdout.write(text),
    outputEnded: output.ended,
    err: (text) => process.stderr.write(text),
  });
  const failure = await output.failure();
  if (failure !== undefined) process.stderr.write(`wanhook: cannot write to standard output: ${failure}\n`);
  process.exit(failure !== undefined && [EXIT.done, EXIT.changes].some((good) => good === code) ? EXIT.failed : code);
}

/** The shell front keeps the caller's environment from Node, NODE_* and LD_* above all, and hands it on as a word. */
function callerEnv(): Record<string, string> {
  const packed = process.env['WANHOOK_CALLER_ENV'];
  const entries = packed === undefined ? [] : Buffer.from(packed, 'base64').toString().split('\0');
  const pairs = entries.flatMap((entry) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(entry) ?? [];
    return name === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}
