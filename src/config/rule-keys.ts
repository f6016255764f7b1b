import { isDeviceName } from '../checked.ts';
import type { Addresses, PolicyRule, Range } from '../model.ts';
import { byFamily, merged, parseAnyRange, parseNumberRange } from '../ranges.ts';
import type { Key } from './key.ts';

/** The keys of `rules/NN-name.env`. Lists are separated by commas or spaces. */

/** IANA protocol numbers of what people route by name. */
export const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};
/** Those that have ports where nft's `th sport` looks for them; DCCP (33) by number. */
export const WITH_PORTS: readonly number[] = [6, 17, 33, 132, 136];
/** Those that only one family has. */
export const ONLY_IN: Readonly<Record<'four' | 'six', readonly number[]>> = { four: [1, 2], six: [58] };

/** RFC 2474, 2597, 3246, 5865, 8622: the names that tc and iptables know too. */
const CODEPOINTS: Readonly<Record<string, number>> = {
  ...{ be: 0, ef: 46, va: 44, le: 1 },
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7].map((n) => [`cs${n}`, 8 * n])),
  ...Object.fromEntries([1, 2, 3, 4].flatMap((n) => [1, 2, 3].map((drop) => [`af${n}${drop}`, 8 * n + 2 * drop]))),
};

/** More in one rule is a set's business: the first packet of every connection is compared with them. */
const MOST = 64;

/** Nothing twice, and every word must be one. */
function list<T>(word: (text: string) => T | undefined): Key<T[]>['parse'] {
  return (text) => {
    const found = text.split(/[\s,]+/).map(word);
    const known = found.filter((value) => value !== undefined);
    const once = new Set(known.map((value) => JSON.stringify(value, distinct)));
    return known.length === found.length && once.size === known.length && known.length <= MOST ? known : undefined;
  };
}

/** JSON has no bigints. */
const distinct = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);

function numberOf(names: Readonly<Record<string, number>>, most: number) {
  return (text: string): number | undefined => {
    const name = text.toLowerCase();
    if (Object.hasOwn(names, name)) return names[name];
    return /^\d{1,3}$/.test(text) && Number(text) <= most ? Number(text) : undefined;
  };
}

const SET_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,30}$/;
export const isSetName = (text: string): boolean => SET_NAME.test(text);

const addresses: Key<Addresses> = {
  expected: 'addresses, prefixes (no host bits), ranges A-B, or @NAME of a file in sets/, separated by commas',
  parse: (text) => {
    const found = list((word) =>
      word.startsWith('@') ? (isSetName(word.slice(1)) ? word.slice(1) : undefined) : parseAnyRange(word),
    )(text);
    if (found === undefined) return undefined;
    return {
      ...byFamily(found.filter((each) => typeof each !== 'string')),
      sets: found.filter((each) => typeof each === 'string').toSorted(),
    };
  },
};

const ports: Key<Range[]> = {
  expected: 'ports or ranges such as 80,443,5000-5100',
  parse: (text) => {
    const found = list((word) => parseNumberRange(word, 1, 65_535))(text);
    return found && merged(found);
  },
};

const use: Key<PolicyRule['use']> = {
  expected: 'balance, block, or names of links in the order of preference',
  parse: (text) => {
    if (text === 'balance' || text === 'block') return text;
    const names = list((word) => (/^[A-Za-z0-9][A-Za-z0-9_-]{0,14}$/.test(word) ? word : undefined))(text);
    return names?.some((name) => name === 'balance' || name === 'block') === true ? undefined : names;
  },
};

export const RULE_KEYS = {
  FROM: addresses,
  TO: addresses,
  SET: {
    expected: 'names of files in sets/, separated by commas (the same as TO=@NAME)',
    parse: list((word) => (isSetName(word) ? word : undefined)),
  } satisfies Key<string[]>,
  PROTO: {
    expected: `${Object.keys(PROTOCOLS).join(', ')} or numbers to 255, separated by commas`,
    parse: list(numberOf(PROTOCOLS, 255)),
  } satisfies Key<number[]>,
  DPORT: ports,
  SPORT: ports,
  IIF: {
    expected: 'device names, or lo for the router itself, separated by commas',
    parse: list((word) => (isDeviceName(word) ? word : undefined)),
  } satisfies Key<string[]>,
  DSCP: {
    expected: 'code points such as ef, af41, cs5 or numbers to 63, separated by commas',
    parse: list(numberOf(CODEPOINTS, 63)),
  } satisfies Key<number[]>,
  USE: use,
  ELSE: {
    expected: 'balance or block',
    parse: (text: string) => (text === 'balance' || text === 'block' ? text : undefined),
  } satisfies Key<PolicyRule['otherwise']>,
  STICKY: {
    expected: 'yes or no',
    parse: (text: string) => (text === 'yes' ? true : text === 'no' ? false : undefined),
  } satisfies Key<boolean>,
};
