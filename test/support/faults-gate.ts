/**
 * Where operations towards kernel and disk go wrong: counts those of a run, and strikes one of them.
 *
 * An operation has parts where it can be interrupted: the lines of an `ip -batch`, the halves of a file that is written.
 * A strike lets the parts before its own be carried out; then
 *   fail    this one is refused, and it is the only one
 *   broken  this one is refused, and every one after it that goes through the same door
 *   hang    the command is killed at its time limit; the lock stays with a living stranger
 *   die     kill -9: nothing of the run reaches kernel or disk any more, whatever its catch and finally clauses try
 */

type Door = 'kernel' | 'disk' | 'lock';

export interface Operation {
  readonly door: Door;
  /** For whoever reads: `nft -f -`, `rename state.json`. */
  readonly name: string;
  readonly parts: number;
  /** A look at the configuration: whoever fails in it goes by the last good one. */
  readonly ofConfig?: boolean;
}

export type Kind = 'fail' | 'broken' | 'hang' | 'die';

export interface Strike {
  /** Which operation of the run, from 0. */
  readonly at: number;
  readonly part: number;
  readonly kind: Kind;
}

/** The run was killed; whoever catches it finds that nothing works any more. */
class Killed extends Error {
  override readonly name = 'Killed';
}

/** What an operation must do: `parts` of it (all: whole), and how it is refused after them. */
interface Acts<T> {
  readonly whole: () => T;
  readonly some?: (parts: number) => void;
  readonly refuse: (kind: 'fail' | 'hang', part: number) => T;
}

export interface Gate {
  /** Runs `work` with its operations counted, and the strike, if there is one, in its place. */
  run(strike: Strike | undefined, work: () => Promise<unknown>): Promise<Run>;
  isOpen(): boolean;
  pass<T>(operation: Operation, acts: Acts<T>): T;
}

export interface Run {
  readonly operations: readonly Operation[];
  readonly struck: boolean;
  readonly killed: boolean;
  /** What the run rejected with, unless it was killed. */
  readonly error: unknown;
}

interface Current {
  readonly strike: Strike | undefined;
  readonly operations: Operation[];
  struck: boolean;
  dead: boolean;
}

function createGate(): Gate {
  let now: Current | undefined;
  return {
    run: async (strike, work) => {
      if (now !== undefined) throw new Error('one run at a time');
      const current: Current = { strike, operations: [], struck: false, dead: false };
      now = current;
      let error: unknown;
      try {
        await work();
      } catch (caught) {
        error = current.dead ? undefined : caught;
      } finally {
        now = undefined;
      }
      return { operations: current.operations, struck: current.struck, killed: current.dead, error };
    },
    isOpen: () => now !== undefined,
    pass: (operation, acts) => (now === undefined ? acts.whole() : passOne(now, operation, acts)),
  };
}

function passOne<T>(now: Current, operation: Operation, { whole, some, refuse }: Acts<T>): T {
  if (now.dead) throw new Killed('killed');
  const { strike } = now;
  const number = now.operations.push(operation) - 1;
  if (strike === undefined) return whole();
  if (number !== strike.at) {
    const isBroken = now.struck && strike.kind === 'broken' && now.operations[strike.at]?.door === operation.door;
    return isBroken ? refuse('fail', 0) : whole();
  }
  now.struck = true;
  if (strike.part > 0) some?.(strike.part);
  if (strike.kind !== 'die') return refuse(strike.kind === 'broken' ? 'fail' : strike.kind, strike.part);
  now.dead = true;
  throw new Killed('killed');
}

/** Every way in which one operation can go wrong. A disk has no time limit; the lock does not fail for good. */
export function strikesOn({ door, parts }: Operation, at: number): Strike[] {
  const each = (kind: Kind, count: number) => Array.from({ length: count }, (_, part) => ({ at, part, kind }));
  if (door === 'lock') return [...each('fail', 1), ...each('hang', 1), ...each('die', 1)];
  const hang = door === 'kernel' ? each('hang', parts + 1) : [];
  return [...each('fail', parts), ...each('broken', 1), ...hang, ...each('die', parts)];
}

export const gate: Gate = createGate();
