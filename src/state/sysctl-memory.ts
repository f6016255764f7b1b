import type { State, Sysctls } from '../model.ts';

type Memory = State['sysctls'];

/**
 * What is wanted, plus the old value of everything we once set and want no more: unless somebody else has changed it
 * since, for then it is theirs.
 */
export function restoredSysctls(memory: Memory, wanted: Sysctls, now: Sysctls): Sysctls {
  const restored = Object.entries(memory)
    .filter(([key, { set }]) => wanted[key] === undefined && now[key] === set)
    .map(([key, { before }]) => [key, before] as const);
  return { ...Object.fromEntries(restored), ...wanted };
}

/**
 * The memory after a run: for each wanted sysctl the value it had when it was not ours. A new ppp device starts from
 * the kernel's default again, and what an administrator set by hand in between is what he wants back.
 */
export function rememberSysctls(memory: Memory, wanted: Sysctls, now: Sysctls): Memory {
  const kept = Object.entries(wanted).flatMap(([key, set]) => {
    const value = now[key];
    if (value === undefined) return [];
    const known = memory[key];
    // What we gave it last time is no older value, even if we want another one now.
    const before = value === set || value === known?.set ? known?.before : value;
    // Already right when we first looked: nothing to restore.
    return before === undefined ? [] : [[key, { before, set }] as const];
  });
  return Object.fromEntries(kept);
}
