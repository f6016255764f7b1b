import { errorCode, harmless, WanhookError } from '../errors.ts';
import { processes } from './processes.ts';

/** Tools that are asked once, and answer. */

export type Tool = 'ip' | 'nft' | 'ss' | 'conntrack' | 'logger' | 'nmcli';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a tool says of its failure, on one line. It quotes strangers: a device may be called anything. */
export function told({ code, stderr }: Pick<Outcome, 'code' | 'stderr'>): string {
  const text = harmless(stderr.replace(/Command failed -:\d+\s*/, ''))
    .replace(/\s+/g, ' ')
    .trim();
  return text.slice(0, 400) || `exit code ${code}`;
}

/** The narrow seam to the system's commands: argv only, never a shell. Rejects only if the tool cannot run at all. */
export interface Runner {
  run(tool: Tool, argv: readonly string[], stdin?: string, options?: RunOptions): Promise<Outcome>;
}

interface RunOptions {
  /** Its standard output goes nowhere: conntrack(8) prints every connection it deletes, and cannot be told not to. */
  readonly discard?: boolean;
}

/** pppd gives its hooks no PATH; messages are matched in English. */
export const TOOL_ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } as const;

/** No ip or nft command here takes a second; one that hangs must not hold the lock for ever. */
export const TOOL_TIME_LIMIT_MS = 15_000;

/** Every device and all that is ours, as JSON: far below this even with thousands of devices. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const PACKAGE: Record<Tool, string> = {
  ip: 'iproute2',
  nft: 'nftables',
  ss: 'iproute2',
  conntrack: 'conntrack',
  logger: 'bsdutils',
  nmcli: 'network-manager',
};

export function cannotRun(tool: Tool, cause: unknown): WanhookError {
  return errorCode(cause) === 'ENOENT'
    ? new WanhookError(`cannot find the command "${tool}" in ${TOOL_ENV.PATH}: install the package ${PACKAGE[tool]}`)
    : new WanhookError(`cannot run "${tool}"`, { cause });
}

export function tookTooLong(tool: Tool, argv: readonly string[], limitMs = TOOL_TIME_LIMIT_MS): WanhookError {
  return new WanhookError(`"${[tool, ...argv].join(' ')}" was stopped after ${limitMs / 1000} s`);
}

/**
 * The hooks' runner: node's own spawnSync. Loading execa alone costs a hook 13–18 ms, and the streams of an
 * asynchronous spawn 3 ms more than running two commands side by side would save.
 */
export const spawnRunner: Runner = {
  run: (tool, argv, stdin, { discard = false } = {}) =>
    new Promise((resolve) => {
      const { status, stdout, stderr, error } = processes().spawnSync(tool, argv, {
        env: TOOL_ENV,
        cwd: '/',
        input: stdin ?? '',
        stdio: ['pipe', discard ? 'ignore' : 'pipe', 'pipe'],
        encoding: 'utf8',
        timeout: TOOL_TIME_LIMIT_MS,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
      });
      if (errorCode(error) === 'ETIMEDOUT') throw tookTooLong(tool, argv);
      if (error !== undefined && errorCode(error) !== 'EPIPE') throw cannotRun(tool, error);
      resolve({ code: status ?? 128, stdout: discard ? '' : stdout, stderr });
    }),
};

/** flock(1) on an open descriptor; the lock stays with the descriptor when the command is gone. */
export function flockDescriptor(descriptor: number): boolean {
  const { status } = processes().spawnSync('flock', ['-x', '3'], {
    env: TOOL_ENV,
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    timeout: 5_000,
  });
  return status === 0;
}
