import type { Decision } from '../decide.ts';
import { balanceTable, linkTable } from '../desired/numbers.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { isObject, parseJson } from '../json.ts';
import type { Answer } from './explain-answer.ts';
import type { Question } from './explain-question.ts';

/** Which way the kernel says a packet would take, in the words of `explain`. */

export type Json = Readonly<Record<string, unknown>>;
const word = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined);

/** The device by which this address is reached: its packets come in by it. One of our own addresses: `lo`. */
export async function inputOf(kernel: Kernel, from: string | undefined): Promise<string> {
  if (from === undefined) return 'lo';
  const route = firstObject(await kernel.ask('ip', ['-N', '-j', 'route', 'get', from]));
  // IPv6 names the device that has the address.
  return route?.['type'] === 'local' ? 'lo' : (word(route?.['dev']) ?? 'lo');
}

/** None: there is no route, or one that refuses. IPv4's are refused by the question itself. */
export async function routeTo(
  kernel: Kernel,
  question: Question,
  iif: string,
  mark?: number,
): Promise<Json | undefined> {
  const { to, from, protocol, sport, dport } = question;
  const words = [
    ...['route', 'get', 'fibmatch', to],
    ...(from === undefined ? [] : ['from', from]),
    ...(iif === 'lo' ? [] : ['iif', iif]),
    ...(mark === undefined ? [] : ['mark', String(mark)]),
    ...([6, 17].includes(protocol) ? ['ipproto', String(protocol)] : []),
    ...([6, 17].includes(protocol) && sport !== undefined ? ['sport', String(sport)] : []),
    ...([6, 17].includes(protocol) && dport !== undefined ? ['dport', String(dport)] : []),
  ];
  const route = firstObject(await kernel.ask('ip', ['-N', '-j', ...words]));
  return REFUSING.has(word(route?.['type'])) ? undefined : route;
}

const REFUSING: ReadonlySet<string | undefined> = new Set(['unreachable', 'prohibit', 'blackhole', 'throw']);

function firstObject(stdout: string | undefined): Json | undefined {
  const value = parseJson(stdout ?? '');
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return isObject(first) ? first : undefined;
}

/** The links by which a route leaves, and their shares of what takes it. */
export function linksOn({ statuses }: Decision, route: Json | undefined): Answer['links'] {
  const hops = Array.isArray(route?.['nexthops']) ? (route['nexthops'] as Json[]) : route === undefined ? [] : [route];
  const weights = hops.map((hop) => Number(hop['weight'] ?? 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return hops.flatMap((hop, n) => {
    const status = statuses.find(({ device }) => device !== undefined && device === hop['dev']);
    return status === undefined
      ? []
      : [{ name: status.link.name, share: Math.round((1000 * (weights[n] ?? 0)) / total) / 10 }];
  });
}

export function shown({ config }: Decision, route: Json | undefined): Pick<Answer, 'table' | 'route'> {
  if (route === undefined) return { table: null, route: null };
  const table = word(route['table']) ?? '254';
  const own = config.links.find((link) => String(linkTable(config, link)) === table);
  const names: Readonly<Record<string, string>> = {
    '254': 'main',
    '255': 'local',
    [balanceTable(config)]: 'wan-balance',
  };
  const name = own === undefined ? names[table] : `wan-${own.name}`;
  const words = [
    word(route['dst']),
    ...['nhid', 'gateway', 'dev', 'prefsrc'].flatMap((key) => {
      const value = word(route[key]);
      return value === undefined ? [] : [{ nhid: 'nhid', gateway: 'via', dev: 'dev', prefsrc: 'src' }[key], value];
    }),
  ];
  return { table: name === undefined ? table : `${table} (${name})`, route: words.join(' ') };
}
