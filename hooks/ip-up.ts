// pppd(8): runs after IPCP is up, not waited for, stdio closed.
import { runHook } from '../src/main/hook.ts';

void runHook('ip-up');
