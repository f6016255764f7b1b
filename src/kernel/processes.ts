/**
 * Node's own module, for this directory only. Loaded when something is started: that costs 3 ms, and a hook with nothing to
 * do starts nothing.
 */
export const processes = () => process.getBuiltinModule('node:child_process');
