import type { FlapSettings } from '../model.ts';

/** How unsteady a link has been. Times are monotonic milliseconds. */
export interface FlapMemory {
  /** As it was at `at`. */
  readonly penalty: number;
  readonly at: number;
  readonly deaths: readonly number[];
  /** Its penalty has reached `suppress`, and not yet come down to `reuse`. */
  readonly suppressed: boolean;
}

/** RFC 2439's ceiling, as a multiple of the half-life: nothing is held back for longer than this after its last death. */
const LONGEST_HALF_LIVES = 4;

/** Deaths are told for so long. */
const TOLD_HALF_LIVES = 2;

function decayed({ penalty, at }: FlapMemory, { halfLifeMs }: FlapSettings, now: number): number {
  return penalty * 2 ** -(Math.max(0, now - at) / halfLifeMs);
}

/** One death more. */
export function afterDeath(before: FlapMemory | undefined, flap: FlapSettings, now: number): FlapMemory {
  const ceiling = flap.reuse * 2 ** LONGEST_HALF_LIVES;
  const rest = before === undefined ? 0 : decayed(before, flap, now);
  const penalty = Math.min(ceiling, rest + flap.penalty);
  const told = (before?.deaths ?? []).filter((at) => now - at < TOLD_HALF_LIVES * flap.halfLifeMs);
  const wasHeld = before !== undefined && heldFor(before, flap, now) > 0;
  return { penalty, at: now, deaths: [...told, now], suppressed: wasHeld || penalty >= flap.suppress };
}

/** Milliseconds for which a link that is well again must still be held back; 0: not at all. */
export function heldFor(memory: FlapMemory | undefined, flap: FlapSettings, now: number): number {
  if (memory?.suppressed !== true) return 0;
  const penalty = decayed(memory, flap, now);
  return penalty <= flap.reuse ? 0 : Math.ceil(flap.halfLifeMs * Math.log2(penalty / flap.reuse));
}

/** "held back 140 s: 4 flaps in 10 min" */
export function heldReason({ deaths }: FlapMemory, heldMs: number, now: number): string {
  const span = Math.max(1, Math.ceil((now - (deaths[0] ?? now)) / 60_000));
  return `held back ${Math.ceil(heldMs / 1000)} s: ${deaths.length} flaps in ${span} min`;
}
