/**
 * A small Internet in network namespaces: a LAN host, the router under test, N ISPs, a server.
 *
 *   const lab = await createLab({ links: ['ppp', 'ppp', 'dhcp'] });
 *   try { await lab.lineUp(0); … } finally { await lab.destroy(); }
 *
 * Lines are counted from 0: line 0 is isps[0], the namespace "isp1". See lab-topology.ts for addresses.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SLOW } from './lab-process.ts';
import { lineControl, type LineControl } from './lab-lines.ts';
import { type Holder, type Init, type LabNode, startHolder } from './lab-node.ts';
import {
  clientAddress,
  describeLines,
  lanScript,
  type Line,
  type LineOptions,
  type LinkKind,
  ispScript,
  netScript,
  pairFixed,
  pairLine,
  routerScript,
  SERVERS,
} from './lab-topology.ts';
import { labTraffic, type LabTraffic } from './lab-traffic.ts';

export interface LabOptions {
  readonly links: readonly (LinkKind | LineOptions)[];
  /** LAN addresses 10.10.0.2 and up, all on the one LAN host. Default 1. */
  readonly clients?: number;
  /** Host directories that are private and writable in the router. */
  readonly overlay?: readonly string[];
  /** What the router's process 1 is: SYSTEMD of systemd.ts. Default: something that only holds the namespaces. */
  readonly init?: Init;
  /** Bring all lines up at once. Default false: ppp devices are missing, dhcp devices have no address. */
  readonly up?: boolean;
}

export interface Lab extends LineControl, LabTraffic {
  readonly rtr: LabNode;
  readonly lan: LabNode;
  readonly net: LabNode;
  readonly isps: readonly LabNode[];
  readonly lines: readonly Readonly<Line>[];
  /** The LAN's addresses. */
  readonly clients: readonly string[];
  /** Addresses in `net`, all reachable through every ISP: 203.0.113.10 to .20. */
  readonly servers: readonly string[];
  /** Ends every process in the lab and with them every namespace, device and mount. Idempotent. */
  destroy(): Promise<void>;
}

/** Where the product and the daemons' hook directories are installed. */
const DEFAULT_OVERLAY = ['/etc', '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/share', '/var/lib'];

const run = promisify(execFile);

/** A shell outside; what it runs is `nsenter -n …` only, so the host's own network is never touched. */
export async function hostShell(script: string): Promise<void> {
  await run('/bin/sh', ['-euc', script], { timeout: 10_000 * SLOW, cwd: '/' });
}

/** All or nothing: when one namespace fails, those that did start are ended before the error is passed on. */
async function startAll(names: readonly string[], overlay: readonly string[], init?: Init): Promise<Holder[]> {
  const results = await Promise.allSettled(
    names.map((name) => (name === 'rtr' ? startHolder(name, overlay, init) : startHolder(name, []))),
  );
  const started = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return started;
  await Promise.all(started.map((holder) => holder.end()));
  throw new Error('cannot create the lab', { cause: failed.reason });
}

export async function createLab(options: LabOptions): Promise<Lab> {
  const lines = describeLines(options.links);
  const names = ['rtr', 'lan', 'net', ...lines.map((line) => `isp${line.index + 1}`)];
  const holders = await startAll(names, options.overlay ?? DEFAULT_OVERLAY, options.init);
  const [rtr, lan, net, ...isps] = holders as [Holder, Holder, Holder, ...Holder[]];
  let ended: Promise<unknown> | undefined;
  const destroy = async (): Promise<void> => {
    ended ??= Promise.all(holders.map((holder) => holder.end()));
    await ended;
  };

  try {
    const pids = { rtr: rtr.pid, lan: lan.pid, net: net.pid, isps: isps.map((isp) => isp.pid) };
    const ethernet = lines.filter((line) => line.kind === 'dhcp');
    const cables = [...pairFixed(pids), ...ethernet.map((line) => pairLine(line, rtr.pid, pids.isps[line.index]!))];
    await hostShell(`nsenter -t ${net.pid} -n ip -batch - <<'LAB'\n${cables.join('\n')}\nLAB\n`);
    const clients = options.clients ?? 1;
    await Promise.all([
      rtr.finish(routerScript(lines)),
      lan.finish(lanScript(clients)),
      net.finish(netScript(lines)),
      ...isps.map((isp, i) => isp.finish(ispScript(lines[i]!, lines))),
    ]);
    const control = lineControl(lines, { rtr, net, isps }, hostShell);
    if (options.up === true) await Promise.all(lines.map((line) => control.lineUp(line.index)));
    return {
      rtr,
      lan,
      net,
      isps,
      lines,
      clients: Array.from({ length: clients }, (_, n) => clientAddress(n)),
      servers: SERVERS,
      ...control,
      ...labTraffic({ rtr, lan, net }),
      destroy,
    };
  } catch (cause) {
    await destroy();
    throw new Error('cannot create the lab', { cause });
  }
}
