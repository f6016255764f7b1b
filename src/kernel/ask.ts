import { lookup } from 'node:dns/promises';
import { PROTO } from './render.ts';
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

/**
 * Does the kernel itself keep a gateway's address known (`managed`)? Asked by something that whoever knows the word refuses, for
 * a proxy is never managed. An older kernel ignores it and makes the proxy entry, which goes at once (of a documentation address,
 * on lo: nobody asks for it there); an older ip(8) has another complaint.
 */
export async function managesNeighbours(runner: Runner): Promise<boolean> {
  const proxy = ['proxy', '192.0.2.255', 'dev', 'lo'];
  const { code, stderr } = await runner.run('ip', ['neigh', 'add', ...proxy, 'managed', 'protocol', PROTO]);
  if (code === 0) await runner.run('ip', ['neigh', 'del', ...proxy]);
  return /Invalid NTF_|Invalid argument/.test(stderr);
}
