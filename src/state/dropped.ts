import { watch } from 'node:fs';
import { join } from 'node:path';
import type { HookInput } from '../events/hook-input.ts';
import { makePrivateDirectory, namesIn } from './files.ts';

/**
 * Hooks that have not started Node: while somebody is there who takes it (the monitor, another hook's run), run-hook.sh only
 * writes down what it was told, and is gone after some 3 ms.
 */
const FOLDER = 'hooks';

/** `STARTED-PID`: when the hook began, in the kernel's ticks since boot. Not yet whole: `….tmp`. */
const NAME = /^(\d{1,20})-\d{1,10}$/;

export interface Dropped {
  readonly path: string;
  /** When the hook began, in ticks since boot. */
  readonly started: string;
}

export function droppedHooks(directory: string): Dropped[] {
  return namesIn(join(directory, FOLDER)).flatMap((name) => {
    const [, started] = NAME.exec(name) ?? [];
    return started === undefined ? [] : [{ path: join(directory, FOLDER, name), started }];
  });
}

/** The hook's name, how many arguments, the arguments, then its environment (proc(5), environ): each ends with a NUL. */
export function readDropped(text: string): { hook: string; input: HookInput } | undefined {
  const words = text.split('\0');
  const [hook = '', count = ''] = words;
  const end = 2 + Number(count);
  if (!/^\d{1,3}$/.test(count) || words.length < end) return undefined;
  const env = words.slice(end).flatMap((word) => {
    const at = word.indexOf('=');
    return at > 0 ? [[word.slice(0, at), word.slice(at + 1)] as const] : [];
  });
  return { hook, input: { args: words.slice(2, end), env: Object.fromEntries(env) } };
}

/** Without it, hooks drop nothing. */
export function makeDropFolder(directory: string): void {
  makePrivateDirectory(directory);
  makePrivateDirectory(join(directory, FOLDER));
}

/** For whoever stays: called whenever a hook has dropped something. */
export function watchDropped(directory: string, dropped: () => void): { stop(): void } {
  makeDropFolder(directory);
  const watcher = watch(join(directory, FOLDER), (_, name) => {
    if (name !== null && NAME.test(name)) dropped();
  });
  watcher.on('error', () => watcher.close());
  return { stop: () => watcher.close() };
}
