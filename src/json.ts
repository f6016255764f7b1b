/** JSON that may be half-written or somebody else's: looked at before it is believed. */

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object whose named members are all strings. */
export function hasText(value: unknown, ...keys: string[]): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  for (const key of keys) if (typeof value[key] !== 'string') return false;
  return true;
}
