// The command itself; /usr/sbin/wanhook starts it with a clean environment.
import { runProgram } from '../src/cli/program.ts';
import { execaRunner } from '../src/kernel/execa-runner.ts';
import { runCommand } from '../src/main.ts';

declare const WANHOOK_VERSION: string;

void runCommand(runProgram, execaRunner, WANHOOK_VERSION);
