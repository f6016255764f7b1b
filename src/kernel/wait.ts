/** A process is not told when another one writes: look again after this. */
const AGAIN_MS = 0.25;

/** Until it is so, or this process is that old (milliseconds); false: it never was. */
export function waitUntil(isSo: () => boolean, ageMs: number): boolean {
  while (!isSo()) {
    // Not `performance`: to load what is behind it costs a hook 1 ms.
    if (process.uptime() * 1000 > ageMs) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
  }
  return true;
}
