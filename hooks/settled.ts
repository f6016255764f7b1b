// load.cjs asks this before it loads a hook's bundle.
import { BRIEFLY_MS, findLook, lookText, readLook, removeLook } from '../src/kernel/look.ts';
import { readSysctls } from '../src/kernel/sysctls.ts';
import { PLACES } from '../src/main/places.ts';
import { isSettled, type HookCall } from '../src/state/settled.ts';

/** Is nothing to be done, because the same was said before, and nothing has changed since? Never fails: then it is not so. */
export function nothingToDo(call: HookCall): boolean {
  try {
    const look = findLook(PLACES.stateDirectory, call.env['WANHOOK_LOOK']);
    const isSame = isSettled(PLACES, call, {
      changes: call.env['WANHOOK_CHANGES'] ?? '',
      look: () => {
        const seen = look && readLook(look, BRIEFLY_MS);
        return seen && lookText(seen);
      },
      readSysctls: (keys) => readSysctls('/proc/sys', keys),
    });
    if (isSame && look !== undefined) removeLook(look);
    return isSame;
  } catch {
    return false;
  }
}
