// dhclient-script(8): started by the sourced exit hook dhclient-exit-hook.sh; dhclient waits for it.
import { runHook } from '../src/main/hook.ts';

void runHook('dhclient');
