/** The demo as `./install.sh --demo` runs it: bundled, as a process of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';

const CHECKOUT = path.resolve(import.meta.dirname, '../..');
const DEMO = path.join(CHECKOUT, 'dist/test/demo.cjs');
/** What the issue promises; the demo ends itself before. */
const LIMIT_MS = 60_000;
const NOBODY = 65_534;

function runDemo(identity: { readonly uid?: number } = {}, demo = DEMO) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [demo], {
    ...identity,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    env: { PATH: process.env['PATH'] },
  });
  return { status, stdout, stderr };
}

beforeAll(() => {
  execFileSync('npm', ['run', 'build:demo'], { cwd: CHECKOUT, stdio: 'pipe' });
});

test('twice in a row it passes, in under a minute, and says so', () => {
  for (const run of ['first', 'second']) {
    const start = performance.now();
    const { status, stdout, stderr } = runDemo();
    const took = performance.now() - start;
    expect({ run, status, stderr }, stdout).toEqual({ run, status: 0, stderr: '' });
    expect(stdout).toMatch(/\nPASS: 7 of 7 in [\d.]+ s\n$/);
    expect(stdout).toMatch(/^ {3}PASS {2}4 a line drops +0 of \d+ new connections lost/m);
    expect(stdout).toMatch(/^ {3}PASS {2}host untouched /m);
    expect(stdout, 'colour, and no terminal').not.toContain('\x1b');
    expect(took).toBeLessThan(LIMIT_MS);
    console.log(`demo: ${(took / 1000).toFixed(1)} s`);
  }
});

test('without root: one clear line', () => {
  // Where everybody may read it: the checkout may be in somebody's home.
  const folder = mkdtempSync(path.join(tmpdir(), 'wanhook-demo-'));
  chmodSync(folder, 0o755);
  const demo = path.join(folder, 'demo.cjs');
  copyFileSync(DEMO, demo);
  const esbuild = 'node_modules/esbuild'; // the one package that it loads, and does not use
  cpSync(path.join(CHECKOUT, esbuild), path.join(folder, esbuild), { recursive: true });
  const { status, stdout, stderr } = runDemo({ uid: NOBODY }, demo);
  rmSync(folder, { recursive: true });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toBe('wanhook demo: this needs root, for network namespaces: try it with sudo ./install.sh --demo\n');
});
