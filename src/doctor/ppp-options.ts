import type { PppOption } from './facts.ts';

/** Options that pppd(8) takes with a value and that matter here. */
const WITH_VALUE = new Set(['ipparam', 'linkname', 'ifname', 'unit', 'lcp-echo-interval', 'lcp-echo-failure', 'maxfail', 'holdoff', 'file', 'call', 'plugin', 'pty', 'connect', 'disconnect', 'user', 'password', 'name', 'remotename', 'mtu', 'mru', 'logfile', 'defaultroute-metric']); // prettier-ignore

/** The words of a peers or options file, as pppd's options.c reads them: `#` begins a comment, quotes hold words together. */
export function pppOptions(file: string, text: string): PppOption[] {
  const words = text
    .split('\n')
    .flatMap((line, n) =>
      [...line.matchAll(/#.*|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:[^\s"'\\#]|\\.)+)/g)]
        .filter(([whole]) => !whole.startsWith('#'))
        .map(([, double, single, plain]) => ({ line: n + 1, word: double ?? single ?? plain ?? '' })),
    );
  const found: PppOption[] = [];
  for (let n = 0; n < words.length; n++) {
    const { line, word } = words[n] as { line: number; word: string };
    const takes = WITH_VALUE.has(word);
    // A password is nobody's business: only which option stands where.
    const value = takes && word !== 'password' ? words[n + 1]?.word : undefined;
    if (takes) n++;
    found.push({ file, line, option: word, ...(value !== undefined && { value }) });
  }
  return found;
}
