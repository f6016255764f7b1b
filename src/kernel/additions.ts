/**
 * From one text of our table to another by additions alone. A transaction that takes something away makes nft(8) wait until
 * the kernel has let go of it, some 12 ms (nft_rcv_nl_event waits for synchronize_rcu); a new line only adds.
 */

/** ` set NAME { … }`, ` map NAME { … }`, ` chain NAME { … }`, in one line or up to a line ` }`, as desired/firewall.ts writes them. */
const ITEM = /^ (set|map|chain) (\S+) \{(?:.*\}|[^]*?\n \})$/gm;
const TABLE = /^table inet wanhook \{\n([^]*?)\n\}\n([^]*)$/;
const ELEMENTS = / elements = \{ ([^{}]*) \};/;

/** What nft(8) is to be told; undefined if something must go, or stand elsewhere. `before` is what the kernel holds. */
export function additions(before: string, after: string): string | undefined {
  const [old, wanted] = [tableOf(before), tableOf(after)];
  if (old === undefined || wanted === undefined || old.rest !== wanted.rest) return undefined;
  for (const key of old.items.keys()) if (!wanted.items.has(key)) return undefined;
  const added: string[] = [];
  for (const [key, text] of wanted.items) {
    const known = old.items.get(key);
    if (known === text) continue;
    const more = known === undefined ? text : moreElements(known, text);
    if (more === undefined) return undefined;
    added.push(more);
  }
  return `table inet wanhook {\n${added.join('\n')}\n}\n`;
}

/** Undefined: there is something in it that is not understood. */
function tableOf(text: string): { items: ReadonlyMap<string, string>; rest: string } | undefined {
  const [, body = '', rest = ''] = TABLE.exec(text) ?? [];
  const found = [...body.matchAll(ITEM)];
  const items = new Map(found.map(([item, kind = '', name = '']) => [`${kind} ${name}`, item]));
  const isAll = items.size === found.length && found.map(([item]) => item).join('\n') === body;
  return isAll && body !== '' ? { items, rest } : undefined;
}

/** The set or map with its new elements only: one that is there must not come again, for intervals would overlap. */
function moreElements(known: string, wanted: string): string | undefined {
  if (bare(known) !== bare(wanted) || wanted.startsWith(' chain')) return undefined;
  const [old, all] = [elementsOf(known), elementsOf(wanted)];
  if (old.some((element) => !all.includes(element))) return undefined;
  return wanted.replace(ELEMENTS, ` elements = { ${all.filter((element) => !old.includes(element)).join(', ')} };`);
}

const bare = (item: string) => item.replace(ELEMENTS, '');
const elementsOf = (item: string) => ELEMENTS.exec(item)?.[1]?.split(', ') ?? [];
