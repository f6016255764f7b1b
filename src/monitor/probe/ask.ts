import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { errorCode, explain } from '../../errors.ts';
import type { ProbeTarget } from '../../model.ts';
import { dnsQuery, readDns } from './dns.ts';
import { httpRequest, readHttp } from './http.ts';
import type { ProbeResult } from './round.ts';

/** Targets that are asked by a socket of this process. */
export type SocketTarget = Exclude<ProbeTarget, { kind: 'icmp' | 'gateway' }>;

/** Where the question comes from: rules send this address and port by the link's table, or not at all. */
export interface Local {
  readonly address: string;
  readonly port: number;
}

export type Answer = Omit<ProbeResult, 'target'>;

/** Asks once, and tells what came of it; the function that is returned takes the question back, and nothing is told. */
export function ask(
  target: SocketTarget,
  from: Local,
  timeoutMs: number,
  told: (answer: Answer | 'port taken') => void,
): () => void {
  const began = performance.now();
  let close: (() => void) | undefined;
  let over = false;
  const stop = () => {
    clearTimeout(timer);
    over = true;
    close?.();
    close = undefined;
  };
  const end = (answer: Omit<Answer, 'rttMs'> | 'port taken') => {
    if (over) return;
    stop();
    if (answer === 'port taken') told(answer);
    else told({ ...answer, ...(answer.ok && { rttMs: performance.now() - began }) });
  };
  const timer = setTimeout(() => end({ ok: false, why: noAnswer(timeoutMs) }), timeoutMs);
  const failed = (error: unknown) => end(errorCode(error) === 'EADDRINUSE' ? 'port taken' : failure(error));
  close = target.kind === 'dns' ? askDns(target, from, end, failed) : askTcp(target, from, end, failed);
  return stop;
}

/** EPERM: only netfilter says so to a process that may do everything. */
export const FIREWALL: Answer = { ok: false, unsent: true, why: 'refused by the firewall of this machine' };
export const noAnswer = (timeoutMs: number) => `no answer within ${timeoutMs / 1000} s`;

const PLAIN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to it, or nobody there',
  ENETUNREACH: 'no route to it',
  EADDRNOTAVAIL: 'the link has lost its address',
};

function failure(error: unknown): Omit<Answer, 'rttMs'> {
  const code = errorCode(error) ?? '';
  if (code === 'EPERM') return FIREWALL;
  return { ok: false, why: PLAIN[code] ?? explain(error) };
}

/** Somebody has answered, rightly or not. */
const readAnswer = (answer: Omit<Answer, 'rttMs'>): Omit<Answer, 'rttMs'> =>
  answer.ok ? answer : { ...answer, wrong: true };

type End = (answer: Omit<Answer, 'rttMs'>) => void;
type Failed = (error: unknown) => void;

function askDns(target: Extract<SocketTarget, { kind: 'dns' }>, from: Local, end: End, failed: Failed): () => void {
  const id = Math.floor(Math.random() * 65_536);
  const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
  let open = true;
  socket.on('error', failed);
  socket.on('message', (message) => {
    const answer = readDns(message, id);
    if (answer !== undefined) end(readAnswer(answer));
  });
  socket.bind({ address: from.address, port: from.port, exclusive: true }, () => {
    if (!open) return;
    // Connected: the kernel tells of refusals, and nobody else's answer comes in.
    socket.connect(53, target.address, (error?: Error) => {
      if (error) failed(error);
      if (!open) return;
      socket.send(dnsQuery(id, target.name), (error) => {
        if (error) failed(error);
      });
    });
  });
  return () => {
    if (open) socket.close();
    open = false;
  };
}

function askTcp(target: Extract<SocketTarget, { port: number }>, from: Local, end: End, failed: Failed): () => void {
  const { address: host, port } = target;
  const socket = connect({ host, port, localAddress: from.address, localPort: from.port });
  socket.on('error', failed);
  socket.once('connect', () => {
    if (!('path' in target)) end({ ok: true });
    else if (target.kind === 'http') talk(socket, target, end);
    else secured(socket, target, end, failed).catch(failed);
  });
  return () => reset(socket);
}

/** With a RST: a connection in TIME_WAIT would hold its port for a minute. */
function reset(socket: Socket): void {
  // resetAndDestroy() would wait for a connection that may never come.
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

type HttpTarget = Extract<SocketTarget, { path: string }>;

function talk(socket: Pick<Socket, 'on' | 'write'>, { address, port, path }: HttpTarget, end: End): void {
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    const answer = readHttp(text, path);
    if (answer !== undefined) end(readAnswer(answer));
  });
  socket.on('end', () =>
    end(readAnswer(readHttp(`${text}\r\n\r\n`, path) ?? { ok: false, why: 'closes without an answer' })),
  );
  socket.write(httpRequest(address, port, path));
}

/** What a wrong clock makes of a right certificate. */
const CLOCK_ERRORS = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'];

/** A captive portal cannot have the certificate of that address. */
async function secured(socket: Socket, target: HttpTarget, end: End, failed: Failed): Promise<void> {
  // Only who asks by HTTPS pays for it.
  const tls = await import('node:tls');
  const secure = tls.connect({ socket, host: target.address, rejectUnauthorized: false });
  secure.on('error', failed);
  secure.once('secureConnect', () => {
    const wrong = secure.authorized ? undefined : String(secure.authorizationError);
    if (wrong === undefined || CLOCK_ERRORS.includes(wrong)) talk(secure, target, end);
    else end(readAnswer({ ok: false, why: `its certificate is not valid (${wrong}): a captive portal?` }));
  });
}
