import type { Surveyed } from '../kernel/look-around.ts';
import type { Config } from '../model.ts';
import type { World } from '../reconcile.ts';
import type { Sources } from './learn.ts';

/** What the commands are given; they return their exit code. */
export interface Context {
  readonly version: string;
  readonly configDirectory: string;
  readonly isRoot: boolean;
  /** Of this process. */
  readonly pid: number;
  /** The environment of whoever called: for a program that is run on their behalf, and for nothing else. */
  readonly callerEnv: Readonly<Record<string, string>>;
  readonly openWorld: (voice: Pick<World, 'echo' | 'warn'>) => World;
  /** For whoever stays: with the hooks' runner, which is the faster one. */
  readonly openResidentWorld: (voice: Pick<World, 'echo' | 'warn'>) => World;
  /** Only one at a time: fails if another process has it and lives. */
  readonly aloneAs: <T>(name: string, work: () => Promise<T>) => Promise<T | undefined>;
  /** Does a monitor watch the lines? */
  readonly isWatched: () => boolean;
  /** systemd's, if it has started us and wants to be told. */
  readonly notifySocket: string | undefined;
  /** It ends us when it has not heard of us for so long (WatchdogSec=); 0: it does not. */
  readonly watchdogMs: number;
  readonly sources: Sources;
  /** What `init` goes by. */
  readonly lookAround: () => Promise<Surveyed>;
  /** events.d. */
  readonly scriptDirectory: string;
  /** One runner of scripts at a time; rejects if there is one. */
  readonly aloneWithScripts: (work: () => Promise<void>) => Promise<void>;
  readonly syslog: (message: string) => Promise<void>;
  /** Names for `ip route show table wan-dsl`: for people, so that it cannot fail. */
  readonly nameTables: (config: Config | undefined) => void;
  /** Starts `wanhook rollback --due` so many seconds from now, whatever becomes of this process and its terminal. */
  readonly watchdog: { readonly start: (seconds: number) => void; readonly end: () => void };
  /** Asks at the terminal: a line, or undefined if there is none to come. Undefined: there is no terminal. */
  readonly ask: ((question: string, signal?: AbortSignal) => Promise<string | undefined>) | undefined;
  readonly out: (text: string) => void;
  /** Whoever read it has gone. */
  readonly outputEnded: () => boolean;
  readonly err: (text: string) => void;
}

export interface Common {
  readonly verbose: boolean;
}

/** The world with this command's voice: every change echoed with --verbose, warnings always. */
export function worldFor(context: Context, { verbose }: Common): World {
  return context.openWorld({
    echo: (command) => {
      if (verbose) context.err(`+ ${command}\n`);
    },
    warn: (message) => context.err(`wanhook: warning: ${message}\n`),
  });
}
