// pppd(8): runs after IPCP is up, not waited for, stdio closed.
import { runHook } from '../src/main.ts';

void runHook('ip-up');
