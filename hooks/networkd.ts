// networkd-dispatcher: one script after the other; networkd itself goes on.
import { networkd } from '../src/events/networkd.ts';
import { runHook } from '../src/main.ts';

void runHook(networkd);
