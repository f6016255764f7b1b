// dhcpcd-run-hooks(8): started by the sourced dhcpcd-hook.sh; dhcpcd waits for it.
import { dhcpcd } from '../src/events/dhcpcd.ts';
import { runHook } from '../src/main.ts';

void runHook(dhcpcd);
