/** Whoever can write a file decides what is in it: root acts only by what root alone can write. */

interface Seen {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Why not to believe what is there, with the mend; undefined: nobody but root, or whoever runs this, can write it. */
export function whyNotTrusted(path: string, { uid, gid, mode }: Seen): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return `belongs to user ${uid}, not to root: chown root ${path}`;
  if ((mode & 0o002) !== 0) return `can be written by anybody: chmod o-w ${path}`;
  if ((mode & 0o020) !== 0 && gid !== 0) return `can be written by group ${gid}: chmod g-w ${path}`;
  return undefined;
}
