import { existsSync, lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hasText, isObject, parseJson } from '../json.ts';
import type { Sysctls } from '../model.ts';
import { readChanges } from './changes.ts';
import { namesIn, readIfThere, requirePrivate, writeAtomically } from './files.ts';
import {
  areAsTheyWere,
  areOld,
  configPaths,
  identity,
  recordPath,
  recordStamp,
  stampsOf,
  type Stamps,
} from './stamps.ts';
import { trialPath } from './trial.ts';

/**
 * Clients repeat themselves: a lease is renewed, and nothing is to be done. What a hook saw when it decided that is kept, and
 * the next one that is told the same and sees the same is done before its bundle is loaded, at two thirds of the time.
 * Everything the decision was made of is in here; only what the clock alone decides is never kept.
 */
interface Settled {
  /** The early look, without lifetimes. */
  readonly look: string;
  readonly files: Stamps;
  /** Those of the kernel's that the look does not tell; null: it had none. */
  readonly sysctls: Readonly<Record<string, string | null>>;
  /** What hooks were told when nothing was to be done. */
  readonly hooks: readonly string[];
}

/** Where all of that stands. */
export interface SettledPlace {
  readonly stateDirectory: string;
  readonly configDirectory: string;
  readonly libraryDirectory: string;
}

/** What a hook is: its bundle, and what the daemon has told it. */
export interface HookCall {
  readonly bundle: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The word of `changes` on a line of its own: by it run-hook.sh knows whether Node need read any of the rest. */
const FILE = 'settled';

/** More lines than a router has; each says a few words. */
const MOST_HOOKS = 128;

/** A daemon that says more than that of a line is not compared. */
const MOST_BYTES = 4096;

/** Where events wait that are older than ours, or another's. */
const WAITING = ['events', 'hooks', 'scripts'];

/** Let two be the same only if they are: the daemon's words as run-hook.sh hands them on, and the code that reads them. */
function hookText({ bundle, args, env }: HookCall): string {
  const said = Object.entries(env).filter(([name]) => !/^(?:WANHOOK_.*|PATH|LC_ALL)$/.test(name));
  return JSON.stringify([basename(bundle), identity(bundle), args, said.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

/** What is damaged, another version's, or was seen before another change of the kernel's, counts as none. */
function loadSettled(directory: string, changes: string): Settled | undefined {
  const text = readIfThere(join(directory, FILE)) ?? '';
  if (changes === '' || !text.startsWith(`${changes}\n`)) return undefined;
  const value = parseJson(text.slice(changes.length + 1));
  if (!hasText(value, 'look')) return undefined;
  const { look, files, sysctls, hooks } = value;
  const isWhole = isObject(files) && isObject(sysctls) && Array.isArray(hooks);
  return isWhole ? ({ look, files, sysctls, hooks } as unknown as Settled) : undefined;
}

/**
 * Is all as it was when this very hook had nothing to do? The look is asked for last: one may have to wait for it. Throws where
 * strangers can write: that is told by who does the work.
 */
export function isSettled(
  { stateDirectory, libraryDirectory }: Omit<SettledPlace, 'configDirectory'>,
  call: HookCall,
  {
    changes,
    look,
    readSysctls,
  }: {
    /** What changes.ts said before the look. */
    readonly changes: string;
    readonly look: () => string | undefined;
    readonly readSysctls: (keys: readonly string[]) => Sysctls;
  },
): boolean {
  [stateDirectory, libraryDirectory].forEach(requirePrivate);
  const kept = loadSettled(stateDirectory, changes);
  if (kept === undefined) return false;
  if (!kept.hooks.includes(hookText(call))) return false;
  if (!areAsTheyWere(kept.files)) return false;
  if (withoutLifetimes(look() ?? '') !== kept.look) return false;
  const now = readSysctls(Object.keys(kept.sysctls));
  if (!Object.entries(kept.sysctls).every(([key, before]) => (now[key] ?? null) === before)) return false;
  return isUndisturbed(stateDirectory, { changes, record: kept.files[recordPath(stateDirectory)] ?? '' });
}

/**
 * Asked last by whoever has decided without the lock: has no other run come between, or is none at work? In the order in which
 * one shows itself: its event, its lock, its record, its changes.
 */
export function isUndisturbed(
  stateDirectory: string,
  seen: { readonly changes: string; readonly record: string },
): boolean {
  if (!existsSync(join(stateDirectory, 'hooks'))) return false;
  if (WAITING.some((folder) => namesIn(join(stateDirectory, folder)).length > 0)) return false;
  if (lstatSync(join(stateDirectory, 'lock'), { throwIfNoEntry: false }) !== undefined) return false;
  return recordStamp(stateDirectory) === seen.record && readChanges(stateDirectory) === seen.changes;
}

/**
 * By a hook that has just found nothing to do, nor to say, nor to come back for. `began`: epoch milliseconds. Of two that end at once
 * only one is kept: the other decides once more.
 */
export function keepSettled(
  place: SettledPlace,
  call: HookCall,
  seen: {
    readonly changes: string;
    readonly look: string;
    readonly sysctls: Settled['sysctls'];
    readonly began: number;
    /** The record's stamp before it was read: without the lock it may be another one by now. */
    readonly record: string;
    /** That of a kept configuration (kept-config.ts): it was old when it was kept. */
    readonly config?: Stamps;
  },
): void {
  const { stateDirectory } = place;
  if (seen.changes === '' || !areOld(stampsOf([call.bundle]), seen.began)) return;
  // What decides what holds: the configuration, and whether one is being tried, which ends by the clock.
  const config = seen.config ?? stampsOf(configPaths(place.configDirectory));
  const trial = stampsOf([trialPath(place)]);
  if ((seen.config === undefined && !areOld(config, seen.began)) || trial[trialPath(place)] !== '') return;
  const files = { ...config, ...trial, ...stampsOf(WRITTEN.map((name) => join(stateDirectory, name))) };
  if (files[recordPath(stateDirectory)] !== seen.record) return;
  const now = { look: withoutLifetimes(seen.look), files, sysctls: seen.sysctls };
  const kept = loadSettled(stateDirectory, seen.changes);
  const hooks = kept !== undefined && isSame({ ...kept, hooks: [] }, { ...now, hooks: [] }) ? kept.hooks : [];
  const text = hookText(call);
  if (text.length > MOST_BYTES || hooks.includes(text)) return;
  const all = [...hooks, text].slice(-MOST_HOOKS);
  writeAtomically(join(stateDirectory, FILE), `${seen.changes}\n${JSON.stringify({ ...now, hooks: all })}\n`);
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** What every run writes where it is not there, or says something else. */
const WRITTEN = ['state.json', 'config.json', 'names', 'health'];

/**
 * Seconds that run off. Of an address that is past them ip(8) says "deprecated", too; where those of a route could change the
 * outcome, nothing is kept.
 */
const withoutLifetimes = (look: string) => look.replace(/"(?:valid_life_time|preferred_life_time|expires)":\d+,?/g, '');
