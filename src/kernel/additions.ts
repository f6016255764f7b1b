/**
 * From one text of our table to another by additions alone. A transaction that takes something away makes nft(8) wait until
 * the kernel has let go of it, some 12 ms (nft_rcv_nl_event waits for synchronize_rcu); a new line only adds.
 */

/** ` set NAME { … }`, ` map NAME { … }`, ` chain NAME { … }`, in one line or up to a line ` }`, as desired/firewall.ts writes them. */
const ITEM = /^ (set|map|chain) (\S+) \{(?:.*\}|[^]*?\n \})$/gm;
const TABLE = /^table inet wanhook \{\n([^]*?)\n\}\n([^]*)$/;
const ELEMENTS = / elements = \{ ([^{}]*) \};/;
/** Rules without sets of their own. */
const SHORT_CHAIN = /^ chain \S+ \{ ([^{}\n]+; )\}$/;

/**
 * What nft(8) is to be told; undefined if something must go, stand elsewhere, or is more than elements and short chains.
 * `before` is what the kernel holds. Commands that want the table to be there: somebody may have flushed everything.
 */
export function additions(before: string, after: string): string | undefined {
  const [old, wanted] = [tableOf(before), tableOf(after)];
  if (old === undefined || wanted === undefined || old.rest !== wanted.rest) return undefined;
  for (const key of old.items.keys()) if (!wanted.items.has(key)) return undefined;
  const chains: string[] = [];
  const rules: string[] = [];
  const elements: string[] = [];
  for (const [key, text] of wanted.items) {
    const known = old.items.get(key);
    if (known === text) continue;
    const [, name = ''] = key.split(' ');
    const short = known === undefined ? SHORT_CHAIN.exec(text)?.[1] : undefined;
    const more = known === undefined || key.startsWith('chain') ? undefined : moreElements(known, text);
    if (short === undefined && more === undefined) return undefined;
    if (more !== undefined && more.length > 0) elements.push(`add element inet wanhook ${name} { ${more.join(', ')} }`);
    if (short === undefined) continue;
    chains.push(`add chain inet wanhook ${name}`);
    const each = short.split('; ').filter((rule) => rule !== '');
    rules.push(...each.map((rule) => `add rule inet wanhook ${name} ${rule}`));
  }
  const added = [...chains, ...rules, ...elements];
  return added.length === 0 ? undefined : `${added.join('\n')}\n`;
}

/** Undefined: there is something in it that is not understood. */
function tableOf(text: string): { items: ReadonlyMap<string, string>; rest: string } | undefined {
  const [, body = '', rest = ''] = TABLE.exec(text) ?? [];
  const found = [...body.matchAll(ITEM)];
  const items = new Map(found.map(([item, kind = '', name = '']) => [`${kind} ${name}`, item]));
  const isAll = items.size === found.length && found.map(([item]) => item).join('\n') === body;
  return isAll && body !== '' ? { items, rest } : undefined;
}

/** The new elements only: one that is there must not come again, for intervals would overlap. */
function moreElements(known: string, wanted: string): string[] | undefined {
  if (known.replace(ELEMENTS, '') !== wanted.replace(ELEMENTS, '')) return undefined;
  const [old, all] = [elementsOf(known), elementsOf(wanted)];
  return isAmong(old, all) ? without(all, old) : undefined;
}

const elementsOf = (item: string) => ELEMENTS.exec(item)?.[1]?.split(', ') ?? [];

function without(all: readonly string[], some: readonly string[]): string[] {
  const left = new Set(some);
  return all.filter((one) => !left.has(one));
}

function isAmong(some: readonly string[], all: readonly string[]): boolean {
  const there = new Set(all);
  return some.every((one) => there.has(one));
}

/**
 * Is all that was listed before the additions listed after them, too (both normalListing's)? Somebody may have taken away a
 * part of the table since it was looked at, and additions bring nothing back.
 */
export function hasGrown(before: string, after: string): boolean {
  const now = listed(after);
  return [...listed(before)].every(([head, { bare, elements }]) => {
    const item = now.get(head);
    return item !== undefined && item.bare === bare && isAmong(elements, item.elements);
  });
}

function listed(listing: string): Map<string, { bare: string; elements: string[] }> {
  const items = listing
    .trim()
    .replace(/\}$/, '')
    .trim()
    .split(/ (?=(?:set|map|chain) \S+ \{)/);
  return new Map(
    items.map((item) => {
      const head = item.split(' {')[0] ?? '';
      const found = head.startsWith('chain') ? undefined : /\{([^{}]*)\} \}$/.exec(item);
      // Without any element nothing is listed in their place.
      const bare = found ? item.replace(/ *\{[^{}]*\} \}$/, ' }') : item;
      return [head, { bare: bare.replace(/;/g, ''), elements: found?.[1]?.split(',') ?? [] }];
    }),
  );
}
