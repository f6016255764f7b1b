// dhcpcd-run-hooks(8): started by the sourced dhcpcd-hook.sh; dhcpcd waits for it.
import { runHook } from '../src/main/hook.ts';

void runHook('dhcpcd');
