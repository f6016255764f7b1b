import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

/** Reads whole lines as they are appended; a journal that is renamed away is read to its end before the new one. */
export interface Tail {
  /** What has come since the last call. */
  read(): string[];
  close(): void;
}

interface Open {
  readonly file: number;
  readonly decoder: StringDecoder;
  /** The beginning of a line whose end has not been written yet. */
  rest: string;
}

/** From the first line, or from what is written from now on. */
export function openTail(path: string, from: 'start' | 'end'): Tail {
  let open = openFile(path);
  if (open !== undefined && from === 'end') rest(open);
  return {
    read: () => {
      open ??= openFile(path);
      if (open === undefined) return [];
      const lines = rest(open);
      if (inode(path) === fstatSync(open.file).ino) return lines;
      closeSync(open.file);
      open = openFile(path);
      return open === undefined ? lines : [...lines, ...rest(open)];
    },
    close: () => {
      if (open !== undefined) closeSync(open.file);
      open = undefined;
    },
  };
}

function openFile(path: string): Open | undefined {
  try {
    return { file: openSync(path, 'r'), decoder: new StringDecoder('utf8'), rest: '' };
  } catch {
    // Not written yet, or between two names.
    return undefined;
  }
}

const inode = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;

function rest(open: Open): string[] {
  const buffer = Buffer.alloc(65_536);
  let text = open.rest;
  for (let size = readSync(open.file, buffer); size > 0; size = readSync(open.file, buffer)) {
    text += open.decoder.write(buffer.subarray(0, size));
  }
  const lines = text.split('\n');
  open.rest = lines.pop() ?? '';
  return lines.filter(isWritten);
}

/** Two writers that both find a line without an end (journal.ts) both end it. */
const isWritten = (line: string) => line !== '';

/** All lines of the journal that are left, oldest first. */
export function journalLines(path: string): string[] {
  return [`${path}.1`, path].flatMap((file) => {
    try {
      return readFileSync(file, 'utf8').split('\n').slice(0, -1).filter(isWritten);
    } catch {
      return [];
    }
  });
}
