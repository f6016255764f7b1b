import type { Device, State, Sysctls } from '../model.ts';

type Memory = State['sysctls'];

const FORWARD = 'net/ipv4/ip_forward';

/**
 * What the kernel sets by itself when forwarding is turned off, whoever had set it: inet_forward_change() in
 * net/ipv4/devinet.c. Turning it on sets the opposite.
 */
export function resetByForwarding(devices: readonly Device[]): Sysctls {
  const conf = 'net/ipv4/conf';
  const each = ['default', ...devices.map(({ name }) => name)].map(
    (name) => [`${conf}/${name}/forwarding`, '0'] as const,
  );
  return { [`${conf}/all/accept_redirects`]: '1', ...Object.fromEntries(each) };
}

/** Is forwarding to be turned on by us? Then its side effects are to be looked at first. */
export function turnsForwardingOn(memory: Memory, wanted: Sysctls, now: Sysctls): boolean {
  return wanted[FORWARD] !== undefined && wanted[FORWARD] !== now[FORWARD] && memory[FORWARD] === undefined;
}

/**
 * What is wanted, plus the old value of everything we once set and want no more: unless somebody else has changed it
 * since, for then it is theirs. A side effect of turning forwarding off (a stop that was killed half-way) is nobody's.
 */
export function restoredSysctls(memory: Memory, wanted: Sysctls, now: Sysctls): Sysctls {
  const isOff = now[FORWARD] !== memory[FORWARD]?.set;
  const restored = Object.entries(memory)
    .filter(([key, { set }]) => wanted[key] === undefined && (now[key] === set || (isOff && isSideEffect(key))))
    .map(([key, { before }]) => [key, before] as const);
  return { ...Object.fromEntries(restored), ...wanted };
}

/**
 * The memory after a run: for each wanted sysctl the value it had when it was not ours. A new ppp device starts from
 * the kernel's default again, and what an administrator set by hand in between is what he wants back. `reset`: what
 * turning forwarding off will do.
 */
export function rememberSysctls(memory: Memory, wanted: Sysctls, now: Sysctls, reset: Sysctls = {}): Memory {
  const kept = Object.entries(wanted).flatMap(([key, set]) => {
    const value = now[key];
    if (value === undefined) return [];
    const known = memory[key];
    // What we gave it last time is no older value, even if we want another one now.
    const before = value === set || value === known?.set ? known?.before : value;
    // Already right when we first looked: nothing to restore.
    return before === undefined ? [] : [[key, { before, set }] as const];
  });
  return { ...Object.fromEntries(kept), ...sideEffects(memory, wanted, now, reset) };
}

/** From before forwarding was turned on, as long as we want it: what will have to be given back when it is turned off. */
function sideEffects(memory: Memory, wanted: Sysctls, now: Sysctls, reset: Sysctls): Memory {
  if (wanted[FORWARD] === undefined) return {};
  if (!turnsForwardingOn(memory, wanted, now)) {
    return Object.fromEntries(Object.entries(memory).filter(([key]) => isSideEffect(key)));
  }
  const lost = Object.entries(reset).flatMap(([key, off]) => {
    const value = now[key];
    return value === undefined || value === off ? [] : [[key, { before: value, set: value }] as const];
  });
  return Object.fromEntries(lost);
}

function isSideEffect(key: string): boolean {
  return /\/(?:forwarding|accept_redirects)$/.test(key);
}
