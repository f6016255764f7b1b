import { join } from 'node:path';
import { isChildOf } from '../start-time.ts';
import { readIfThere } from './files.ts';

/** What run-hook.sh has its shell list while node starts: that hides the 10 ms which starting ip(8) and nft(8) from here would take. */
export interface Look {
  readonly path: string;
  /** The process that writes it. */
  readonly writer: number;
}

/** `WANHOOK_LOOK`: the name of the file, and who writes it. */
export function findLook(directory: string, words: string | undefined): Look | undefined {
  const [, name, writer] = /^(\d{1,20}\.\d{1,10}) (\d{1,10})$/.exec(words ?? '') ?? [];
  return name === undefined ? undefined : { path: join(directory, `look-${name}.tmp`), writer: Number(writer) };
}

/** From the start of this process, whoever waits: no command there takes a second, and one that hangs is left behind. */
const LIMIT_MS = 10_000;

/** All of it, once it is whole: by now it mostly is. Undefined: it never was. */
export function readLook({ path, writer }: Look): string | undefined {
  // Our parent's child, or its pid is somebody else's.
  while (isChildOf(writer, process.ppid)) {
    if (performance.now() > LIMIT_MS) return undefined;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  return readIfThere(path) ?? '';
}
