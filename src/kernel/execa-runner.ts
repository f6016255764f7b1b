import { execa } from 'execa';
import { cannotRun, tookTooLong, TOOL_ENV, TOOL_TIME_LIMIT_MS, type Runner } from './runner.ts';

/** The commands' runner. Same contract as the hooks' one, where execa would cost more than the work. */
export const execaRunner: Runner = {
  async run(tool, argv, stdin, { discard = false } = {}) {
    const result = await execa(tool, argv, {
      input: stdin ?? '',
      stdout: discard ? 'ignore' : 'pipe',
      env: TOOL_ENV,
      extendEnv: false,
      cwd: '/',
      timeout: TOOL_TIME_LIMIT_MS,
      killSignal: 'SIGKILL',
      stripFinalNewline: false,
      reject: false,
    });
    if (result.timedOut) throw tookTooLong(tool, argv);
    if (result.exitCode === undefined && result.signal === undefined) throw cannotRun(tool, result.cause ?? result);
    return { code: result.exitCode ?? 128, stdout: result.stdout ?? '', stderr: result.stderr };
  },
};
