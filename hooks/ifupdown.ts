// interfaces(5): ifup and ifdown wait for it.
import { runHook } from '../src/main/hook.ts';

void runHook('ifupdown');
