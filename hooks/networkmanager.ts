// NetworkManager-dispatcher(8): one script after the other; NetworkManager itself goes on.
import { networkManager } from '../src/events/networkmanager.ts';
import { runHook } from '../src/main.ts';

void runHook(networkManager);
