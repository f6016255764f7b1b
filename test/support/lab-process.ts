/** Running commands inside a namespace of the lab: once (`execInside`) or left running (`spawnInside`). */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Time limits are for a machine; an emulated one (test/kernels.sh) needs so many times as long. */
export const SLOW = Number(process.env['WANHOOK_TEST_SLOW'] ?? 1);

export interface RunOptions {
  readonly stdin?: string;
  /** Added to a small fixed environment (PATH, HOME, LC_ALL); the test runner's own is never passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** `env` is the whole environment, as pppd gives its hooks. Then argv[0] has to be an absolute path. */
  readonly exactEnv?: boolean;
  /** Default 30 s; what still runs then is killed. */
  readonly timeoutMs?: number;
  /** Default true: a non-zero exit throws. */
  readonly check?: boolean;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; -1 when a signal or the time limit ended it. */
  readonly code: number;
}

export interface ProcessHandle {
  /** Lines of standard output so far; grows. */
  readonly lines: readonly string[];
  /** Standard error so far. */
  stderr(): string;
  /** The first line (also one already printed) that matches; throws after the time limit or at exit. */
  waitLine(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** Signals the command itself (default SIGTERM), not the nsenter around it. Resolves at its exit. */
  kill(signal?: NodeJS.Signals): Promise<number>;
  /** Exit code, -1 for a signal. Never rejects. */
  readonly exited: Promise<number>;
}

const BASE_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C',
};

/** A daemon that keeps our pipe open must not keep `run` waiting: this long after exit we stop reading. */
const DRAIN_MS = 200;

function start(pid: number, argv: readonly string[], options: RunOptions): ChildProcessWithoutNullStreams {
  const env = options.exactEnv === true ? (options.env ?? {}) : { ...BASE_ENV, ...options.env };
  return spawn('/usr/bin/nsenter', ['-t', String(pid), '-n', '-m', '-p', '--', ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: '/',
    env,
  });
}

/**
 * nsenter forks to enter a process namespace, and passes no signals on; so signals go to its only child.
 * (This kernel has no /proc/PID/task/TID/children.)
 */
function childOf(parent: number): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const ppid = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
      if (Number(ppid) === parent) return Number(entry);
    } catch {
      // It ended while we were reading the list.
    }
  }
  return undefined;
}

function signalInside(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const inner = childOf(child.pid);
  try {
    // Without a child nsenter has not forked yet, and may go itself.
    process.kill(inner ?? child.pid, signal);
  } catch {
    // Already gone.
  }
}

/** Resolves with the exit code when the command and its output have ended (or it has left a daemon behind). */
function exitOf(child: ChildProcessWithoutNullStreams): Promise<number> {
  return new Promise((resolve) => {
    let drain: NodeJS.Timeout | undefined;
    child.once('error', () => resolve(-1));
    child.once('exit', () => {
      // Behind a look at what has come meanwhile: a busy runner finds its timers due before it has read anything.
      const end = () => {
        child.stdout.destroy();
        child.stderr.destroy();
      };
      drain = setTimeout(() => setImmediate(end), DRAIN_MS);
    });
    child.once('close', (code: number | null) => {
      clearTimeout(drain);
      resolve(code ?? -1);
    });
  });
}

export async function execInside(
  name: string,
  pid: number,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = start(pid, argv, options);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => undefined); // EPIPE: the command did not want to read it all
  child.stdin.end(options.stdin ?? '');

  const limit = (options.timeoutMs ?? 30_000) * SLOW;
  const overtime = new AbortController();
  const timer = setTimeout(() => {
    overtime.abort();
    signalInside(child, 'SIGKILL');
  }, limit);
  const code = await exitOf(child);
  clearTimeout(timer);
  const late = overtime.signal.aborted;
  if ((code !== 0 || late) && options.check !== false) {
    const how = late ? `ran longer than ${limit} ms` : `exit ${code}`;
    throw new Error(`${name}: ${how}: ${argv.join(' ')}\n${stderr}${stdout}`);
  }
  return { stdout, stderr, code: late ? -1 : code };
}

export function spawnInside(pid: number, argv: readonly string[], options: RunOptions = {}): ProcessHandle {
  const child = start(pid, argv, options);
  child.stdin.end();
  const lines: string[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const exited = exitOf(child);

  const waitLine = (pattern: RegExp, timeoutMs = 5000): Promise<string> =>
    new Promise((resolve, reject) => {
      const known = lines.find((line) => pattern.test(line));
      if (known !== undefined) {
        resolve(known);
        return;
      }
      const finish = (found?: string) => {
        clearTimeout(timer);
        reader.off('line', onLine);
        if (found !== undefined) resolve(found);
        else reject(new Error(`no line ${String(pattern)} from: ${argv.join(' ')}\n${stderr}${lines.join('\n')}`));
      };
      const onLine = (line: string) => {
        if (pattern.test(line)) finish(line);
      };
      const timer = setTimeout(finish, timeoutMs * SLOW);
      reader.on('line', onLine);
      // The reader may hand out its last lines a tick after the exit.
      void exited.then(() => setImmediate(() => finish(lines.find((line) => pattern.test(line)))));
    });

  return {
    lines,
    stderr: () => stderr,
    waitLine,
    exited,
    kill: (signal = 'SIGTERM') => {
      signalInside(child, signal);
      return exited;
    },
  };
}
