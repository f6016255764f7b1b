import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';
import { runGroup, type GroupOutcome } from './programs.ts';

/** The user's own scripts in events.d. */

/** Names as run-parts(8) takes them: no dot, so neither `*.example` nor what an editor or dpkg leaves behind. */
export function scriptNames(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^[A-Za-z0-9_-]+$/.test(name) && name !== 'README')
      .toSorted();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Which of them may run, and why the others may not: root must not run what others can write. */
export function inspectScripts(directory: string, owner = 0): { runnable: string[]; refused: string[] } {
  const runnable: string[] = [];
  const refused: string[] = [];
  const all = scriptNames(directory);
  const whole = all.length === 0 ? undefined : whyNot(directory, owner, 'directory');
  if (whole !== undefined) return { runnable, refused: [`${directory} ${whole}: no script was run`] };
  for (const name of all) {
    const path = join(directory, name);
    const why = whyNot(path, owner, 'file');
    if (why === undefined) runnable.push(name);
    else refused.push(`${path} ${why}: not run`);
  }
  return { runnable, refused };
}

function whyNot(path: string, owner: number, kind: 'file' | 'directory'): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'points to nothing';
  if (kind === 'file' && !found.isFile()) return 'is no file';
  if (found.uid !== owner) return `belongs to user ${found.uid}, not to root (chown root)`;
  if ((found.mode & 0o022) !== 0) return 'can be written by others (chmod go-w)';
  if ((found.mode & 0o100) === 0) return 'is not executable (chmod +x)';
  return undefined;
}

/** Clean, and enough for mail, curl and systemctl. */
const SCRIPT_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};
/** Between TERM and KILL. */
const GRACE_MS = 5_000;
const MAX_OUTPUT_BYTES = 4096;

/** Run one, with the event and the link as its arguments, too. */
export function runScript(
  path: string,
  variables: Readonly<Record<string, string>>,
  limitMs: number,
): Promise<GroupOutcome> {
  const args = [variables['WANHOOK_EVENT'] ?? '', variables['WANHOOK_LINK'] ?? ''];
  const env = { ...variables, ...SCRIPT_ENV };
  return runGroup(path, args, { env, limitMs, graceMs: GRACE_MS, maxBytes: MAX_OUTPUT_BYTES });
}
