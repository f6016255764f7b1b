import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parseIpv4 } from '../checked.ts';
import { parseIpv6 } from '../ipv6.ts';

/** proc(5): a line of /proc/net/tcp or tcp6 is at least and at most this long, and a read gives a page of them. */
const SHORTEST_LINE = 150;
const LONGEST_LINE = 250;
const SMALLEST_PAGE = 4096;
const LARGEST_PAGE = 65_536;
const MOST_PAGES = 256;

/**
 * Is there a TCP socket with this local address? ss(8), which could end them, takes longer to start than this takes to say that
 * there is none. True if nobody knows.
 */
export function hasSockets(procNet: string, address: string): boolean {
  try {
    const text = `: ${printed(bytesOf(address))}:`;
    const name = address.includes(':') ? 'tcp6' : 'tcp';
    const count = inUse(readFileSync(join(procNet, name.replace('tcp', 'sockstat')), 'latin1'));
    if (count === 0) return false;
    const file = openSync(join(procNet, name), 'r');
    try {
      return isListed(file, text, count);
    } finally {
      closeSync(file);
    }
  } catch {
    return true;
  }
}

/** Listening ones, too; not what is left of closed ones, nor those that have not been accepted. Infinity: who knows. */
const inUse = (sockstat: string) => Number(/^TCP6?: inuse (\d+)/m.exec(sockstat)?.[1] ?? Infinity);

/**
 * Lines that may be of the others: TIME_WAIT, FIN_WAIT2 (which the kernel keeps like that, too), SYN_RECV (get_timewait4_sock,
 * get_openreq4 in net/ipv4/tcp_ipv4.c).
 */
const NOT_IN_USE = /^ *\d+: \S+ \S+ (?:06|05|03) /;

/**
 * Behind the last socket the kernel walks through the rest of a table that is as large as the memory (milliseconds, where that
 * is): so it is asked for no more lines than there are sockets, as long as that will do. Where another line would have fitted
 * there is none.
 */
function isListed(file: number, text: string, count: number): boolean {
  const room = Buffer.alloc(LARGEST_PAGE);
  let rest = '';
  let left = count + 1; // and the heading
  for (let page = 0; page < MOST_PAGES; page++) {
    const wanted = Math.min(LARGEST_PAGE, left * SHORTEST_LINE);
    const length = readSync(file, room, 0, wanted, null);
    const lines = (rest + room.toString('latin1', 0, length)).split('\n');
    rest = lines.pop() ?? '';
    if (lines.some((line) => line.includes(text))) return true;
    left -= lines.filter((line) => !NOT_IN_USE.test(line)).length;
    if (left <= 0 || length === 0 || length + LONGEST_LINE < Math.min(wanted, SMALLEST_PAGE)) return false;
  }
  return true;
}

function bytesOf(address: string): Buffer {
  const four = parseIpv4(address);
  const digits =
    four === undefined ? parseIpv6(address)?.toString(16).padStart(32, '0') : four.toString(16).padStart(8, '0');
  if (digits === undefined) throw new TypeError(`no address: ${address}`);
  return Buffer.from(digits, 'hex');
}

/** As the kernel has it in memory, word by word: so printed in this machine's order. */
const printed = (bytes: Buffer) =>
  [...new Uint32Array(Uint8Array.from(bytes).buffer)]
    .map((word) => word.toString(16).toUpperCase().padStart(8, '0'))
    .join('');
