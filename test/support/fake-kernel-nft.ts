/** nft(8), conntrack(8) and ss(8) on the fake kernel. The table is kept as text; only what wanhook must survive is understood. */
import type { FakeState } from './fake-kernel-state.ts';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
const done: Outcome = { code: 0, stdout: '', stderr: '' };
const refused = (stderr: string): Outcome => ({ code: 1, stdout: '', stderr: `${stderr}\n` });

const STATEMENT = /^\s*(?:(?:(delete|flush) )?table inet (\w+)\n|table inet (\w+) \{\n[^]*?\n\}\n)/;

/** `nft -f -`: a transaction, all or nothing. `wanhook` is defined once, `wanhook_kept` by declarations and then rules. */
export function nftLoad(state: FakeState, text: string): Outcome {
  const tables = new Map([
    ['wanhook', state.firewall],
    ['wanhook_kept', state.kept],
    ['wanhook_watch', undefined],
  ]);
  let rest = text;
  while (rest.trim() !== '') {
    const [addition, kind = '', to = '', more = ''] = ADDITION.exec(rest) ?? [];
    if (addition !== undefined) {
      const grown = add(tables.get('wanhook') ?? '', kind, to, more);
      const problem = grown === undefined || grown === '' ? 'No such file or directory' : undefined;
      if (problem !== undefined) return refused(`Error: Could not process rule: ${problem}`);
      tables.set('wanhook', grown);
      rest = rest.slice(addition.length);
      continue;
    }
    const [taken, verb, named, defined] = STATEMENT.exec(rest) ?? [];
    const name = named ?? defined ?? '';
    if (taken === undefined || !tables.has(name)) return refused(`Error: syntax error: ${rest.slice(0, 60)}`);
    rest = rest.slice(taken.length);
    const table = tables.get(name);
    if (verb !== undefined && table === undefined) {
      return refused('Error: Could not process rule: No such file or directory');
    }
    if (verb === 'delete') tables.set(name, undefined);
    else if (verb === undefined && named !== undefined) tables.set(name, table ?? `table inet ${name} {\n}\n`);
    else if (defined !== undefined) {
      const problem = problemOf(name === 'wanhook' ? taken : `${table ?? ''}${taken}`);
      if (problem !== undefined) return refused(`Error: Could not process rule: ${problem}`);
      const flushed = name === 'wanhook' || !taken.includes('{ }');
      tables.set(name, flushed ? taken.trimStart() : (table ?? '') + taken.trimStart());
    }
  }
  const wrong = problemOf(tables.get('wanhook') ?? '');
  if (wrong !== undefined) return refused(`Error: Could not process rule: ${wrong}`);
  state.firewall = tables.get('wanhook');
  state.kept = tables.get('wanhook_kept');
  return done;
}

const ADDITION = /^\s*add (chain|rule|element) inet wanhook (\S+)(?: (.*))?\n/;

/** `add …`: the table, and what is added to, must be there. Undefined: refused. */
function add(table: string, kind: string, name: string, more: string): string | undefined {
  if (kind === 'chain') return table.replace(/\}\n$/, ` chain ${name} { }\n}\n`);
  const line = table
    .split('\n')
    .find((one) => one.startsWith(` ${kind === 'rule' ? 'chain' : ''}`) && one.includes(` ${name} {`));
  if (line === undefined) return undefined;
  const elements = more.replace(/^\{ (.*) \}$/, '$1');
  const grown =
    kind === 'rule'
      ? line.replace(/\}$/, `${more}; }`)
      : line.includes(' elements = { ')
        ? line.replace(' elements = { ', ` elements = { ${elements}, `)
        : line.replace(/ \}$/, ` elements = { ${elements} }; }`);
  return table.replace(line, () => grown);
}

/** Tables, each in an order of its own: what came later stands behind in the kernel, which means nothing. */
export function inOrder(tables: string | undefined): string | undefined {
  const elements = (_: string, all: string) => ` elements = { ${all.split(', ').toSorted().join(', ')} };`;
  return tables
    ?.replace(/ elements = \{ ([^{}]*) \};/g, elements)
    .split(/^(?=table )/m)
    .map((table) =>
      table
        .replace(/\}\n$/, '')
        .split(/^(?= (?:set|map|chain) )/m)
        .toSorted()
        .join(''),
    )
    .join('');
}

/** The same of a listing of ours in one line (normalListing). */
export function listingInOrder(listing: string): string {
  const [head = '', ...items] = listing.replace(/ \} $/, '').split(/ (?=(?:set|map|chain) \S+ \{)/);
  return [head, ...items.toSorted()].join(' ');
}

/** One key with two verdicts in a map, and a jump to a chain that is not there. */
function problemOf(table: string): string | undefined {
  const chains = new Set([...table.matchAll(/chain (\w+)/g)].map((found) => found[1]!));
  for (const [, target] of table.matchAll(/(?:goto|jump) (\w+)/g)) {
    if (!chains.has(target!)) return 'No such file or directory';
  }
  for (const [, elements] of table.matchAll(/ map [^\n]*elements = \{([^}]*)\}/g)) {
    const entries = new Set(elements!.split(',').map((entry) => entry.trim()));
    const keys = new Set([...entries].map((entry) => entry.split(' : ')[0]));
    if (keys.size !== entries.size) return 'File exists';
  }
  return undefined;
}

let listings = 0;

/** Like the kernel, in another layout than it was given, and with a set's elements in an order of its own. */
export function nftList(state: FakeState): Outcome {
  if (state.firewall === undefined) return refused('Error: No such file or directory\nlist table inet wanhook');
  const turn = listings++;
  const stdout = state.firewall.replace(/^ +/gm, '\t').replace(/elements = \{([^}]*)\};?/g, (_, text: string) => {
    const all = text.split(',').map((entry) => entry.trim());
    const turned = [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)];
    return `elements = { ${turned.join(',\n\t\t\t     ')} }`;
  });
  return { code: 0, stdout, stderr: '' };
}

/** `nft -c add chain`: would it work? */
export const keptCheck = ({ kept }: FakeState): Outcome =>
  kept === undefined ? refused('Error: No such file or directory') : done;

/** `nft -t list table`: rules one a line. */
export function keptTable({ kept }: FakeState): Outcome {
  if (kept === undefined) return refused('Error: No such file or directory');
  const oneLine = (_: string, head: string, body: string) => `${head}\n${body.replaceAll(/; ?/g, '\n')} }`;
  const stdout = kept
    .replaceAll(/^( chain \w+ \{) (.*)\}$/gm, oneLine)
    .replaceAll(/^ (chain .*|\})$/gm, '\t$1')
    .replaceAll(/^ *(?=[^\t }\n])(?!table)/gm, '\t\t');
  return { code: 0, stdout, stderr: '' };
}

/** `ss -K … src ADDRESS`: says which it has ended, and exits 0 in any case. */
export function killSockets(state: FakeState, argv: readonly string[]): Outcome {
  const address = argv.at(-1);
  state.sockets = state.sockets.filter((local) => local !== address);
  return done;
}

/** `conntrack -D -f ipv4 -m VALUE/MASK`: none is exit code 1. */
export function forgetConnections(state: FakeState, argv: readonly string[]): Outcome {
  const [value = 0, mask = 0] = (argv.at(-1) ?? '').split('/').map(Number);
  const kept = state.connections.filter((mark) => (mark & mask) !== value);
  const gone = state.connections.length - kept.length;
  state.connections = kept;
  const stderr = `conntrack v1.4.7 (conntrack-tools): ${gone} flow entries have been deleted.\n`;
  return { code: gone === 0 ? 1 : 0, stdout: '', stderr };
}
