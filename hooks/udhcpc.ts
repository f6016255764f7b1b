// busybox udhcpc: started by the wrapper of its script, or by Alpine's; udhcpc waits for it.
import { runHook } from '../src/main/hook.ts';

void runHook('udhcpc');
