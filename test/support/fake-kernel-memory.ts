/** nft(8) on `table inet wanhook_memory` of the fake kernel: its elements stay when its rules are loaded anew. */
import type { FakeState } from './fake-kernel-state.ts';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
const said = (stdout: string): Outcome => ({ code: 0, stdout, stderr: '' });
const refused = (stderr: string): Outcome => ({ code: 1, stdout: '', stderr: `${stderr}\n` });
const NOT_THERE = 'Error: No such file or directory';

/** `nft -c add chain`: would it work? */
export function memoryCheck(state: FakeState): Outcome {
  return state.memory === undefined ? refused(NOT_THERE) : said('');
}

export function remember(state: FakeState, map: string, element: string): void {
  const [key = '', mark = ''] = element.split(' : ');
  const elements = state.memory?.elements.get(map);
  if (elements === undefined) throw new Error(`the fake has no map ${map}`);
  elements.set(key, mark);
}

/** `nft -f -` with a script about this table; undefined if it is about another. */
export function memoryLoad(state: FakeState, text: string): Outcome | undefined {
  if (!text.includes('wanhook_memory')) return undefined;
  if (text === 'table inet wanhook_memory\ndelete table inet wanhook_memory\n') {
    state.memory = undefined;
    return said('');
  }
  const elements = state.memory?.elements ?? new Map<string, Map<string, string>>();
  const isScript = text.startsWith('table inet wanhook_memory {');
  if (!isScript && state.memory === undefined) return refused(NOT_THERE);
  for (const [, map] of text.matchAll(/^ map (\w+) /gm))
    elements.set(map!, elements.get(map!) ?? new Map<string, string>());
  for (const [, map] of text.matchAll(/^delete map inet wanhook_memory (\w+)/gm)) elements.delete(map!);
  for (const [, verb, map, element] of text.matchAll(/^(add|delete) element inet wanhook_memory (\w+) \{ (.*) \}$/gm)) {
    const [key = '', mark = ''] = element!.replace(/ timeout \w+/, '').split(' : ');
    const there = elements.get(map!);
    if (there === undefined || (verb === 'delete' && !there.has(key))) return refused(NOT_THERE);
    if (verb === 'delete') there.delete(key);
    else there.set(key, mark);
  }
  state.memory = { text: isScript ? text : (state.memory?.text ?? ''), elements };
  return said('');
}

/** `nft list map`: as nft prints them, two a line. */
export function memoryList(state: FakeState, map: string): Outcome {
  const elements = state.memory?.elements.get(map);
  if (elements === undefined) return refused(`${NOT_THERE}\nlist map inet wanhook_memory ${map}`);
  const printed = [...elements].map(([key, mark]) => `${key} timeout 20m expires 19m58s756ms : ${mark}`);
  const lines = printed.length === 0 ? '' : `\t\telements = { ${printed.join(',\n\t\t\t     ')} }\n`;
  return said(`table inet wanhook_memory {\n\tmap ${map} {\n\t\tflags dynamic,timeout\n${lines}\t}\n}\n`);
}
