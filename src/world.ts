import type { Loaded } from './config/load.ts';
import type { Decision, Early, Surroundings } from './decide.ts';
import type { Config, Learned, LinkHealth } from './model.ts';
import type { StampedState } from './state/store.ts';
import type { TrialPlace } from './state/trial.ts';
import type { Outside } from './tell.ts';

/** Everything the sequence touches, passed in. */
export interface World extends Surroundings, Outside, TrialPlace {
  readonly stateDirectory: string;
  readonly loadConfig: () => Loaded;
  /** What the hook before has parsed, if nothing has changed. */
  readonly keptConfig?: { readonly read: () => Config | undefined; readonly keep: (config: Config) => void };
  /** What a hook's shell has looked up while node was starting; given once. */
  readonly earlyLook?: () => Early;
  /** The only event said nothing new; with that look, these sysctls and the record of that stamp it never will, whatever the clock says. */
  readonly settled?: (sysctls: SettledSysctls, record: string) => void;
  /** Come back at that time (epoch milliseconds) if nothing else does; undefined: no need. Must not fail. */
  readonly wakeAt: (due: number | undefined) => void;
  /** Told each command before it is carried out. */
  readonly echo: (command: string) => void;
  /** Run alone; undefined if, while waiting, the work turned out to be done (`noLongerNeeded`). */
  readonly alone: <T>(work: () => Promise<T>, noLongerNeeded?: () => boolean) => Promise<T | undefined>;
}

/** null: there was none. */
export type SettledSysctls = Readonly<Record<string, string | null>>;

export interface Options {
  /** For the journal: what set this off. */
  readonly cause: string;
  /** The event this run dropped: if another run has taken it, there is nothing left to do. */
  readonly eventPath?: string;
  /** The record, as it was read before the lock. */
  readonly record?: StampedState;
  /** Hooks go on with the last good configuration; commands refuse. */
  readonly lenient?: boolean;
  /** Look closely at what is seldom looked at; commands do. */
  readonly closely?: boolean;
  /** What is in /etc/wanhook, whatever `wanhook try` says: only `apply` and `plan` ask for that. */
  readonly fromDisk?: boolean;
  /** What a command has found out beforehand. */
  readonly learned?: Learned;
  /** What the monitor has found out about these links. */
  readonly health?: Readonly<Record<string, LinkHealth>>;
  /** The same about their IPv6. */
  readonly health6?: Readonly<Record<string, LinkHealth>>;
  /** There is no monitor: what it once said is nobody's word any more. */
  readonly unwatched?: boolean;
  /** Links that may take traffic again although their FAILBACK says to wait. */
  readonly release?: readonly string[];
  /** `apply` starts, `stop` stops; hooks leave it as it is. */
  readonly stopped?: boolean;
}

/** What a run saw and did. */
export interface Report extends Decision {
  /** Links that the kernel would not have, and how it said so; they are down, the others work. */
  readonly refused: ReadonlyMap<string, string>;
}
