/** The words of an `ip` line, and how it is refused. */

/** What the kernel (exit code 1 from a batch) or ip itself (255) says instead of doing it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

export const exists = () => new Refusal('RTNETLINK answers: File exists');
export const noSuchFile = () => new Refusal('RTNETLINK answers: No such file or directory');
export const noSuchProcess = () => new Refusal('RTNETLINK answers: No such process');
export const noDevice = (name: string) => new Refusal(`Cannot find device "${name}"`);

/** The fake understands what wanhook and these tests say, and nothing else: that would be a guess. */
export function notFaked(words: readonly string[]): Error {
  return new Error(`the fake kernel does not know: ip ${words.join(' ')}`);
}

/** `key value` pairs; keys in `flags` stand alone. */
export function pairs(words: readonly string[], keys: readonly string[], flags: readonly string[] = []) {
  const found: Record<string, string> = {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const value = words[at + 1];
    if (flags.includes(word)) found[word] = '';
    else if (keys.includes(word) && value !== undefined) {
      found[word] = value;
      at++;
    } else throw notFaked(words);
  }
  return found;
}

export const optional = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };

export const numberOf = (value: string | undefined) => (value === undefined ? undefined : Number(value));
