// run-hook.sh: hooks have left something to do, and nobody is there who does it.
import { runPending } from '../src/main/hook.ts';

void runPending();
