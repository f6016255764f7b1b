// pppd(8): runs when IPCP is down; the device has lost its address or is gone.
import { pppDown } from '../src/events/pppd.ts';
import { runHook } from '../src/main.ts';

void runHook(pppDown);
