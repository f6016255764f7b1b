import { join } from 'node:path';
import type { Loaded } from '../config/load.ts';
import type { ConfigFiles } from '../config/parse.ts';
import type { Config } from '../model.ts';
import { makePrivateDirectory, readIfThere, removeIfThere, writeAtomically } from './files.ts';
import { usable, withoutComments } from './good-config.ts';
import { hasText, isObject, parseJson } from '../json.ts';

/**
 * `wanhook try`: a configuration that holds until a time unless it is confirmed, and the one that holds after it. One file
 * says both, and everybody who wants a configuration (hooks, monitor, commands) looks there first; so what is due happens
 * with the next event even if the watchdog was killed. It survives a reboot: whoever has locked himself out and pulls the
 * plug gets the former configuration, too.
 */
const VERSION = 1;
export const trialPath = ({ libraryDirectory }: Pick<TrialPlace, 'libraryDirectory'>) =>
  join(libraryDirectory, 'trial.json');

/** Time that nobody sets: the boot, and milliseconds since then. The first line that comes up steps the clock. */
export interface Uptime {
  readonly boot: string;
  readonly ms: number;
}

/** Where the trial is kept, and what time it is. */
export interface TrialPlace {
  readonly libraryDirectory: string;
  readonly uptime: () => Uptime;
}

export interface Trial {
  readonly tried: Loaded;
  /** What held before; undefined: nothing, wanhook was stopped or new. */
  readonly former: Loaded | undefined;
  /** Of this boot? */
  readonly ours: boolean;
  /** Milliseconds left to confirm; 0: it is over, and `former` holds until the next `apply` or `try`. */
  readonly left: number;
}

/** What is unreadable or another version's counts as none. */
export function loadTrial({ libraryDirectory, uptime }: TrialPlace): Trial | undefined {
  const text = readIfThere(trialPath({ libraryDirectory }));
  const value = text === undefined ? undefined : parseJson(text);
  if (!hasText(value, 'boot') || value['version'] !== VERSION || typeof value['due'] !== 'number') return undefined;
  const tried = usable(value['tried']);
  const former = usable(value['former']);
  if (tried === undefined || (former === undefined && isObject(value['former']))) return undefined;
  const now = uptime();
  const ours = value['boot'] === now.boot;
  return { tried, former, ours, left: ours ? Math.max(0, value['due'] - now.ms) : 0 };
}

/** From now on `tried` holds, for so long. */
export function saveTrial(
  { libraryDirectory, uptime }: TrialPlace,
  { tried, former }: { readonly tried: ConfigFiles; readonly former: ConfigFiles | undefined },
  leftMs: number,
): void {
  const { boot, ms } = uptime();
  const kept = { tried: withoutComments(tried), former: former === undefined ? null : withoutComments(former) };
  const text = JSON.stringify({ version: VERSION, boot, due: Math.ceil(ms + leftMs), ...kept });
  makePrivateDirectory(libraryDirectory);
  writeAtomically(trialPath({ libraryDirectory }), `${text}\n`);
}

/** Its time is over now. */
export function endTrial(place: TrialPlace, { tried, former }: Trial): void {
  saveTrial(place, { tried: tried.files, former: former?.files }, 0);
}

/** What is in /etc/wanhook holds again. */
export function forgetTrial({ libraryDirectory }: TrialPlace): void {
  removeIfThere(trialPath({ libraryDirectory }));
}

/** The configuration that holds instead of the one in /etc/wanhook. */
export function trialConfig(place: TrialPlace): Config | undefined {
  const trial = loadTrial(place);
  return trial && (trial.left > 0 ? trial.tried : trial.former)?.config;
}

/** For whoever wonders why what is in /etc/wanhook does not happen. */
export function trialNotice(trial: Trial | undefined): string | undefined {
  if (trial === undefined) return undefined;
  if (trial.left > 0) {
    const seconds = Math.ceil(trial.left / 1000);
    return `"wanhook try" is running: ${seconds} s left; "wanhook confirm" keeps what is tried, "wanhook rollback" does not`;
  }
  return (
    'the configuration in /etc/wanhook was tried and not confirmed: the one before holds, until "wanhook apply" or ' +
    '"wanhook try"'
  );
}
