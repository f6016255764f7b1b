import { quoted } from '../checked.ts';
import type { LinkConfig, Problem } from '../model.ts';

type Found = readonly { readonly path: string; readonly link: LinkConfig }[];

/** TUNNEL_OVER must lead to lines that are there, and never back into the tunnel. */
export function reportTunnels(links: Found, problems: Problem[]): void {
  const overOf = new Map(
    links.map(({ link }) => [link.name, Array.isArray(link.tunnelOver) ? (link.tunnelOver as string[]) : []]),
  );
  for (const { path, link } of links) {
    const over = overOf.get(link.name) ?? [];
    if (link.tunnelOver !== undefined && link.tunnelServer === undefined) {
      problems.push({
        file: path,
        message: 'TUNNEL_OVER without TUNNEL_SERVER: which server is to be reached over it?',
      });
    }
    for (const name of over.filter((each) => !overOf.has(each))) {
      problems.push({ file: path, message: `TUNNEL_OVER names no link: ${quoted(name)}` });
    }
    if (reaches(link.name, over, overOf)) {
      problems.push({ file: path, message: `TUNNEL_OVER leads back to ${link.name}: a tunnel cannot carry itself` });
    }
  }
}

function reaches(goal: string, from: readonly string[], overOf: ReadonlyMap<string, readonly string[]>): boolean {
  const seen = new Set<string>();
  const open = [...from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === goal) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(overOf.get(name) ?? []));
  }
  return false;
}
