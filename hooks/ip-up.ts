// pppd(8): runs after IPCP is up, not waited for, stdio closed.
import { pppUp } from '../src/events/pppd.ts';
import { runHook } from '../src/main.ts';

void runHook(pppUp);
