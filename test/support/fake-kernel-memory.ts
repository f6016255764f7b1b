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

/** `nft -c -f -` with `delete chain` lines: a chain that a rule leads to is busy. */
export function memoryDeletions(state: FakeState, stdin: string): Outcome {
  const text = state.memory?.text;
  const said = [...stdin.matchAll(/^delete chain inet wanhook_memory (\w+)$/gm)].flatMap(([, chain]) => {
    if (text?.includes(` chain ${chain!} {`) !== true) return [NOT_THERE];
    const isLedTo = new RegExp(`(?:goto|jump) ${chain!}$`, 'm').test(text);
    return isLedTo ? ['Error: Could not process rule: Device or resource busy'] : [];
  });
  return said.length === 0 ? { code: 0, stdout: '', stderr: '' } : refused(said.join('\n'));
}

export function forgetRule({ memory }: FakeState, chain: string): void {
  const last = new RegExp(`^( chain ${chain} \\{\n(?: {2}.*\n)*?) {2}.*\n \\}$`, 'm');
  if (memory?.text.match(last) == null) throw new Error(`the fake has no rule in ${chain}`);
  memory.text = memory.text.replace(last, '$1 }');
}

/** `nft -t list table`: chains, maps, and rules one a line. */
export function memoryTable(state: FakeState): Outcome {
  if (state.memory === undefined) return refused(NOT_THERE);
  const { text, elements } = state.memory;
  const gone = new Set([...text.matchAll(/^delete chain inet wanhook_memory (\w+)/gm)].map(([, name]) => name));
  const chains = [...text.matchAll(/^ chain (\w+) \{ (.*)\}$/gm)].filter(([, name]) => !gone.has(name));
  const printed = chains.map(([, name, hook]) => {
    const rules = new RegExp(`^ chain ${name!} \\{\n((?: {2}.*\n)*) \\}$`, 'm').exec(text)?.[1] ?? '';
    return `\tchain ${name!} {\n${hook === '' ? '' : `\t\t${hook!}\n`}${rules.replace(/^ {2}/gm, '\t\t')}\t}\n`;
  });
  const maps = [...elements.keys()].map((name) => `\tmap ${name} {\n\t\tsize 65536\n\t}\n\n`);
  return said(`table inet wanhook_memory {\n${maps.join('')}${printed.join('\n')}}\n`);
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
  const flushed = text === 'flush table inet wanhook_memory\n';
  if (flushed) state.memory!.text = state.memory!.text.replace(/^ {2}.*\n/gm, '');
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
