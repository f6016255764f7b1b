/** What `ip -batch` does to the fake kernel: one line, one change, or the kernel's own refusal. */
import { addressLine, linkLine } from './fake-kernel-link.ts';
import { neighbourLine } from './fake-kernel-neighbour.ts';
import { nexthopLine } from './fake-kernel-nexthop.ts';
import { routeLine } from './fake-kernel-route.ts';
import { routeLine6 } from './fake-kernel-route6.ts';
import { ruleLine } from './fake-kernel-rule.ts';
import type { FakeState } from './fake-kernel-state.ts';
import { Refusal } from './fake-kernel-words.ts';

/** Lines of a batch: stops at the first refusal, with what was done before it done. */
export function ipBatch(state: FakeState, text: string, six = false): { code: number; stdout: string; stderr: string } {
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      ipLine(state, line.trim().split(/\s+/), six);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // A word that ip itself does not accept ends the process on the spot.
      const where = error.code === 1 ? `Command failed -:${index + 1}\n` : '';
      return { code: error.code, stdout: '', stderr: `${error.message}\n${where}` };
    }
  }
  return { code: 0, stdout: '', stderr: '' };
}

type Line = (state: FakeState, verb: string | undefined, words: readonly string[]) => void;

const OBJECTS = new Map<string, Line>([
  ['link', linkLine],
  ['addr', addressLine],
  ['rule', ruleLine],
  ['route', routeLine],
  ['nexthop', nexthopLine],
  ['neigh', neighbourLine],
]);

/** Under `-6`; a rule's list is all that is different. */
const OBJECTS6 = new Map<string, Line>([
  ...OBJECTS,
  ['route', routeLine6],
  ['rule', (state, verb, words) => ruleLine({ ...state, rules: state.rules6 }, verb, words)],
]);

function ipLine(state: FakeState, [object = '', verb, ...words]: string[], six: boolean): void {
  const line = (six ? OBJECTS6 : OBJECTS).get(object);
  if (line === undefined) throw new Refusal(`Object "${object}" is unknown, try "ip help".`);
  line(state, verb, words);
}
