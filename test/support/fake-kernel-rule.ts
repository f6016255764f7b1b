/** `ip rule add|del` on the fake kernel. */
import type { FakeRule, FakeState } from './fake-kernel-state.ts';
import { exists, noSuchFile, notFaked, numberOf, optional, pairs } from './fake-kernel-words.ts';

const KEYS = ['pref', 'from', 'sport', 'to', 'oif', 'fwmark', 'lookup', 'suppress_prefixlength', 'protocol'];

export function ruleLine(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const given = pairs(words, KEYS, ['unreachable']);
  const [mark, mask] = (given['fwmark'] ?? '').split('/');
  const rule: Partial<FakeRule> = {
    ...optional('pref', numberOf(given['pref'])),
    ...optional('from', given['from'] === 'all' ? undefined : given['from']?.replace(/\/32$/, '')),
    ...optional('sport', given['sport']),
    ...optional('to', given['to']),
    ...(given['unreachable'] !== undefined && { unreachable: true }),
    ...optional('oif', given['oif']),
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
  const { pref, table, unreachable } = given;
  if (pref === undefined || (table === undefined && unreachable === undefined))
    throw notFaked(['rule add without pref or lookup']);
  const rule: FakeRule = { ...given, pref };
  const text = JSON.stringify(sorted(rule));
  if (state.rules.some((other) => JSON.stringify(sorted(other)) === text)) throw exists();
  const at = state.rules.findIndex((other) => other.pref > pref);
  state.rules.splice(at === -1 ? state.rules.length : at, 0, rule);
}

/** The first rule that has everything that was given; what was not given may be anything. */
function remove(state: FakeState, given: Partial<FakeRule>): void {
  const wanted = Object.entries(given);
  const at = state.rules.findIndex((rule) => wanted.every(([key, value]) => rule[key as keyof FakeRule] === value));
  if (at === -1) throw noSuchFile();
  state.rules.splice(at, 1);
}

const sorted = (rule: FakeRule) => Object.entries(rule).toSorted(([a], [b]) => a.localeCompare(b));
