import { errorCode, WanhookError } from '../errors.ts';
import { processes } from './processes.ts';

/** Programs of the user's: scripts of events.d, and what `wanhook use` runs. */

/** How a program of the user's ended. */
export interface GroupOutcome {
  /** `exit 0`, `signal TERM`, `ended after 30 s`, or why it could not be started. */
  readonly how: string;
  readonly ok: boolean;
  /** Standard output and error, as far as they were kept. */
  readonly output: string;
}

interface GroupLimits {
  readonly env: Readonly<Record<string, string>>;
  /** Then TERM to the whole group; and KILL, when `graceMs` have passed or the program itself has ended. */
  readonly limitMs: number;
  readonly graceMs: number;
  readonly maxBytes: number;
}

/** What somebody left running in the background keeps our pipe open: nobody waits for that. */
const DRAIN_MS = 200;

/** Run a program in a session and group of its own, without any descriptor of ours. Never rejects. */
export function runGroup(file: string, args: readonly string[], limits: GroupLimits): Promise<GroupOutcome> {
  const { env, limitMs, graceMs, maxBytes } = limits;
  return new Promise((resolve) => {
    const child = processes().spawn(file, args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const timers: NodeJS.Timeout[] = [];
    const after = (ms: number, act: () => void) => timers.push(setTimeout(act, ms));
    let output = '';
    let late = false;
    // What is too much is read all the same: a full pipe would make it wait.
    const keep = (chunk: string) => (output = (output + chunk).slice(0, maxBytes));
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
    const end = (how: string, ok: boolean) => {
      timers.forEach((timer) => clearTimeout(timer));
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ how, ok, output });
    };
    child.once('error', (cause) => end(`cannot be run: ${cause.message}`, false));
    child.once('exit', (code, signal) => {
      if (late) signalGroup(child.pid, 'SIGKILL');
      const natural = code === null ? `signal ${signal?.replace('SIG', '') ?? 'unknown'}` : `exit ${code}`;
      const finish = () => end(late ? `ended after ${limitMs / 1000} s` : natural, code === 0 && !late);
      child.once('close', finish);
      after(DRAIN_MS, finish);
    });
    after(limitMs, () => {
      late = true;
      signalGroup(child.pid, 'SIGTERM');
      after(graceMs, () => signalGroup(child.pid, 'SIGKILL'));
    });
  });
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** A user's program on the user's terminal: its exit code, as a shell would tell it. Signals that are ours become its. */
export function runForeground(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = processes().spawn(command, args, { env, stdio: 'inherit' });
    // The terminal's own go to the whole foreground group: only survive them.
    const survive = () => undefined;
    const pass = (signal: NodeJS.Signals) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, survive);
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
    child.once('error', (cause) => {
      const code = errorCode(cause) === 'ENOENT' ? 127 : 126;
      reject(new WanhookError(`cannot run "${command}"`, { cause, exitCode: code }));
    });
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : process.getBuiltinModule('node:os').constants.signals[signal])),
    );
  });
}
