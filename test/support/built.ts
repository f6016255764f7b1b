/** For tests that run install.sh from this checkout: it would build, which takes long, and is not theirs to do. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

export function assertBuilt(): void {
  const bundle = path.join(ROOT, 'dist/hooks/wanhook.cjs');
  const sources = ['src', 'hooks', 'package.json'].map((name) => path.join(ROOT, name));
  const isFresh = existsSync(bundle) && String(execFileSync('find', [...sources, '-newer', bundle])) === '';
  if (!isFresh) throw new Error('dist/ is older than its sources: run "npm run build" first');
}
