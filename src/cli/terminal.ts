import { createInterface } from 'node:readline';
import type { Context } from './context.ts';

/** How to ask whoever sits at the terminal; undefined: nobody does. */
export function terminal(): Context['ask'] {
  const { stdin: input, stdout } = process;
  if (!input.isTTY || !stdout.isTTY) return undefined;
  return (question, signal) =>
    new Promise((resolve) => {
      stdout.write(question);
      const reader = createInterface({ input });
      reader.once('line', (line) => {
        resolve(line);
        reader.close();
      });
      reader.once('close', () => resolve(undefined));
      signal?.addEventListener('abort', () => reader.close());
    });
}
