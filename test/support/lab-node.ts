/**
 * One namespace of the lab: a holder process that keeps network, mount and process namespaces alive,
 * and the ways to run commands inside it.
 *
 * The holder is process 1 of its own process namespace, so when it dies the kernel kills everything inside:
 * daemons that forked away, hooks still running, servers. It reads a pipe that closes when the test process
 * dies, so even `kill -9` of the test leaves nothing behind. No name is registered (`ip netns` leaves files).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { execInside, type ProcessHandle, type RunOptions, type RunResult, SLOW, spawnInside } from './lab-process.ts';

export interface LabNode {
  readonly name: string;
  /** Of the holder, as the host sees it: `/proc/PID/ns/net` names the network namespace. */
  readonly pid: number;
  /** Runs argv inside; throws on a non-zero exit unless `check: false`. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Runs a shell script inside (`sh -eu`) and returns its standard output. */
  sh(script: string, options?: RunOptions): Promise<string>;
  /** Starts argv inside and leaves it running until `kill()` or the end of the lab. */
  spawn(argv: readonly string[], options?: Pick<RunOptions, 'env' | 'exactEnv'>): ProcessHandle;
}

export interface Holder extends LabNode {
  /** Gives the holder its set-up script's second half; resolves when that has run. */
  finish(script: string): Promise<void>;
  /** Ends everything inside. Safe to call twice. */
  end(): Promise<void>;
}

/** How long a holder may take for one half of its set-up; it needs some 20 ms. */
const SETUP_LIMIT_MS = 30_000 * SLOW;

/**
 * The upper layers live on a tmpfs that is unmounted again: the overlays keep it alive, and no test can
 * trip over it. The same trick leaves an empty /run, as after boot.
 */
function overlayScript(dirs: readonly string[]): string {
  if (dirs.length === 0) return '';
  return [
    'mount -t tmpfs lab-overlay /run',
    `for dir in ${dirs.join(' ')}; do`,
    '  mkdir -p "/run/upper$dir" "/run/work$dir"',
    '  mount -t overlay lab-overlay -o "lowerdir=$dir,upperdir=/run/upper$dir,workdir=/run/work$dir" "$dir"',
    'done',
    'umount /run',
  ].join('\n');
}

/**
 * /proc is still the host's when the script starts, so /proc/self/stat gives the pid that the host knows.
 * SIGCHLD is ignored at the end: process 1 must reap orphans, or a dead daemon would look alive to `kill -0`. Not by
 * the shell: it cannot ignore that signal, and its `read` is ended by the first orphan that exits, and all with it.
 */
const HOLD = 'exec env --ignore-signal=CHLD cat >/dev/null';

function holderScript(overlay: readonly string[], stay: string): string {
  return `set -eu
read -r pid rest </proc/self/stat
mount -t proc proc /proc
mount -t sysfs sysfs /sys
${overlayScript(overlay)}
mount -t tmpfs lab-run /run
ip link set lo up
echo "pid $pid"
script=
while IFS= read -r line && [ "$line" != LAB-END ]; do
  script="$script$line
"
done
eval "$script"
echo ready
${stay}
`;
}

/** Resolves when the holder prints a line that starts with `word`; gives the rest of that line. */
function expectLine(child: ChildProcess, name: string, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let errors = '';
    const fail = (why: string) => {
      stop();
      reject(new Error(`namespace "${name}": ${why} while waiting for "${word}": ${errors.trim()}`));
    };
    const onText = (chunk: Buffer) => {
      text += chunk.toString();
      const found = new RegExp(`^${word}(.*)\n`, 'm').exec(text);
      if (found === null) return;
      stop();
      resolve(found[1]!.trim());
    };
    const onErrors = (chunk: Buffer) => (errors += chunk.toString());
    const onExit = () => fail('holder exited');
    const timer = setTimeout(() => fail('time limit'), SETUP_LIMIT_MS);
    const stop = () => {
      clearTimeout(timer);
      child.stdout?.off('data', onText);
      child.stderr?.off('data', onErrors);
      child.off('close', onExit);
      child.off('error', onExit);
    };
    child.stdout?.on('data', onText);
    child.stderr?.on('data', onErrors);
    child.on('close', onExit);
    child.on('error', onExit);
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had read the end of its pipe already.
  }
}

/** What process 1 becomes when all is set up, instead of one that only holds: see systemd.ts. */
export interface Init {
  /** Shell; `$pid` is what the host calls it. Its standard input closes when the test process dies. */
  readonly script: string;
  /** When all inside has ended. */
  readonly sweep: (pid: number) => void;
}

/** Starts a namespace. `overlay`: host directories that become private and writable inside. */
export async function startHolder(name: string, overlay: readonly string[], init?: Init): Promise<Holder> {
  const argv = ['-n', '-m', '-p', '-f', '--kill-child', '--propagation', 'private'];
  const child = spawn('/usr/bin/unshare', [...argv, '--', 'sh', '-c', holderScript(overlay, init?.script ?? HOLD)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: '/',
  });
  // Writing to a holder that died must not raise an unhandled error; its exit is reported by expectLine.
  child.stdin.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const handles = new Set<ProcessHandle>();

  let pid = 0;
  /**
   * Process 1 is what we kill: its parent unshare ends only when the kernel has ended all the others too, and
   * leaves no zombie. Before its pid is known, `--kill-child` has to do.
   */
  const end = async (): Promise<void> => {
    child.stdin.end();
    if (child.exitCode === null && child.signalCode === null) {
      if (pid === 0) child.kill('SIGKILL');
      else killIfThere(pid);
    }
    await Promise.all([gone, ...[...handles].map((handle) => handle.exited)]);
    if (pid !== 0) init?.sweep(pid);
  };

  try {
    pid = Number(await expectLine(child, name, 'pid'));
  } catch (cause) {
    await end();
    throw cause;
  }

  return {
    name,
    pid,
    run: (command, options) => execInside(name, pid, command, options),
    sh: async (script, options) => (await execInside(name, pid, ['sh', '-euc', script], options)).stdout,
    spawn: (command, options) => {
      const handle = spawnInside(pid, command, options);
      handles.add(handle);
      void handle.exited.then(() => handles.delete(handle));
      return handle;
    },
    finish: async (script) => {
      const ready = expectLine(child, name, 'ready');
      child.stdin.write(`${script}\nLAB-END\n`);
      await ready;
    },
    end,
  };
}
