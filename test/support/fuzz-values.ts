/** Hostile values, and edits that spoil what is real: texts, environments, JSON. */
import fc from 'fast-check';

/**
 * Each has a meaning to somebody: a shell, ip(8), nft(8), a terminal, a file system, JavaScript. None is `undefined` or `NaN`: those
 * in a message are a bug of ours.
 */
const NASTY = [
  ...[
    '',
    ' ',
    '-',
    '--',
    '-D',
    '-batch',
    '--help',
    '-6',
    '@',
    '#',
    '%s%n',
    '*',
    '.',
    '..',
    '/',
    '~',
    '!',
    '$',
    '|',
    '&',
    ';',
  ],
  ...['; flush ruleset', '\nflush ruleset', 'eth1\nrule flush', '"; flush ruleset; #', '} table inet x {', 'a\\\nb'],
  ...['$(reboot)', '`reboot`', '| reboot', '${IFS}', '../../etc/passwd', '/etc/passwd', '/proc/self/mem', '..%2f'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf', 'then', 'length'],
  ...[
    '0.0.0.0',
    '127.0.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.2.1/0',
    '010.0.0.1',
    '1.2.3',
    '0x7f.1',
    '1.2.3.4.5',
  ],
  ...[
    '192.0.2.256',
    '١.2.3.4',
    '１９２.0.2.1',
    '::',
    '::1',
    'ff02::1',
    'fe80::1%eth0',
    '::ffff:192.0.2.1',
    '2001:db8::/0',
  ],
  ...['2001:db8::/129', '2001:db8:::1', ':', '1::2::3', 'fe80::1', '2001:db8:1::/56'],
  ...['Infinity', '-0', '-1', '1e9', '0x10', '4294967296', '99999999999999999999', '1e400', '00', '٣', '1_000'],
  ...['all', 'default', 'lo', 'none', 'null', 'true', '[]', '{}', '[', '"', "'", '\\', ',', '=', '0'],
  ...[
    '\u0000',
    '\t',
    '\r\n',
    '\u001b[2J',
    '\u007f',
    '\u009b31m',
    '\u00a0',
    '\u2028',
    '\u202e',
    '\ufeff',
    '\ufffd',
    '\ud800',
  ],
  ...[
    'a'.repeat(15),
    'a'.repeat(16),
    'a'.repeat(300),
    '1 '.repeat(200),
    '0.'.repeat(300),
    ':'.repeat(200),
    '/'.repeat(99),
  ],
] as const;

/** Addresses and names as they may really come. */
const plausible = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.tuple(fc.ipV4(), fc.nat(40)).map(([address, length]) => `${address}/${length}`),
  fc.tuple(fc.ipV6(), fc.nat(140)).map(([address, length]) => `${address}/${length}`),
  fc.constantFrom('ppp0', 'ppp1', 'eth1', 'eth2', 'lan0', 'wlan0', 'dsl', 'cable', '255.255.255.0', '255.255.255.255'),
  fc.integer().map(String),
);

export const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 4, arbitrary: plausible },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.array(plausible, { maxLength: 12 }).map((words) => words.join(' ')) },
);

/** Where and how to spoil; positions are taken modulo what is there, so that an edit always fits. */
export type Edit = readonly [at: number, what: number, word: string];
const edit: fc.Arbitrary<Edit> = fc.tuple(fc.nat(), fc.nat(), word);
export const edits = (most = 4) => fc.array(edit, { maxLength: most });

export function spoilText(text: string, all: readonly Edit[]): string {
  return all.reduce((now, [where, what, piece]) => {
    const at = where % (now.length + 1);
    const length = (what >> 3) % 20;
    const [before, after] = [now.slice(0, at), now.slice(at)];
    switch (what % 7) {
      case 0:
        return before + piece + after;
      case 1:
        return before + piece + after.slice(length);
      case 2:
        return before + after.slice(length);
      case 3:
        return before + after.slice(0, length).repeat(3) + after;
      case 4:
        return before;
      case 5:
        return before + String.fromCharCode(what % 256) + after.slice(1);
      default:
        return spoilWord(now, where, piece);
    }
  }, text);
}

