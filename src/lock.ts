import { closeSync, lstatSync, lutimesSync, openSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { errorCode, EXIT, WanhookError } from './errors.ts';
import { hasEnded, startTime } from './start-time.ts';

/**
 * proper-lockfile with an `fs` of our own: the lock is a symlink whose target names its owner, made in one system call.
 * As it comes, proper-lockfile judges staleness by mtime against the wall clock (which the first link-up steps), lets
 * two waiters take over one stale lock, and blocks for 10 s after a killed holder (README, "Decisions").
 */
export interface LockOptions {
  /** Give up after this long. */
  readonly waitMs: number;
  /** Asked while waiting; true: somebody else has done our work, so do not bother. */
  readonly noLongerNeeded?: () => boolean;
  /** Runs flock(1) on an open descriptor of the guard file; true if it was obtained. */
  readonly flock: (descriptor: number) => boolean;
}

/** Run `work` while no other process does. Undefined if `noLongerNeeded` said so first. Held only by living processes. */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T | undefined> {
  const release = await acquire(path, options);
  if (release === undefined) return undefined;
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Does a living process hold it now? */
export function isHeld(path: string): boolean {
  const owner = ownerOf(path);
  return owner !== undefined && !isDead(owner);
}

async function acquire(path: string, options: LockOptions): Promise<(() => Promise<void>) | undefined> {
  // Loaded by whoever needs it: most hooks have nothing to change.
  const { default: lockfile } = await import('proper-lockfile');
  const end = process.hrtime.bigint() + BigInt(options.waitMs) * 1_000_000n;
  for (;;) {
    if (options.noLongerNeeded?.() === true) return undefined;
    try {
      return await lockfile.lock(path, {
        lockfilePath: path,
        realpath: false,
        // Never stale by age: a living owner is never robbed, a dead one is found by its start time.
        stale: Number.POSITIVE_INFINITY,
        update: 2 ** 30,
        retries: 0,
        fs: ownerFs,
        onCompromised: () => undefined,
      });
    } catch (error) {
      if (errorCode(error) !== 'ELOCKED') throw new WanhookError(`cannot take the lock ${path}`, { cause: error });
      breakIfOwnerDied(path, options.flock);
    }
    if (process.hrtime.bigint() > end) throw lockedOut(path, options.waitMs);
    // Not in lockstep with the other waiters.
    await sleep(20 + Math.random() * 20);
  }
}

/** Not node:timers/promises, which takes longer to load than most hooks wait. */
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function lockedOut(path: string, waitMs: number): WanhookError {
  const owner = ownerOf(path)?.split('.')[0] ?? 'nobody';
  const message = `the lock ${path} was not free within ${waitMs / 1000} s: process ${owner} holds it`;
  return new WanhookError(message, { exitCode: EXIT.locked });
}

/** A process is named by its pid and start time: pids come again, start times do not. */
const me = (): string => (owner ??= `${process.pid}.${startTime(process.pid) ?? '0'}.${process.hrtime.bigint()}`);
let owner: string | undefined;

function ownerOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * What proper-lockfile calls mkdir is our symlink(2): it creates and names the owner at once, or fails with EEXIST.
 * Synchronous underneath: waking libuv's thread pool for five short system calls costs a hook 1 ms.
 */
const ownerFs = {
  mkdir: answering((path: string) => symlinkSync(me(), path)),
  rmdir: answering(unlinkSync),
  rmdirSync: (path: string) => {
    if (ownerOf(path) === me()) unlinkSync(path);
  },
  stat: answering(lstatSync),
  utimes: answering(lutimesSync),
};

/** A synchronous call in the shape of node's callback one. */
function answering<A extends unknown[], R>(call: (...given: A) => R) {
  return (...given: [...A, (error: unknown, result?: R) => void]) => {
    const done = given.pop() as (error: unknown, result?: R) => void;
    let result: R;
    try {
      result = call(...(given as unknown as A));
    } catch (error) {
      done(error);
      return;
    }
    done(null, result);
  };
}

/**
 * Take away the lock of a dead owner. Two waiters may both see it dead, and one of them may already hold a new lock by
 * the time the other unlinks: so under flock(2) on a guard file that is never removed, look again, and unlink only the
 * very owner that was seen dead.
 */
function breakIfOwnerDied(path: string, flock: LockOptions['flock']): void {
  const owner = ownerOf(path);
  if (owner === undefined || !isDead(owner)) return;
  const guard = openSync(`${path}.guard`, 'a', 0o600);
  try {
    if (flock(guard) && ownerOf(path) === owner) unlinkSync(path);
  } finally {
    closeSync(guard);
  }
}

function isDead(owner: string): boolean {
  const [pid, started = ''] = owner.split('.');
  // A target that names no process at all would otherwise never be taken away.
  return hasEnded(Number(pid), started);
}
