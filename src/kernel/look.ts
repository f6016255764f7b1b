import { readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';
import { isChildOf } from '../start-time.ts';
import { OBSERVE_BATCH } from './observe.ts';
import { waitUntil } from './wait.ts';

/** What run-hook.sh has listed while node starts: that hides the 10 ms which starting ip(8) and nft(8) from here would take. */
export interface Look {
  /** Who writes, in the order of the next two. */
  readonly by: string;
  /** By ip(8), which then waits for more. */
  readonly ip: string;
  /** IPv6's and nftables', by a process that ends. */
  readonly rest: string;
  /** The descriptor to which ip(8) listens; undefined: it has been told all. */
  readonly pipe?: number;
}

/** `WANHOOK_LOOK`: what the files are called, and the pipe. */
export function findLook(directory: string, words: string | undefined): Look | undefined {
  const found = /^(\d{1,20}\.\d{1,10}) (\d?)$/.exec(words ?? '');
  if (found === null) return undefined;
  const [, name = '', pipe] = found;
  const [by = '', ip = '', rest = ''] = ['by', 'ip', 'rest'].map((part) => join(directory, `look-${part}-${name}.tmp`));
  return { by, ip, rest, ...(pipe !== '' && { pipe: Number(pipe) }) };
}

/** What was listed, and the process that waits for more. */
export interface Seen {
  /** By ip(8), a list each. */
  readonly lists: readonly string[];
  /** IPv6's lists and nftables' table, parted by a form feed. */
  readonly rest: string;
  readonly waiting: number;
  /** How many bytes it has written. */
  readonly bytes: number;
}

/** From the start of this process, whoever waits: no command there takes a second, and one that hangs is left behind. */
const LIMIT_MS = 10_000;
/** The shell starts them after us, then says so, and ip(8) needs less time than nft(8). Where /run is full neither is to be seen. */
const SOON_MS = 300;

/** For whoever has not yet written down what he was told: what others say meanwhile is newer, and must be seen to be. */
export const BRIEFLY_MS = 100;

/** All of it, once it is whole: by now it mostly is. Undefined: it was not in that time. */
export function readLook({ by, ip, rest }: Look, waitMs = LIMIT_MS): Seen | undefined {
  const soon = Math.min(SOON_MS, waitMs);
  let [waiting, other] = [0, 0];
  if (!waitUntil(() => ([waiting, other] = writersIn(by))[0] !== 0, soon)) return undefined;
  if (!waitUntil(() => !isOurs(other), Math.min(waitMs, LIMIT_MS - process.uptime() * 1000))) return undefined;
  let bytes = 0;
  let lists: string[] = [];
  const isListed = () => {
    const listed = read(ip);
    bytes = listed.length;
    lists = listsIn(listed);
    return lists.length >= OBSERVE_BATCH.length;
  };
  if (!waitUntil(() => isListed() || hasEnded(waiting, isListed), soon)) return undefined;
  return { lists, rest: read(rest).toString(), waiting, bytes };
}

/** All in one, to compare. */
export const lookText = ({ lists, rest }: Seen): string => `${lists.join('\n')}\f${rest}`;

/** ip(8) ends each list's line, and writes it out, before it begins the next. What it warns of stands between. */
const listsIn = (listed: Buffer): string[] =>
  listed
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('[') && line.trimEnd().endsWith(']'));

/** Zeros: there is nothing yet. */
function writersIn(path: string): [number, number] {
  const [, first = 0, second = 0] = /^(\d{1,10}) (\d{1,10})\n/.exec(read(path).toString()) ?? [];
  return [Number(first), Number(second)];
}

/** Nobody needs them any more: whoever has them open reads on. */
export function removeLook({ by, ip, rest }: Look): void {
  for (const path of [by, ip, rest]) {
    try {
      unlinkSync(path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

/** Our parent's child, as we are, or the pid is somebody else's. */
export const isOurs = (pid: number): boolean => isChildOf(pid, process.ppid);

/** Then `again` reads what it wrote last. */
export function hasEnded(pid: number, again: () => unknown): boolean {
  const isEnded = !isOurs(pid);
  if (isEnded) again();
  return isEnded;
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
