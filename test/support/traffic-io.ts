/** What the traffic modes share: one exchange with the server, output, and types of the results. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';

export type Proto = 'tcp' | 'udp';

export interface CommonOptions {
  /** Servers, used in turn. */
  readonly to: readonly string[];
  /** Local addresses, used in turn; empty: the kernel chooses. */
  readonly from: readonly string[];
  readonly port: number;
  readonly proto: Proto;
  /** How long to wait for the server's answer. */
  readonly timeoutMs: number;
  /** Ends the run early. */
  readonly stop: AbortSignal;
}

export interface Exchange {
  readonly ok: boolean;
  readonly ms: number;
  /** The address that the server saw. */
  readonly source?: string;
  readonly error?: string;
}

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly from?: string | undefined;
  readonly timeoutMs: number;
}

export const now = (): number => performance.now();

export function print(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** "192.0.2.11:40000" → "192.0.2.11" */
export const addressOf = (peer: string): string => peer.trim().replace(/:\d+$/, '');

export const errorCode = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

/** The n-th of a list, going round; undefined for an empty list. */
export const turn = (values: readonly string[], n: number): string | undefined => values[n % values.length];

export function exchange(proto: Proto, target: Target): Promise<Exchange> {
  return proto === 'tcp' ? tcpExchange(target) : udpExchange(target);
}

/** Leaves no TIME_WAIT. A socket that is still connecting cannot be reset: node would wait for the connection first. */
export function endWithReset(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

/** After what has already come: a process that was kept waiting itself finds its timers first, and its answers after. */
function after(ms: number, late: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(late), ms);
}

/** A new connection that ends with a reset as soon as the server has said whom it sees. */
function tcpExchange(target: Target): Promise<Exchange> {
  const start = now();
  return new Promise((resolve) => {
    const socket = connect({
      host: target.host,
      port: target.port,
      ...(target.from === undefined ? {} : { localAddress: target.from }),
    });
    let text = '';
    const finish = (result: { source: string } | { error: string }) => {
      clearTimeout(timer);
      endWithReset(socket);
      resolve({ ok: 'source' in result, ms: now() - start, ...result });
    };
    const timer = after(target.timeoutMs, () => {
      if (!socket.destroyed) finish({ error: 'timeout' });
    });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) finish({ source: addressOf(text) });
    });
    socket.on('error', (error) => finish({ error: errorCode(error) }));
    socket.on('end', () => finish({ error: 'closed' }));
  });
}

/** One datagram from a new port, one answer. */
function udpExchange(target: Target): Promise<Exchange> {
  const start = now();
  return new Promise((resolve) => {
    const socket = createSocket(target.host.includes(':') ? 'udp6' : 'udp4');
    let done = false;
    const finish = (result: { source: string } | { error: string }) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      socket.close();
      resolve({ ok: 'source' in result, ms: now() - start, ...result });
    };
    const timer = after(target.timeoutMs, () => finish({ error: 'timeout' }));
    socket.on('error', (error) => finish({ error: errorCode(error) }));
    socket.on('message', (message) => finish({ source: addressOf(message.toString().split('\n')[0]!) }));
    // Connected, so that ICMP errors reach us as ECONNREFUSED and the like.
    socket.on('connect', () =>
      socket.send('probe', (error) => {
        if (error) finish({ error: errorCode(error) });
      }),
    );
    socket.bind({ port: 0, ...(target.from === undefined ? {} : { address: target.from }) }, () => {
      socket.connect(target.port, target.host);
    });
  });
}
