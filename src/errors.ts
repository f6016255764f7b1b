import type { Problem } from './model.ts';

/** Exit codes, as in README "Commands". */
export const EXIT = { done: 0, failed: 1, usage: 2, changes: 3, locked: 75 } as const;

/** An error whose message alone is meant for the user: what was tried, on what, why it failed, what to do. */
export class WanhookError extends Error {
  override readonly name = 'WanhookError';
  readonly exitCode: number;
  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** Input that cannot be used: every problem at once. */
export class ProblemsError extends WanhookError {
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(showProblem).join('\n'), { exitCode: EXIT.usage });
    this.problems = problems;
  }
}

/** A stranger's words without what a terminal obeys, or what turns round or breaks the line they stand in. */
export function harmless(text: string, instead = ' '): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, instead);
}

/** `file:line: message`. A file may be called anything. */
export function showProblem({ file, line, message }: Problem): string {
  return harmless(`${file}${line === undefined ? '' : `:${line}`}: ${message}`, '?');
}

/** A system error's code (`ENOENT`), if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The message with its chain of causes, on one line. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
}

/** For exhaustive switches. */
export function unreachable(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
