import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { explain } from '../errors.ts';
import type { Config } from '../model.ts';
import { readIfThere, writeAtomically } from '../state/files.ts';
import { balanceTable, linkTable } from '../desired/numbers.ts';

/** Read by iproute2 beside rt_tables (ip-route(8)), so that `ip route show table wan-dsl` works. */
const PATH = '/etc/iproute2/rt_tables.d/wanhook.conf';

function tableNames(config: Config): string {
  const lines = config.links.map((link) => `${linkTable(config, link)}\twan-${link.name}`);
  return ['# Written by "wanhook apply".', `${balanceTable(config)}\twan-balance`, ...lines, ''].join('\n');
}

/** Written only when the names change. They are for people reading `ip route`; routing does without. */
export function writeTableNames(config: Config, warn: (message: string) => void): void {
  const text = tableNames(config);
  try {
    if (readIfThere(PATH) === text) return;
    mkdirSync(dirname(PATH), { recursive: true });
    writeAtomically(PATH, text, 0o644);
  } catch (error) {
    warn(explain(error));
  }
}
