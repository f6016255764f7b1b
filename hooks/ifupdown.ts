// interfaces(5): ifup and ifdown wait for it.
import { runHook } from '../src/main.ts';

void runHook('ifupdown');
