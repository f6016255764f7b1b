import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from './context.ts';

/** What has been typed before is there at once; it has not been said to a question that nobody could see. */
const TYPED_AHEAD_MS = 200;

/** How to ask whoever sits at the terminal; undefined: nobody does. */
export function terminal(): Context['ask'] {
  const { stdin: input, stdout } = process;
  if (!input.isTTY || !stdout.isTTY) return undefined;
  return async (question, signal) => {
    const reader = createInterface({ input });
    const closed = new Promise<undefined>((resolve) => reader.once('close', () => resolve(undefined)));
    signal?.addEventListener('abort', () => reader.close());
    await Promise.race([sleep(TYPED_AHEAD_MS), closed]); // lines that nobody listens for are lost
    stdout.write(question);
    return Promise.race([new Promise<string>((resolve) => reader.once('line', resolve)), closed]).finally(() =>
      reader.close(),
    );
  };
}
