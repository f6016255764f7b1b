/**
 * An ISP's DHCP server that gives what a test says, byte by byte. A program, started in the ISP's namespace: what it gives
 * stands in /run/offer.json, every line of output is a message it got.
 */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import type { DhcpOffer } from './dhcp-server-run.ts';

const COOKIE = Buffer.from([99, 130, 83, 99]);
const NAMES = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'];

const ip = (text: string) => Buffer.from(text.split('.').map(Number));
const seconds = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

function optionsOf(packet: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 240; at < packet.length && packet[at] !== 255;) {
    if (packet[at] === 0) at++;
    else {
      const length = packet[at + 1] ?? 0;
      found.set(packet[at]!, packet.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return found;
}

function encode(options: Iterable<readonly [number, Buffer]>): Buffer {
  const parts = [...options].map(([code, value]) => Buffer.concat([Buffer.from([code, value.length]), value]));
  return Buffer.concat([...parts, Buffer.from([255])]);
}

function answer(request: Buffer, type: 'OFFER' | 'ACK' | 'NAK', offer: DhcpOffer): Buffer {
  const reply = Buffer.alloc(236);
  request.copy(reply, 0, 0, 236);
  reply[0] = 2;
  reply.fill(0, 12, 28);
  if (type !== 'NAK') ip(offer.address).copy(reply, 16);
  reply.fill(0, 44, 236);
  const lease = offer.lease ?? 3600;
  const options = new Map<number, Buffer>([
    [53, Buffer.from([NAMES.indexOf(type)])],
    [54, ip(offer.server)],
  ]);
  if (type !== 'NAK') {
    options.set(51, seconds(lease));
    options.set(1, ip(offer.mask ?? '255.255.255.0'));
    options.set(3, ip(offer.router ?? offer.server));
    options.set(6, ip(offer.server));
    for (const [code, hex] of Object.entries(offer.options ?? {})) {
      if (hex === '') options.delete(Number(code));
      else options.set(Number(code), Buffer.from(hex, 'hex'));
    }
  }
  return Buffer.concat([reply, COOKIE, encode(options)]);
}

/** A client asks for what it has; that may not be what it is to get. */
function answerTo(
  type: string,
  packet: Buffer,
  asked: Map<number, Buffer>,
  offer: DhcpOffer,
): 'OFFER' | 'ACK' | 'NAK' | undefined {
  if (offer.silent === true) return undefined;
  if (offer.refuse === true) return type === 'REQUEST' ? 'NAK' : undefined;
  if (type === 'DISCOVER') return 'OFFER';
  if (type !== 'REQUEST') return undefined;
  const wants = asked.get(50) ?? packet.subarray(12, 16);
  return wants.equals(ip(offer.address)) ? 'ACK' : 'NAK';
}

const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.on('message', (packet) => {
  const asked = optionsOf(packet);
  const type = NAMES[asked.get(53)?.[0] ?? 0] ?? '';
  process.stdout.write(`${type}\n`);
  const offer = JSON.parse(readFileSync('/run/offer.json', 'utf8')) as DhcpOffer;
  const word = answerTo(type, packet, asked, offer);
  const reply = word && answer(packet, word, offer);
  if (reply === undefined || type === '') return;
  // Who has the address is answered there (RFC 2131, 4.1). A NAK is for all, but dhcpcd listens at its address alone.
  const holder = packet.subarray(12, 16).join('.');
  if (holder !== '0.0.0.0') socket.send(reply, 68, holder);
  if (holder !== '0.0.0.0' && word !== 'NAK') return;
  // It would leave by the default route; and ours goes with the carrier.
  execFileSync('ip', ['route', 'replace', '255.255.255.255', 'dev', 'line']);
  socket.send(reply, 68, '255.255.255.255');
});
socket.bind(67, '0.0.0.0', () => {
  socket.setBroadcast(true);
  process.stdout.write('ready\n');
});
