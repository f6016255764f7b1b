// NetworkManager-dispatcher(8): one script after the other; NetworkManager itself goes on.
import { runHook } from '../src/main.ts';

void runHook('networkmanager');
