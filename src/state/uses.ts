import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, WanhookError } from '../errors.ts';
import type { Use } from '../model.ts';
import { removeIfThere, readIfThere, writeAtomically } from './files.ts';
import { hasText, parseJson } from '../json.ts';

/** The cgroups of `wanhook use`, and the notes that say what they were made for. */

/** Where nft(8) looks for cgroups. */
const CGROUPS = '/sys/fs/cgroup';

/** This process's own cgroup, `/`-separated and without a leading slash; children of it keep its limits. */
function ownCgroup(): string {
  const line = /^0::\/(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  if (line === undefined || readIfThere(join(CGROUPS, 'cgroup.controllers')) === undefined) {
    throw new WanhookError(
      `there is no cgroup v2 at ${CGROUPS}, by which nft could tell one program from another: boot with systemd.unified_cgroup_hierarchy=1`,
    );
  }
  return line;
}

/** Makes the cgroup. What this process starts between `enter` and `leave` is in it. */
export function makeUse(directory: string, pid: number, link: string) {
  const before = ownCgroup();
  const use: Use = { pid, link, cgroup: join(before, `wanhook-${pid}`) };
  mkdirSync(join(directory, 'uses'), { recursive: true, mode: 0o700 });
  writeAtomically(notePath(directory, pid), `${JSON.stringify(use)}\n`);
  mkdirSync(join(CGROUPS, use.cgroup), { recursive: true });
  const moveTo = (cgroup: string) => writeFileSync(join(CGROUPS, cgroup, 'cgroup.procs'), String(pid));
  return { use, enter: () => moveTo(use.cgroup), leave: () => moveTo(before) };
}

const notePath = (directory: string, pid: number) => join(directory, 'uses', `${pid}.json`);

/** Those that began and ended, with all they had started: killed before they could tidy up, or outlived by a child. */
export function endedUses(directory: string): Use[] {
  return allUses(directory).filter((use) => !lives(use.pid) && isEmpty(use));
}

/** Nothing lives in its cgroup. */
export function isEmpty({ cgroup }: Use): boolean {
  return (readIfThere(join(CGROUPS, cgroup, 'cgroup.procs')) ?? '') === '';
}

function lives(pid: number): boolean {
  return readIfThere(`/proc/${pid}/stat`) !== undefined;
}

export function allUses(directory: string): Use[] {
  return notes(directory).flatMap((file) => {
    const value = parseJson(readIfThere(join(directory, 'uses', file)) ?? '');
    const known = hasText(value, 'link', 'cgroup') && typeof value['pid'] === 'number';
    return known ? [value as unknown as Use] : [];
  });
}

function notes(directory: string): string[] {
  try {
    return readdirSync(join(directory, 'uses')).filter((file) => file.endsWith('.json'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The cgroup goes, unless something lives in it (`stop`: it goes on, unmarked), and the note. */
export function forgetUse(directory: string, { pid, cgroup }: Use): void {
  try {
    rmdirSync(join(CGROUPS, cgroup));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'EBUSY') throw error;
  }
  removeIfThere(notePath(directory, pid));
}