/** One of the text's words becomes another: what is around it stays whole. */
function spoilWord(text: string, where: number, piece: string): string {
  const words = [...text.matchAll(/[\w.:/-]+/g)];
  const chosen = words[where % (words.length || 1)];
  if (chosen === undefined) return piece;
  return text.slice(0, chosen.index) + piece + text.slice(chosen.index + chosen[0].length);
}

/** Lines doubled, dropped, in another order, or spoilt. */
export function spoilLines(text: string, all: readonly Edit[]): string {
  const lines = text.split('\n');
  for (const [where, what, piece] of all) {
    const at = where % (lines.length || 1);
    const line = lines[at] ?? '';
    if (what % 5 === 0) lines.splice(at, 1);
    else if (what % 5 === 1) lines.splice(at, 0, lines[(what >> 3) % lines.length] ?? piece);
    else lines[at] = spoilText(line, [[what, where, piece]]);
  }
  return lines.join('\n');
}

type Env = Record<string, string>;

/** Values replaced, spoilt, taken from another variable, gone; variables renamed or new. */
export function spoilEnv(env: Readonly<Record<string, string | undefined>>, all: readonly Edit[]): Env {
  const now: Env = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, value ?? '']));
  for (const [where, what, piece] of all) {
    const keys = Object.keys(now);
    const key = keys[where % (keys.length || 1)] ?? 'x';
    const value = now[key] ?? '';
    const other = keys[(what >> 3) % (keys.length || 1)] ?? key;
    if (what % 6 === 0) Reflect.deleteProperty(now, key);
    else if (what % 6 === 1) define(now, piece === '' ? 'x' : piece, value);
    else if (what % 6 === 2) define(now, key, now[other] ?? '');
    else if (what % 6 === 3) define(now, key, spoilText(value, [[what, where, piece]]));
    else define(now, key, piece);
  }
  // No environment holds a NUL.
  return Object.fromEntries(Object.entries(now).map(([key, value]) => [key, value.replaceAll('\0', '')]));
}

export function spoilWords(words: readonly string[], all: readonly Edit[]): string[] {
  return Object.values(spoilEnv(Object.fromEntries(words.entries()), all));
}

/** Not by assignment: `__proto__` is a name like any other. */
const define = (target: object, key: string, value: unknown) =>
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });

const JUNK: readonly unknown[] = [null, true, false, 0, -1, 1.5, 1e300, [], {}, [null], [[]], { a: null }, 'x', ''];

/** A node replaced by something of another type, or its text spoilt; a member gone, moved, or named otherwise. */
export function spoilJson(value: unknown, all: readonly Edit[]): unknown {
  const root = { root: structuredClone(value) };
  for (const [where, what, piece] of all) {
    const places = placesIn(root);
    const place = places[where % places.length];
    if (place === undefined) continue;
    const [parent, key] = place;
    const old: unknown = Reflect.get(parent, key);
    const other = places[(what >> 4) % places.length];
    if (what % 8 === 0) Reflect.deleteProperty(parent, key);
    else if (what % 8 === 1) define(parent, key, structuredClone(JUNK[(what >> 3) % JUNK.length]));
    else if (what % 8 === 2) addTo(parent, piece, old);
    else if (what % 8 === 3 && typeof old === 'string') define(parent, key, spoilText(old, [[what, where, piece]]));
    else if (what % 8 === 4 && other) define(parent, key, structuredClone(Reflect.get(other[0], other[1])));
    else if (what % 8 === 5) define(parent, key, [old, old]);
    else define(parent, key, piece);
  }
  return root.root;
}

/** Not as an index: an array with a hole of a thousand million members is nobody's file. */
function addTo(parent: object, name: string, value: unknown): void {
  if (Array.isArray(parent)) parent.push(value);
  else define(parent, name, value);
}

function placesIn(value: object): [parent: object, key: string][] {
  return Object.entries(value).flatMap(([key, child]: [string, unknown]) => [
    [value, key] as [object, string],
    ...(typeof child === 'object' && child !== null ? placesIn(child) : []),
  ]);
}

/** Nothing at all where JSON has no word for it. */
export const asJson = (value: unknown) => (JSON.stringify(value) as string | undefined) ?? '';
