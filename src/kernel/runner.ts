import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { errorCode, WanhookError } from '../errors.ts';

/** Loaded when something is started: that costs 3 ms, and a hook with nothing to do starts nothing. */
const processes = () => process.getBuiltinModule('node:child_process');

export type Tool = 'ip' | 'nft' | 'ss' | 'conntrack' | 'logger' | 'nmcli';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
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

export function tookTooLong(tool: Tool, argv: readonly string[]): WanhookError {
  return new WanhookError(`"${[tool, ...argv].join(' ')}" was stopped after ${TOOL_TIME_LIMIT_MS / 1000} s`);
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

/** A process of its own, in a session of its own, that nobody waits for. Its pid, or undefined if it did not start. */
export function spawnDetached(file: string, argv: readonly string[]): number | undefined {
  closeInherited();
  const child = processes().spawn(file, argv, { env: TOOL_ENV, cwd: '/', stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
  return child.pid;
}

/** A process that runs until it is stopped, or ends by itself. */
export interface Resident {
  readonly pid: number | undefined;
  /** TERM; nothing is reported after it. */
  stop(): void;
}
export interface ResidentEvents {
  line(text: string): void;
  /** It has ended, or never began. */
  end(why: string): void;
}

/**
 * For commands that go on telling (fping, ping, `ip monitor`): every line, of either stream, as it comes. If we are
 * killed, they are by their next line: nobody reads the pipe any more.
 */
export function spawnResident(command: string, argv: readonly string[], events: ResidentEvents): Resident {
  const child = processes().spawn(command, argv, { env: TOOL_ENV, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  let stopped = false;
  const end = (why: string) => {
    if (!stopped) events.end(why);
    stopped = true;
  };
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      // A line is short; what has no end is nobody's line.
      rest = (lines.pop() ?? '').slice(-MAX_LINE);
      for (const line of lines) if (!stopped) events.line(line);
    });
  }
  child.on('error', (error) => end(errorCode(error) === 'ENOENT' ? 'not installed' : error.message));
  child.on('close', (code, signal) => end(signal === null ? `exit code ${code}` : signal));
  return {
    pid: child.pid,
    stop: () => {
      stopped = true;
      child.kill('SIGTERM');
    },
  };
}

/** Of a resident's output. */
const MAX_LINE = 1024 * 1024;

/**
 * sd_notify(3) without a library: Node has no datagram sockets of the Unix kind. Without systemd's socket nobody is told.
 */
export function tellSystemd(socket: string | undefined, ...words: readonly string[]): void {
  if (socket === undefined) return;
  const env = { ...TOOL_ENV, NOTIFY_SOCKET: socket };
  const child = processes().spawn('systemd-notify', words, { env, cwd: '/', stdio: 'ignore' });
  child.on('error', () => undefined);
}

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

/**
 * Close what whoever started us left open: a child that lives on would hold the daemon's locks and pipes. Node keeps it from
 * its children only up to the first gap beyond descriptor 15; its own are all marked close-on-exec.
 */
function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const flags = /^flags:\t0*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1] ?? '0';
      if (Number(name) > 2 && (parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(Number(name));
    } catch {
      // The one for the list itself.
    }
  }
}

const O_CLOEXEC = 0o2000000;

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** flock(1) on an open descriptor; the lock stays with the descriptor when the command is gone. */
export function flockDescriptor(descriptor: number): boolean {
  const { status } = processes().spawnSync('flock', ['-x', '3'], {
    env: TOOL_ENV,
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    timeout: 5_000,
  });
  return status === 0;
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
