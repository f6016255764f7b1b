/** Long-lived flows: which of them survive? */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { addressOf, type CommonOptions, endWithReset, errorCode, now, print, turn } from './traffic-io.ts';

export interface Flow {
  /** Sources that the server saw, in order. More than one is possible with UDP only. */
  readonly sources: string[];
  /** What was sent, and the echoes that came back, in bytes (TCP) or datagrams. */
  sent: number;
  echoes: number;
  /** Longest time without an echo, ms; the end of the run counts. */
  longestGapMs: number;
  lastEchoAt: number;
  /** Of the error or the close, ms after the start. */
  brokeAt?: number;
  error?: string;
}

export interface HoldSummary {
  readonly startedAt: number;
  readonly flows: readonly Flow[];
  /** Not broken, and an echo in the last `timeout` ms. */
  readonly survived: number;
  /** Reset, refused, closed. */
  readonly broken: number;
  /** Still open but silent at the end: they hang. */
  readonly stalled: number;
  readonly sourcesConstant: boolean;
}

interface Live {
  readonly flow: Flow;
  send(): void;
  close(): void;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly from: string | undefined;
}

/** How long the last echoes may take. */
const LAST_MS = 200;

type Clock = () => number;

const newFlow = (): Flow => ({ sources: [], sent: 0, echoes: 0, longestGapMs: 0, lastEchoAt: 0 });

function sawSource(flow: Flow, source: string): void {
  if (flow.sources.at(-1) !== source) flow.sources.push(source);
}

function sawEcho(flow: Flow, at: number, echoes: number): void {
  flow.longestGapMs = Math.max(flow.longestGapMs, at - flow.lastEchoAt);
  flow.lastEchoAt = at;
  flow.echoes += echoes;
}

function broke(flow: Flow, at: number, error: string): void {
  if (flow.brokeAt !== undefined) return;
  flow.brokeAt = at;
  flow.error = error;
}

function tcpFlow(target: Target, clock: Clock): Live {
  const flow = newFlow();
  const { host, port, from } = target;
  const socket = connect({ host, port, noDelay: true, ...(from === undefined ? {} : { localAddress: from }) });
  let head = '';
  let greeted = false;
  socket.on('data', (chunk: Buffer) => {
    if (greeted) {
      sawEcho(flow, clock(), chunk.length);
      return;
    }
    head += chunk.toString();
    const end = head.indexOf('\n');
    if (end < 0) return;
    greeted = true;
    sawSource(flow, addressOf(head.slice(0, end)));
    sawEcho(flow, clock(), head.length - end - 1);
  });
  socket.on('error', (error) => broke(flow, clock(), errorCode(error)));
  socket.on('close', () => broke(flow, clock(), 'closed'));
  return {
    flow,
    send: () => {
      if (flow.brokeAt !== undefined || socket.connecting) return;
      flow.sent++;
      socket.write('.');
    },
    close: () => endWithReset(socket),
  };
}

/** One socket for the whole run, so the flow keeps its ports; unconnected, so that its route may change. */
function udpFlow(target: Target, clock: Clock): Live {
  const flow = newFlow();
  const socket = createSocket(target.host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message) => {
    sawSource(flow, addressOf(message.toString().split('\n')[0]!));
    sawEcho(flow, clock(), 1);
  });
  socket.on('error', (error) => broke(flow, clock(), errorCode(error)));
  socket.bind({ port: 0, ...(target.from === undefined ? {} : { address: target.from }) });
  return {
    flow,
    // A refused datagram is a gap, not the end: the flow goes on when there is a route again.
    send: () => {
      flow.sent++;
      socket.send('.', target.port, target.host, () => undefined);
    },
    close: () => socket.close(),
  };
}

/** Ends the wait early when the run is stopped. */
function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
    if (stop.aborted) {
      clearTimeout(timer);
      resolve();
    }
  });
}

export async function hold(options: CommonOptions & { count: number; ms: number; everyMs: number }): Promise<void> {
  const startedAt = Date.now();
  const start = now();
  const clock: Clock = () => Math.round(now() - start);
  const open = options.proto === 'tcp' ? tcpFlow : udpFlow;
  const live = Array.from({ length: options.count }, (_, n) =>
    open({ host: turn(options.to, n)!, port: options.port, from: turn(options.from, n) }, clock),
  );
  const timer = setInterval(() => {
    for (const each of live) each.send();
    // The test waits for this line: from here on every flow has been answered.
    if (!told && live.every((each) => each.flow.echoes > 0)) {
      told = true;
      print({ established: live.length });
    }
  }, options.everyMs);
  let told = false;
  await pause(options.ms, options.stop);
  clearInterval(timer);

  const endMs = clock();
  // The echoes of the last ones are on their way.
  await new Promise((resolve) => setTimeout(resolve, LAST_MS));
  const flows = live.map((each) => structuredClone(each.flow));
  for (const each of live) each.close();
  for (const flow of flows) flow.longestGapMs = Math.max(flow.longestGapMs, endMs - flow.lastEchoAt);
  const broken = flows.filter((flow) => flow.brokeAt !== undefined).length;
  const stalled = flows.filter(
    (flow) => flow.brokeAt === undefined && endMs - flow.lastEchoAt > options.timeoutMs,
  ).length;
  const summary: HoldSummary = {
    startedAt,
    flows,
    survived: flows.length - broken - stalled,
    broken,
    stalled,
    sourcesConstant: flows.every((flow) => flow.sources.length === 1),
  };
  print({ summary });
}
