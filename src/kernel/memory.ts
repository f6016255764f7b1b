import { WanhookError } from '../errors.ts';
import { exists, glance, verify, type Condition } from './memory-check.ts';
import { isAbsent, MEMORY_TABLE } from './nft-words.ts';
import { told, type Runner } from './runner.ts';

/** One remembered key of a map in the table `inet wanhook_memory`. */
export interface Remembered {
  readonly map: string;
  /** What the map is keyed by: addresses, a protocol, a port. */
  readonly key: readonly string[];
  readonly mark: number;
  /** Seconds until it is forgotten. */
  readonly expires: number;
}

/** The table of pairs and clients. Kept apart from `inet wanhook`: it must survive that table's reload. */
export interface Memory {
  exists(): Promise<boolean>;
  /** Is it still as this script made it? Closely: see memory-check.ts for what that finds, and what it costs. */
  condition(script: string, closely: boolean): Promise<Condition>;
  /** The elements of these maps; undefined if one does not exist. */
  read(maps: readonly string[]): Promise<readonly Remembered[] | undefined>;
  /** Forget these elements; those that have gone by themselves meanwhile do not matter. */
  forget(elements: readonly Remembered[]): Promise<void>;
}

/** Elements per transaction: a netlink message must fit the socket's buffer. */
const CHUNK = 4096;

export function openMemory(runner: Runner): Memory {
  return {
    exists: () => exists(runner),
    condition: (script, closely) => (closely ? verify : glance)(runner, script),
    async read(maps) {
      const found: Remembered[] = [];
      // One by one: given several `list` commands, nft 1.0.6 finds only what the last one names.
      for (const map of maps) {
        const outcome = await runner.run('nft', ['list', 'map', ...MEMORY_TABLE.split(' '), map]);
        if (isAbsent(outcome)) return undefined;
        if (outcome.code !== 0) throw new WanhookError(`cannot list the map ${map}: nft: ${told(outcome)}`);
        found.push(...parseMaps(outcome.stdout));
      }
      return found;
    },
    async forget(elements) {
      for (let at = 0; at < elements.length; at += CHUNK) {
        const outcome = await runner.run('nft', ['-f', '-'], forgetting(elements.slice(at, at + CHUNK)));
        if (outcome.code !== 0) throw new WanhookError(`cannot forget: nft: ${told(outcome)}`);
      }
    },
  };
}

/**
 * nft 1.0.6 has no `destroy`: deleting an element that has just expired would fail the whole transaction, so each is added
 * first, which does nothing if it is there.
 */
function forgetting(elements: readonly Remembered[]): string {
  const lines = (verb: string, value: (element: Remembered) => string) =>
    elements.map((one) => `${verb} element ${elementWords(one, value(one))}`);
  const mark = (one: Remembered) => ` timeout 1s : 0x${one.mark.toString(16)}`;
  return [...lines('add', mark), ...lines('delete', mark), ''].join('\n');
}

function elementWords({ map, key }: Remembered, value = ''): string {
  return `${MEMORY_TABLE} ${map} { ${key.join(' . ')}${value} }`;
}

/** What forgets one element, as a command for people. */
export const forgetCommand = (element: Remembered) => `nft delete element ${elementWords(element)}`;

/** `nft list map` prints `KEY . KEY timeout 20m expires 19m58s756ms : 0x02000000`, several on a line. */
export function parseMaps(stdout: string): Remembered[] {
  // Not one pattern from `map` to its end: without an end it would be looked for from each `map` anew.
  const parts = stdout.split('\n\t}').slice(0, -1);
  return parts.flatMap((part) => {
    const [, map = '', body = ''] = /\bmap (\w+) \{([^]*)$/.exec(part) ?? [];
    const elements = /elements = \{([^{}]*)\}/.exec(body)?.[1] ?? '';
    return elements.split(',').flatMap((element) => {
      const [left = '', value] = element.split(' : ');
      if (value === undefined) return [];
      const words = left.trim().split(/\s+/);
      const at = words.indexOf('expires');
      const end = words.findIndex((word) => word === 'timeout' || word === 'expires');
      const key = words.slice(0, end === -1 ? undefined : end).filter((word) => word !== '.');
      return [{ map, key, mark: Number(value.trim()), expires: at === -1 ? 0 : secondsOf(words[at + 1] ?? '') }];
    });
  });
}

const UNITS: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 };

/** `1d2h3m4s56ms` in whole seconds. */
function secondsOf(text: string): number {
  const parts = [...text.matchAll(/(\d+)(ms|[dhms])/g)];
  return Math.round(parts.reduce((sum, [, count, unit = 's']) => sum + Number(count) * (UNITS[unit] ?? 0), 0));
}
