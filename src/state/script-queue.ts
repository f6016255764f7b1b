import { join } from 'node:path';
import { isObject, parseJson } from '../json.ts';
import { makePrivateDirectory, readIfThere, removeIfThere, writeAtomically } from './files.ts';
import { spool, spooled } from './spool.ts';

/** Events on their way to the user's scripts; one runner works them off (README, "User scripts"). */

/** `WANHOOK_…` by name. */
export type Variables = Readonly<Record<string, string>>;

export interface QueuedEvent {
  readonly path: string;
  readonly variables: Variables;
  /** The script that was started last: a runner that takes over goes on behind it. */
  readonly begun?: string;
}

/** Some hours of a flapping line before scripts that hang; the oldest are dropped, so that /run cannot fill up. */
const MOST_QUEUED = 256;

const folderOf = (directory: string) => join(directory, 'scripts');

/** Put an event behind the others; what had to be dropped, for the journal. */
export function queueEvent(directory: string, variables: Variables): string[] {
  makePrivateDirectory(directory);
  spool(folderOf(directory), JSON.stringify({ variables }));
  const paths = queuedEvents(directory);
  const excess = paths.slice(0, Math.max(0, paths.length - MOST_QUEUED));
  excess.forEach(removeIfThere);
  return excess.map(() => `more than ${MOST_QUEUED} events wait for the scripts in events.d: the oldest was dropped`);
}

/** The files of those that wait, oldest first. */
export function queuedEvents(directory: string): string[] {
  return spooled(folderOf(directory));
}

/** Undefined if that is no event. */
export function readQueued(path: string): QueuedEvent | undefined {
  const value = parseJson(readIfThere(path) ?? '');
  if (!isObject(value) || !isObject(value['variables'])) return undefined;
  const { variables, begun } = value;
  const named = Object.entries(variables).every(([key, text]) => /^WANHOOK_[A-Z0-9_]+$/.test(key) && isWord(text));
  if (!named || (begun !== undefined && typeof begun !== 'string')) return undefined;
  return { path, variables: variables as Variables, ...(begun !== undefined && { begun }) };
}

/** Before a script is started: killed from here on, nobody starts it again for this event. */
export function markBegun({ path, variables }: QueuedEvent, begun: string): void {
  writeAtomically(path, JSON.stringify({ variables, begun }));
}

export const forgetQueued = removeIfThere;

const isWord = (text: unknown) => typeof text === 'string' && !text.includes('\0');
