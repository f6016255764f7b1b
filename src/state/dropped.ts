import { existsSync, watch, type FSWatcher } from 'node:fs';
import { basename, join } from 'node:path';
import { explain } from '../errors.ts';
import type { HookInput } from '../events/hook-input.ts';
import { hasEnded } from '../start-time.ts';
import { makePrivateDirectory, namesIn, readIfThere } from './files.ts';

/**
 * Hooks that have not started Node: while somebody is there who takes it (the monitor, another hook's run), run-hook.sh only
 * writes down what it was told, and is gone after some 3 ms.
 */
const FOLDER = 'hooks';

/** `STARTED-PID`: when the hook began, in the kernel's ticks since boot. */
const NAME = /^(\d{1,20})-(\d{1,10})$/;

export interface Dropped {
  readonly path: string;
  /** Sorts by when the hook began, in ticks since boot, then by its pid. */
  readonly key: string;
}

export function droppedHooks(directory: string): Dropped[] {
  return namesIn(join(directory, FOLDER)).flatMap((name) => {
    const [, started, pid] = NAME.exec(name) ?? [];
    if (started === undefined || pid === undefined) return [];
    return [{ path: join(directory, FOLDER, name), key: `${started.padStart(20, '0')}-${pid.padStart(10, '0')}` }];
  });
}

/** Behind all variables, for it is none. A shell writes without a process, under the last name, and not in one piece. */
const END = '.';

/**
 * The hook's name, how many arguments, the arguments, then its environment, `NAME=value`, and the end; behind each a NUL.
 * Undefined: it is not whole.
 */
export function readDropped(text: string): { hook: string; input: HookInput } | undefined {
  const words = text.split('\0');
  const [hook = '', count = ''] = words;
  const end = 2 + Number(count);
  const last = words.length - 2;
  if (!/^\d{1,3}$/.test(count) || last < end || words[last] !== END || words[last + 1] !== '') return undefined;
  const env = words.slice(end, last).flatMap((word) => {
    const at = word.indexOf('=');
    return at > 0 ? [[word.slice(0, at), word.slice(at + 1)] as const] : [];
  });
  return { hook, input: { args: words.slice(2, end), env: Object.fromEntries(env) } };
}

/** By a hook that still runs: it is not whole yet. */
export function isBeingWritten(path: string): boolean {
  const [, started, pid] = NAME.exec(basename(path)) ?? [];
  return started !== undefined && pid !== undefined && !hasEnded(Number(pid), started);
}

/** Without it, hooks drop nothing. */
export function makeDropFolder(directory: string): void {
  makePrivateDirectory(directory);
  makePrivateDirectory(join(directory, FOLDER));
}

/** How often is looked where the kernel has no watch to spare (EMFILE: fs.inotify.max_user_instances). */
const LOOK_MS = 500;

/** What cannot be read is told by the run that takes it. */
function unlessUnreadable(ask: () => boolean): boolean {
  try {
    return ask();
  } catch {
    return true;
  }
}

/** For whoever stays: called whenever a hook has dropped something. */
export function watchDropped(
  directory: string,
  dropped: () => void,
  warn: (message: string) => void,
): { stop(): void } {
  const folder = join(directory, FOLDER);
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    if (unlessUnreadable(() => droppedHooks(directory).length > 0)) dropped();
  };
  const isWhole = (name: string) => readDropped(readIfThere(join(folder, name)) ?? '') !== undefined;
  const poll = (error: unknown) => {
    watcher?.close();
    warn(`cannot watch ${folder}, looking there twice a second instead: ${explain(error)}`);
    timer ??= setInterval(look, LOOK_MS);
  };
  const begin = () => {
    try {
      makeDropFolder(directory);
      watcher = watch(folder, (_, name) => {
        // Its beginning is an event, too, and our own taking it away: there is something to do when it is whole.
        if (name !== null && NAME.test(name) && unlessUnreadable(() => isWhole(name))) dropped();
        else if (!existsSync(folder)) again();
      });
      watcher.on('error', poll);
    } catch (error) {
      poll(error);
    }
  };
  // Somebody has emptied /run/wanhook: what is made anew has another watch.
  const again = () => {
    watcher?.close();
    begin();
    look();
  };
  begin();
  return {
    stop: () => {
      clearInterval(timer);
      watcher?.close();
    },
  };
}
