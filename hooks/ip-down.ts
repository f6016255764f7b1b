// pppd(8): runs when IPCP is down; the device has lost its address or is gone.
import { runHook } from '../src/main/hook.ts';

void runHook('ip-down');
