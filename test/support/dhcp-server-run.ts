/** Starting dhcp-server.ts at a line's ISP. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { transformSync } from 'esbuild';
import type { Lab } from './lab.ts';

/** What the server gives. `options`: by number, in hex, besides or instead of the usual ones; empty: not at all. */
export interface DhcpOffer {
  readonly address: string;
  readonly server: string;
  readonly router?: string;
  readonly mask?: string;
  /** Seconds. */
  readonly lease?: number;
  readonly options?: Readonly<Record<number, string>>;
  /** It says nothing. */
  readonly silent?: boolean;
  /** It refuses who has an address, and offers none. */
  readonly refuse?: boolean;
}

export interface DhcpServer {
  /** From now on it gives this; what is not given is as the lab has the line. */
  offer(change: Partial<DhcpOffer>): Promise<void>;
  /** Messages it got so far: DISCOVER, REQUEST, … */
  got(): string[];
}

const PROGRAM = path.join(import.meta.dirname, 'dhcp-server.ts');

export async function startDhcpServer(lab: Lab, index: number): Promise<DhcpServer> {
  const line = lab.lines[index]!;
  const isp = lab.isps[index]!;
  const { code } = transformSync(readFileSync(PROGRAM, 'utf8'), { loader: 'ts', format: 'cjs', target: 'node20' });
  const usual: DhcpOffer = { address: line.address, server: line.gateway };
  const offer: DhcpServer['offer'] = async (change) => {
    const stdin = JSON.stringify({ ...usual, ...change });
    await isp.sh('cat >/run/offer.new; mv /run/offer.new /run/offer.json', { stdin });
  };
  await offer({});
  const handle = isp.spawn([process.execPath, '-e', code]);
  await handle.waitLine(/^ready/);
  return { offer, got: () => handle.lines.filter((said) => said !== 'ready') };
}
