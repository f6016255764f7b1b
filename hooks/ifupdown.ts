// interfaces(5): ifup and ifdown wait for it.
import { ifupdown } from '../src/events/ifupdown.ts';
import { runHook } from '../src/main.ts';

void runHook(ifupdown);
