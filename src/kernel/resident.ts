import { errorCode } from '../errors.ts';
import { processes } from './processes.ts';
import { TOOL_ENV } from './runner.ts';

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
 * killed, they are too.
 */
export function spawnResident(command: string, argv: readonly string[], events: ResidentEvents): Resident {
  const [file = command, ...words] = [...diesWithUs(), command, ...argv];
  const child = processes().spawn(file, words, { env: TOOL_ENV, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
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
  child.on('close', (code, signal) => {
    if (code === NO_SUCH_COMMAND && file !== command) end('not installed');
    else end(signal === null ? `exit code ${code}` : signal);
  });
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

/** setpriv's exit code, as a shell's. */
const NO_SUCH_COMMAND = 127;

const SETPRIV = ['setpriv', '--pdeathsig', 'KILL'] as const;
let prefix: readonly string[] | undefined;

/**
 * The kernel's own word (prctl(2), PR_SET_PDEATHSIG): nobody else can act when we are killed. Without it `nft monitor`, which
 * may have nothing to tell for days, would stay, one more for each of us. Where setpriv cannot do it (busybox), a resident
 * ends by its next line: nobody reads the pipe any more.
 */
function diesWithUs(): readonly string[] {
  prefix ??=
    processes().spawnSync(SETPRIV[0], [...SETPRIV.slice(1), 'true'], { env: TOOL_ENV, stdio: 'ignore' }).status === 0
      ? SETPRIV
      : [];
  return prefix;
}

/**
 * sd_notify(3) without a library: Node has no datagram sockets of the Unix kind. Without systemd's socket nobody is told.
 */
export function tellSystemd(socket: string | undefined, ...words: readonly string[]): void {
  if (socket === undefined) return;
  const env = { ...TOOL_ENV, NOTIFY_SOCKET: socket };
  const child = processes().spawn('systemd-notify', words, { env, cwd: '/', stdio: 'ignore' });
  child.on('error', () => undefined);
}
