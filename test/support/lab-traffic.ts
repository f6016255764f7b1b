/** The traffic tool as the tests call it: typed, with the server started when first needed. */
import { buildSync } from 'esbuild';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import type { LabNode } from './lab-node.ts';
import { type ProcessHandle, SLOW } from './lab-process.ts';
import { SERVER } from './lab-topology.ts';
import type { HoldSummary } from './traffic-hold.ts';
import type { Proto } from './traffic-io.ts';
import type { Probe, ProbeSummary } from './traffic-probe.ts';
import type { ShareSummary } from './traffic-share.ts';

/** Where the traffic comes from: a node's name, or any node. */
export type From = 'lan' | 'rtr' | 'net' | LabNode;

export interface TrafficOptions {
  readonly from: From;
  /** Servers, used in turn. Default 203.0.113.10, where a server is started by itself. */
  readonly to?: readonly string[];
  /** Default 7000. */
  readonly port?: number;
  readonly proto?: Proto;
  /** Source addresses, used in turn, for a LAN with several clients or for one link's address in the router. */
  readonly localAddresses?: readonly string[];
  /** How long an answer may take; hold: how long a flow may be silent at the end. Default 1000. */
  readonly timeoutMs?: number;
}

export interface ProbeOptions extends TrafficOptions {
  readonly ms: number;
  readonly everyMs?: number;
}

export interface ShareOptions extends TrafficOptions {
  readonly count: number;
  readonly concurrency?: number;
}

export interface HoldOptions extends TrafficOptions {
  readonly count: number;
  readonly ms: number;
  readonly everyMs?: number;
}

export interface ProbeResult extends ProbeSummary {
  readonly probes: readonly Probe[];
}

/** Traffic that runs while the test does something. `stop` ends it early; both resolve with what was seen. */
export interface Running<T> {
  readonly result: Promise<T>;
  stop(): Promise<T>;
}

export interface LabTraffic {
  /** A new connection every 5 ms. */
  probe(options: ProbeOptions): Promise<ProbeResult>;
  /** The same in the background; resolves once the first probe has been sent. */
  startProbe(options: ProbeOptions): Promise<Running<ProbeResult>>;
  /** `count` connections: which source did the server see? */
  share(options: ShareOptions): Promise<ShareSummary>;
  /** `count` long-lived flows for `ms`. */
  hold(options: HoldOptions): Promise<HoldSummary>;
  /** The same in the background; resolves once every flow has had an echo, and throws if that never happens. */
  startHold(options: HoldOptions): Promise<Running<HoldSummary>>;
  /** TCP and UDP servers in a node; 7000 for both in `net` is started by itself. Stop with `kill()`. */
  serve(
    node: From,
    ports: { readonly tcp?: readonly number[]; readonly udp?: readonly number[] },
  ): Promise<ProcessHandle>;
}

const HERE = import.meta.dirname;
const TOOL = path.resolve(HERE, '../../dist/test/traffic.cjs');
const PORT = 7000;

/** Bundles the traffic tool if it is missing or older than its sources: it runs as a process of its own. */
export function buildTraffic(): string {
  const sources = readdirSync(HERE).filter((file) => /^traffic.*\.ts$/.test(file));
  const newest = Math.max(...sources.map((file) => statSync(path.join(HERE, file)).mtimeMs));
  if (existsSync(TOOL) && statSync(TOOL).mtimeMs >= newest) return TOOL;
  mkdirSync(path.dirname(TOOL), { recursive: true });
  const fresh = `${TOOL}.${process.pid}`;
  buildSync({
    entryPoints: [path.join(HERE, 'traffic.ts')],
    outfile: fresh,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
  });
  renameSync(fresh, TOOL);
  return TOOL;
}

function commonArgv(options: TrafficOptions): string[] {
  return [
    ...['--to', (options.to ?? [SERVER]).join(',')],
    ...['--from', (options.localAddresses ?? []).join(',')],
    ...['--port', String(options.port ?? PORT)],
    ...['--proto', options.proto ?? 'tcp'],
    ...['--timeout', String((options.timeoutMs ?? 1000) * SLOW)],
  ];
}

/** The last line is the summary, unless the tool failed. */
function summaryOf(handle: ProcessHandle): unknown {
  const last = handle.lines.at(-1) ?? '';
  if (!last.startsWith('{"summary"')) throw new Error(`traffic tool without a summary: ${handle.stderr()}${last}`);
  return (JSON.parse(last) as { summary: unknown }).summary;
}

function running<T>(handle: ProcessHandle, parse: (handle: ProcessHandle) => T): Running<T> {
  const result = handle.exited.then(() => parse(handle));
  // Whoever stops it awaits the same promise; a test that failed meanwhile must not die of this one instead.
  result.catch(() => undefined);
  return {
    result,
    stop: async () => {
      await handle.kill();
      return result;
    },
  };
}

const probeResult = (handle: ProcessHandle): ProbeResult => ({
  ...(summaryOf(handle) as ProbeSummary),
  probes: handle.lines
    .filter((line) => line.startsWith('{"at"'))
    .map((line) => JSON.parse(line) as Probe)
    .sort((a, b) => a.at - b.at),
});

const shareResult = (handle: ProcessHandle) => summaryOf(handle) as ShareSummary;
const holdResult = (handle: ProcessHandle) => summaryOf(handle) as HoldSummary;

export function labTraffic(nodes: { rtr: LabNode; lan: LabNode; net: LabNode }): LabTraffic {
  const nodeOf = (from: From): LabNode => (typeof from === 'string' ? nodes[from] : from);
  const start = (from: From, argv: readonly string[]): ProcessHandle =>
    nodeOf(from).spawn([process.execPath, buildTraffic(), ...argv]);

  const serve: LabTraffic['serve'] = async (node, ports) => {
    const argv = ['serve', '--tcp', (ports.tcp ?? []).join(','), '--udp', (ports.udp ?? []).join(',')];
    const handle = start(node, argv);
    await handle.waitLine(/ready/);
    return handle;
  };
  let server: Promise<ProcessHandle> | undefined;

  /** Starts the mode, and the server in `net` if the traffic goes there. */
  const begin = async (mode: string, options: TrafficOptions, argv: readonly string[]): Promise<ProcessHandle> => {
    if ((options.port ?? PORT) === PORT && options.from !== 'net') {
      server ??= serve('net', { tcp: [PORT], udp: [PORT] });
      await server;
    }
    return start(options.from, [mode, ...commonArgv(options), ...argv]);
  };

  const startProbe: LabTraffic['startProbe'] = async (options) => {
    const argv = ['--ms', String(options.ms * SLOW), '--every', String((options.everyMs ?? 5) * SLOW)];
    const handle = await begin('probe', options, argv);
    await handle.waitLine(/startedAt/);
    return running(handle, probeResult);
  };
  const beginHold = (options: HoldOptions): Promise<ProcessHandle> => {
    const times = ['--ms', String(options.ms * SLOW), '--every', String((options.everyMs ?? 100) * SLOW)];
    return begin('hold', options, ['--count', String(options.count), ...times]);
  };

  return {
    serve,
    startProbe,
    probe: async (options) => (await startProbe(options)).result,
    share: async (options) => {
      const argv = ['--count', String(options.count), '--concurrency', String(options.concurrency ?? 10)];
      const handle = await begin('share', options, argv);
      return running(handle, shareResult).result;
    },
    hold: async (options) => running(await beginHold(options), holdResult).result,
    startHold: async (options) => {
      const handle = await beginHold(options);
      await handle.waitLine(/established/);
      return running(handle, holdResult);
    },
  };
}
