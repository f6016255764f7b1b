// networkd-dispatcher: one script after the other; networkd itself goes on.
import { runHook } from '../src/main/hook.ts';

void runHook('networkd');
