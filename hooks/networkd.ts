// networkd-dispatcher: one script after the other; networkd itself goes on.
import { runHook } from '../src/main.ts';

void runHook('networkd');
