// The command itself; /usr/sbin/wanhook starts it with a clean environment.
import { runCommand } from '../src/main/command.ts';

declare const WANHOOK_VERSION: string;

void runCommand(WANHOOK_VERSION);
