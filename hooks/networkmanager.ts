// NetworkManager-dispatcher(8): one script after the other; NetworkManager itself goes on.
import { runHook } from '../src/main/hook.ts';

void runHook('networkmanager');
