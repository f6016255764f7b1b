import { isObject, parseJson } from '../json.ts';
import type { ForeignMark, ForeignRule } from './facts.ts';

type Json = Readonly<Record<string, unknown>>;

/** The objects of a list; none if it is no list. */
export const objectsIn = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** The kernel's own: local, main, default. */
const KERNEL_PREFS = new Set([0, 32766, 32767]);

/** `ip -N -j rule show`: those that are neither ours nor the kernel's. */
export function foreignRules(rules: readonly Json[], proto: string): ForeignRule[] {
  return rules.flatMap((rule): ForeignRule[] => {
    const pref = Number(rule['priority'] ?? 0);
    if (rule['protocol'] === proto || KERNEL_PREFS.has(pref)) return [];
    const rest = Object.entries(rule).filter(([key]) => !['priority', 'protocol'].includes(key));
    const selectors = rest.filter(([key]) => !['table', 'src', 'suppress_prefixlen', 'goto', 'action'].includes(key));
    const table = Number(rule['table']);
    const marked = rule['fwmark'] !== undefined;
    return [
      {
        pref,
        text: ruleText(rest),
        all: rule['src'] === 'all' && selectors.length === 0 && rule['suppress_prefixlen'] === undefined,
        ...(Number.isInteger(table) && { table }),
        ...(marked && { mask: Number(rule['fwmask'] ?? '0xffffffff') }),
      },
    ];
  });
}

const WORDS: Readonly<Record<string, string>> = { src: 'from', dst: 'to', table: 'lookup' };

/** Nearly as ip(8) prints it. */
function ruleText(fields: readonly (readonly [string, unknown])[]): string {
  const scalar = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? ` ${value}` : '');
  return fields.map(([key, value]) => `${WORDS[key] ?? key}${scalar(value)}`).join(' ');
}

/** What `nft -j -t list ruleset` shows of others' tables. */
export interface Ruleset {
  readonly flowtables: readonly string[];
  readonly marks: readonly ForeignMark[];
  readonly hiddenMarks: readonly string[];
}

/** Pure. Rejects nothing: what it does not know it passes by. */
export function rulesetOf(text: string): Ruleset {
  const listing = parseJson(text);
  const objects = isObject(listing) ? objectsIn(listing['nftables']) : [];
  const flowtables: string[] = [];
  const marks: ForeignMark[] = [];
  const hidden = new Set<string>();
  const early = new Set<string>();
  for (const object of objects) {
    const [kind, body] = Object.entries(object)[0] ?? [];
    if (!isObject(body) || isOurs(body)) continue;
    const table = `${String(body['family'])} ${String(body['table'])}`;
    if (kind === 'chain' && comesBeforeUs(body)) early.add(`${table} ${String(body['name'])}`);
    if (kind === 'flowtable') flowtables.push(`${table} ${String(body['name'])}`);
    if (kind !== 'rule') continue;
    const chain = `${table} ${String(body['chain'])}`;
    const where = `${chain} handle ${String(body['handle'])}`;
    for (const statement of objectsIn(body['expr'])) {
      const { bits, mark } = markWritten(statement['mangle']);
      if (bits !== 0 && !(mark === 'meta' && early.has(chain))) marks.push({ where, bits });
      if (isObject(statement['xt']) && /^(?:CONN)?MARK$/.test(String(statement['xt']['name']))) hidden.add(table);
    }
  }
  return { flowtables, marks, hiddenMarks: [...hidden] };
}

const isOurs = (body: Json) =>
  body['family'] === 'inet' && /^wanhook(?:_|$)/.test(String(body['table'] ?? body['name']));

/** Ours set the packet's mark at mangle's priority: what somebody did to it before is kept, and does no harm to ours. */
const comesBeforeUs = ({ hook, prio }: Json) =>
  (hook === 'prerouting' || hook === 'output') && typeof prio === 'number' && prio < MANGLE;
const MANGLE = -150;

/** Which bits of a mark may `meta mark set …` or `ct mark set …` change? 0: it sets no mark. */
function markWritten(mangle: unknown): { bits: number; mark?: 'meta' | 'ct' } {
  const mark = isObject(mangle) ? markOf(mangle['key']) : undefined;
  return isObject(mangle) && mark !== undefined ? { mark, bits: ~keptBits(mangle['value'], mark) >>> 0 } : { bits: 0 };
}

function markOf(expression: unknown): 'meta' | 'ct' | undefined {
  if (!isObject(expression)) return undefined;
  return (['meta', 'ct'] as const).find((kind) => {
    const part = expression[kind];
    return isObject(part) && part['key'] === 'mark';
  });
}

/**
 * Bits that come out as they went in: `mark & KEEP | VALUE`, `mark & KEEP ^ VALUE`, as nft writes all of them. None if the
 * packet's mark is overwritten with the connection's, or the other way round.
 */
function keptBits(value: unknown, mark: 'meta' | 'ct'): number {
  if (markOf(value) === mark) return 0xffffffff;
  const [operator, operands] = isObject(value) ? (Object.entries(value)[0] ?? []) : [];
  if (!Array.isArray(operands) || typeof operands[1] !== 'number') return 0;
  const inner = keptBits(operands[0], mark);
  if (operator === '&') return (inner & operands[1]) >>> 0;
  return operator === '|' || operator === '^' ? (inner & ~operands[1]) >>> 0 : 0;
}
