import type { Outcome } from './runner.ts';

/** What nft(8) says about the table of pairs and clients. */
export const MEMORY_TABLE = 'inet wanhook_memory';

export const isAbsent = ({ stderr }: Outcome) => /No such file or directory|does not exist/.test(stderr);
