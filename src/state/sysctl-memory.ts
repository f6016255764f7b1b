import { FORWARDINGS, switchOf, type Forwarding } from '../forwarding.ts';
import type { Device, Op, State, Sysctls } from '../model.ts';

type Memory = State['sysctls'];

/** Is forwarding to be turned on by us? Then its side effects are to be looked at first: what turning it off will do. */
export function resetByForwarding(memory: Memory, wanted: Sysctls, now: Sysctls, devices: readonly Device[]): Sysctls {
  const names = devices.map(({ name }) => name);
  const turned = FORWARDINGS.filter((forwarding) => turnsOn(forwarding, memory, wanted, now));
  return Object.assign({}, ...turned.map(({ off }) => off(names))) as Sysctls;
}

function turnsOn({ key }: Forwarding, memory: Memory, wanted: Sysctls, now: Sysctls): boolean {
  return wanted[key] !== undefined && wanted[key] !== now[key] && memory[key] === undefined;
}

/** Advertisements are taken by the kernel, or by a client in user space (0): then they are not the kernel's to take. */
export function acceptable(wanted: Sysctls, now: Sysctls): Sysctls {
  const isTheirs = (key: string) => key.endsWith('/accept_ra') && now[key] === '0';
  const theirs = Object.keys(wanted).filter(isTheirs);
  return theirs.length === 0 ? wanted : Object.fromEntries(Object.entries(wanted).filter(([key]) => !isTheirs(key)));
}

/**
 * What is wanted, plus the old value of everything we once set and want no more: unless somebody else has changed it
 * since, for then it is theirs. A side effect of turning forwarding off (a stop that was killed half-way) is nobody's.
 */
export function restoredSysctls(memory: Memory, wanted: Sysctls, now: Sysctls): Sysctls {
  const isReset = (key: string) => {
    const by = switchOf(key);
    return by !== undefined && now[by] !== memory[by]?.set;
  };
  const restored: Record<string, string> = {};
  for (const key of Object.keys(memory)) {
    const { before, set } = memory[key] ?? {};
    if (before !== undefined && wanted[key] === undefined && (now[key] === set || isReset(key))) restored[key] = before;
  }
  return { ...restored, ...wanted };
}

/**
 * The memory after a run: for each wanted sysctl the value it had when it was not ours. A new ppp device starts from
 * the kernel's default again, and what an administrator set by hand in between is what he wants back. `reset`: what
 * turning forwarding off will do.
 */
export function rememberSysctls(memory: Memory, wanted: Sysctls, now: Sysctls, reset: Sysctls = {}): Memory {
  const kept: Record<string, Memory[string]> = {};
  for (const [key, set] of Object.entries(wanted)) {
    const value = now[key];
    if (value === undefined) continue;
    const known = memory[key];
    // What we gave it last time is no older value, even if we want another one now.
    const before = value === set || value === known?.set ? known?.before : value;
    // Already right when we first looked: nothing to restore.
    if (before === undefined) continue;
    // The same object, so that it need not be compared.
    kept[key] = known?.before === before && known.set === set ? known : { before, set };
  }
  const effects = FORWARDINGS.map((forwarding) => sideEffects(forwarding, memory, wanted, now, reset));
  return Object.assign(kept, ...effects) as Memory;
}

/** From before forwarding was turned on, as long as we want it: what will have to be given back when it is turned off. */
function sideEffects(forwarding: Forwarding, memory: Memory, wanted: Sysctls, now: Sysctls, reset: Sysctls): Memory {
  if (wanted[forwarding.key] === undefined) return {};
  if (!turnsOn(forwarding, memory, wanted, now)) {
    return Object.fromEntries(Object.entries(memory).filter(([key]) => forwarding.isEffect(key)));
  }
  const lost = Object.entries(reset).flatMap(([key, off]) => {
    const value = now[key];
    const isOwn = forwarding.isEffect(key) && value !== undefined && value !== off;
    return isOwn ? [[key, { before: value, set: value }] as const] : [];
  });
  return Object.fromEntries(lost);
}

/** What was to be given back by these operations, and is forgotten with them. */
export function givenBack(before: Memory, after: Memory, ops: readonly Op[]): Sysctls {
  const back = ops.flatMap((op) =>
    op.op === 'sysctl-set' && after[op.key] === undefined && before[op.key] !== undefined ? [[op.key, op.value]] : [],
  );
  return Object.fromEntries(back) as Sysctls;
}

/** The memory with what the system would not take back: the next run tries again. */
export function stillOwed(before: Memory, after: Memory, back: Sysctls, now: Sysctls): Memory {
  const owed = Object.entries(before).filter(
    ([key]) => back[key] !== undefined && now[key] !== undefined && now[key] !== back[key],
  );
  return { ...after, ...Object.fromEntries(owed) };
}
