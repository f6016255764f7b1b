import { lookup } from 'node:dns/promises';
import { release } from 'node:os';
import type { Runner } from './runner.ts';

/** Longer than resolv.conf's first try with its default timeout (5 s); a boot without lines must not wait for more. */
const RESOLVE_LIMIT_MS = 6_000;

/** As every program here resolves names: /etc/hosts, then the resolvers. Rejects if no answer came in time. */
export async function resolveName(name: string): Promise<readonly string[]> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`no answer for ${name}`)), RESOLVE_LIMIT_MS).unref();
  });
  const found = await Promise.race([lookup(name, { family: 4, all: true }), late]);
  return found.map(({ address }) => address);
}

/** Would this kernel take these lines of a table? `nft -c` asks for modules as a real load would, and changes nothing. */
export async function acceptsTable(runner: Runner, lines: readonly string[]): Promise<boolean> {
  const text = `table inet wanhook_probe {\n${lines.join('\n')}\n}\n`;
  const { code } = await runner.run('nft', ['-c', '-f', '-'], text);
  return code === 0;
}

/** Since Linux 5.16 and iproute2 5.16; a backported kernel often comes with an older ip(8), which refuses the word. */
export async function managesNeighbours(runner: Runner): Promise<boolean> {
  const { stdout } = await runner.run('ip', ['-V']);
  return [release(), /iproute2-(\d+\.\d+)/.exec(stdout)?.[1] ?? '0.0'].every(isFrom516);
}

function isFrom516(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 16);
}
