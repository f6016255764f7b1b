/** A process is not told when another one writes: look again after this. */
const AGAIN_MS = 0.25;

/** Until it is so; false: it never was, in so many milliseconds. */
export function waitUntil(isSo: () => boolean, limitMs: number): boolean {
  // Not `performance`: to load what is behind it costs a hook 1 ms.
  const end = process.uptime() * 1000 + limitMs;
  while (!isSo()) {
    if (process.uptime() * 1000 > end) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
  }
  return true;
}
