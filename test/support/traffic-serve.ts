/** The server: says whom it sees, then echoes. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { print } from './traffic-io.ts';

function serveTcp(port: number, host: '0.0.0.0' | '::'): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}\n`);
    socket.pipe(socket);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen({ port, host, ipv6Only: host === '::', backlog: 1024 }, resolve);
  });
}

/** Each family by its own sockets: an IPv4 peer must not be told as `::ffff:192.0.2.11`. */
const udpTypeOf = (address: string) =>
  address.includes(':') ? ({ type: 'udp6', ipv6Only: true } as const) : ({ type: 'udp4' } as const);

/** Answers "ADDRESS:PORT\n" and the datagram itself. */
function serveUdp(port: number, address: string): Promise<void> {
  const socket = createSocket({ ...udpTypeOf(address), reuseAddr: true });
  socket.on('message', (message, peer) => {
    const answer = Buffer.concat([Buffer.from(`${peer.address}:${peer.port}\n`), message]);
    // A failed answer (no route back) is the client's loss, and counted there.
    socket.send(answer, peer.port, peer.address, () => undefined);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address }, () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve();
    });
  });
}

/**
 * UDP answers from a wildcard socket get the source address of the route, not the one that was asked. So one
 * socket for each address there is at the start, and the wildcard for those that come later.
 */
export async function serve(tcp: readonly number[], udp: readonly number[]): Promise<void> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? [])
      .filter(({ family, scopeid }) => family === 'IPv4' || scopeid === 0)
      .map((address) => address.address),
  );
  await Promise.all([
    ...tcp.flatMap((port) => (['0.0.0.0', '::'] as const).map((host) => serveTcp(port, host))),
    ...udp.flatMap((port) => [...own, '0.0.0.0', '::'].map((address) => serveUdp(port, address))),
  ]);
  print('ready');
}
