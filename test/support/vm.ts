/** Boots the virtual machine of test/vm/ once and reads what its scenarios wrote. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertBuilt } from './built.ts';
import { buildTraffic } from './lab-traffic.ts';

const VM_DIR = fileURLToPath(new URL('../vm/', import.meta.url));
const INSTALL = fileURLToPath(new URL('../../install.sh', import.meta.url));

/** One `check` of a scenario (test/vm/lab.sh). `want` is a shell pattern, or "<=N", ">=N". */
export interface VmCheck {
  readonly check: string;
  readonly ok: boolean;
  readonly got: string;
  readonly want: string;
  readonly ms: number | null;
}

/** One scenario file, ended with this status; 124 when its time was up. */
export interface VmScenario {
  readonly scenario: string;
  readonly status: number;
  readonly ms: number;
  /** Why it was not run: what it needs is not built yet. */
  readonly skip?: string;
}

export interface VmRun {
  /** Exit status of test/vm/run.sh. */
  readonly status: number;
  readonly checks: readonly VmCheck[];
  readonly scenarios: readonly VmScenario[];
  /** Console, syslog and the logs of every daemon are here. */
  readonly outDir: string;
  readonly console: string;
}

function parse(text: string): { checks: VmCheck[]; scenarios: VmScenario[] } {
  const checks: VmCheck[] = [];
  const scenarios: VmScenario[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('{"check"')) checks.push(JSON.parse(line) as VmCheck);
    if (line.startsWith('{"scenario"')) scenarios.push(JSON.parse(line) as VmScenario);
  }
  return { checks, scenarios };
}

/** Checks are data: what went wrong in the machine is a failed check or scenario, never an exception here. */
export async function runVm(options: { limitSeconds: number; only?: readonly string[] }): Promise<VmRun> {
  const parent = process.env['WANHOOK_VM_OUT'] ?? tmpdir();
  mkdirSync(parent, { recursive: true });
  const outDir = mkdtempSync(join(parent, 'wanhook-vm-'));
  writeFileSync(join(outDir, 'only'), (options.only ?? []).map((name) => `${name}\n`).join(''));
  // What the machine installs: on an emulated processor install.sh takes a minute.
  assertBuilt();
  buildTraffic();
  execFileSync(INSTALL, ['--no-deps', '--destdir', join(outDir, 'tree')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const argv = [join(VM_DIR, 'guest.sh'), outDir, String(options.limitSeconds)];
  const child = spawn(join(VM_DIR, 'run.sh'), argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const echo = process.env['WANHOOK_VM_VERBOSE'] !== undefined;
  let console = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      console += chunk;
      if (echo) process.stderr.write(chunk);
    });
  }
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
  const results = join(outDir, 'checks.jsonl');
  return { status, outDir, console, ...parse(existsSync(results) ? readFileSync(results, 'utf8') : '') };
}
