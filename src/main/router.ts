import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configReader } from '../config/load.ts';
import { createKernel } from '../kernel/kernel.ts';
import { spawnDetached } from '../kernel/detached.ts';
import { flockDescriptor, type Runner } from '../kernel/runner.ts';
import { scriptNames } from '../kernel/scripts.ts';
import { wakeAt } from '../kernel/sleeper.ts';
import { isHeld, withLock } from '../lock.ts';
import type { World } from '../reconcile.ts';
import { makePrivateDirectory, readIfThere, requirePrivate, writeAtomically } from '../state/files.ts';
import { startTime } from '../start-time.ts';
import type { Uptime } from '../state/trial.ts';
import { queuedEvents, queueEvent, type Variables } from '../state/script-queue.ts';
import { CONFIG_DIRECTORY, LIBRARY_DIRECTORY, SCRIPT_DIRECTORY, STATE_DIRECTORY } from './places.ts';

/** This router, as reconcile works with it. */

export const SCRIPT_LOCK = join(STATE_DIRECTORY, 'scripts.lock');
/** A hook waits this long for its turn: dhclient waits for the hook, and its shortest useful lease is longer. */
const LOCK_WAIT_MS = 20_000;

export const readConfig = configReader(CONFIG_DIRECTORY);

export type Voice = Pick<World, 'echo' | 'warn'>;

/** Before anything in there is believed or written. */
export function requireOwnDirectories(): void {
  [STATE_DIRECTORY, LIBRARY_DIRECTORY].forEach(requirePrivate);
}

export function openWorld(runner: Runner, voice: Voice): World {
  requireOwnDirectories();
  return {
    stateDirectory: STATE_DIRECTORY,
    libraryDirectory: LIBRARY_DIRECTORY,
    loadConfig: readConfig,
    kernel: createKernel(runner),
    now: () => Date.now(),
    uptime,
    wakeAt: comeBackAt,
    tell: tellScripts,
    alone: async (work, noLongerNeeded) => {
      makePrivateDirectory(STATE_DIRECTORY);
      const options = { waitMs: LOCK_WAIT_MS, flock: flockDescriptor, ...(noLongerNeeded && { noLongerNeeded }) };
      return withLock(join(STATE_DIRECTORY, 'lock'), options, work);
    },
    ...voice,
  };
}

/** CLOCK_MONOTONIC, of this boot; a container has its machine's, and an init of its own. */
function uptime(): Uptime {
  const boot = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}.${startTime(1) ?? ''}`;
  return { boot, ms: Number(process.hrtime.bigint() / 1_000_000n) };
}

export const TRIAL_PLACE = { libraryDirectory: LIBRARY_DIRECTORY, uptime };

/** The hooks, the command and load.cjs are installed side by side. */
export const bundleOf = (name: string): string => join(dirname(process.argv[1] ?? ''), `${name}.cjs`);
export const ownCommand = (): string => bundleOf('wanhook');

/**
 * A service's sandbox is no place for the user's scripts (no new privileges: no mail): there systemd starts their runner
 * when it sees the queue. Whoever we start is in the sandbox, too.
 */
const IN_SERVICE = process.env['WANHOOK_SCRIPTS'] === 'service' ? ['/usr/bin/env', 'WANHOOK_SCRIPTS=service'] : [];

function comeBackAt(due: number | undefined): void {
  try {
    sleepUntil('failback.sleeper', [...IN_SERVICE, process.execPath, ownCommand(), 'failback', '--due'], due);
  } catch {
    // The next event decides instead.
  }
}

export function sleepUntil(name: string, command: readonly string[], due: number | undefined): void {
  const path = join(STATE_DIRECTORY, name);
  const note = { read: () => readIfThere(path), write: (text: string) => writeAtomically(path, text) };
  wakeAt(note, command, due, Date.now());
}

/**
 * Nobody waits for the user's scripts: one detached runner works the queue off. It looks once more when it has let go of
 * its lock, so while that is held none is started; one that was killed is followed by another at the next event.
 */
function tellScripts(events: readonly Variables[]): string[] {
  const notes =
    events.length > 0 && scriptNames(SCRIPT_DIRECTORY).length > 0
      ? events.flatMap((event) => queueEvent(STATE_DIRECTORY, event))
      : [];
  if (IN_SERVICE.length === 0 && queuedEvents(STATE_DIRECTORY).length > 0 && !isHeld(SCRIPT_LOCK)) {
    spawnDetached(process.execPath, [ownCommand(), 'run-scripts']);
  }
  return notes;
}
