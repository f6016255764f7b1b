/** `ip rule add|del` on the fake kernel. */
import type { FakeRule, FakeState } from './fake-kernel-state.ts';
import { exists, noSuchFile, notFaked, numberOf, optional, pairs } from './fake-kernel-words.ts';

const KEYS = [
  'pref',
  'from',
  'sport',
  'to',
  'iif',
  'oif',
  'fwmark',
  'lookup',
  'goto',
  'suppress_prefixlength',
  'protocol',
];

export function ruleLine(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const given = pairs(words, KEYS, ['unreachable', 'nop', 'not']);
  const [mark, mask] = (given['fwmark'] ?? '').split('/');
  const rule: Partial<FakeRule> = {
    ...optional('pref', numberOf(given['pref'])),
    ...optional('from', given['from'] === 'all' ? undefined : given['from']?.replace(/\/32$/, '')),
    ...optional('sport', given['sport']),
    ...optional('to', given['to']),
    ...(given['unreachable'] !== undefined && { unreachable: true }),
    ...(given['nop'] !== undefined && { nop: true }),
    ...(given['not'] !== undefined && { not: true }),
    ...optional('iif', given['iif']),
    ...optional('oif', given['oif']),
    ...optional('goto', numberOf(given['goto'])),
    ...(mark !== '' && { mark: Number(mark), mask: Number(mask ?? 0xffffffff) }),
    ...optional('table', numberOf(given['lookup'])),
    ...optional('suppress', numberOf(given['suppress_prefixlength'])),
    ...optional('proto', numberOf(given['protocol'])),
  };
  if (verb === 'add') add(state, rule);
  else if (verb === 'del') remove(state, rule);
  else throw notFaked(['rule', verb ?? '']);
}

/** The same rule twice is refused; one that differs in anything, be it only the protocol, is another one. */
function add(state: FakeState, given: Partial<FakeRule>): void {
  const { pref, table, unreachable, goto, nop } = given;
  if (
    pref === undefined ||
    (table === undefined && unreachable === undefined && goto === undefined && nop === undefined)
  )
    throw notFaked(['rule add without pref or lookup']);
  const rule: FakeRule = { ...given, pref };
  const text = identity(rule);
  if (state.rules.some((other) => identity(other) === text)) throw exists();
  const at = state.rules.findIndex((other) => other.pref > pref);
  state.rules.splice(at === -1 ? state.rules.length : at, 0, rule);
}

/** The first rule that has everything that was given; what was not given may be anything. */
function remove(state: FakeState, given: Partial<FakeRule>): void {
  const wanted = Object.entries(given).filter(([key]) => key !== 'goto');
  const at = state.rules.findIndex((rule) => wanted.every(([key, value]) => rule[key as keyof FakeRule] === value));
  if (at === -1) throw noSuchFile();
  state.rules.splice(at, 1);
}

/** Not by where it leads. */
const identity = ({ goto, ...rest }: FakeRule) =>
  JSON.stringify(sorted({ ...rest, ...(goto !== undefined && { goto: 0 }) }));

const sorted = (rule: FakeRule) => Object.entries(rule).toSorted(([a], [b]) => a.localeCompare(b));
