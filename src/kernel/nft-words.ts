import type { Outcome } from './runner.ts';

/** What nft(8) says about the table of pairs and clients. */
export const MEMORY_TABLE = 'inet wanhook_memory';

export const isAbsent = ({ stderr }: Outcome) => /No such file or directory|does not exist/.test(stderr);

export const told = ({ code, stderr }: Outcome) =>
  stderr
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 400) || `exit code ${code}`;
