import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parseIpv4 } from '../checked.ts';
import { parseIpv6 } from '../ipv6.ts';

/** proc(5): a line of /proc/net/tcp or tcp6 is shorter than this, and a read gives a page of them. */
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
    const isSix = address.includes(':');
    const file = openSync(join(procNet, isSix ? 'tcp6' : 'tcp'), 'r');
    try {
      return isListed(file, `: ${printed(bytesOf(address))}:`);
    } finally {
      closeSync(file);
    }
  } catch {
    return true;
  }
}

/** Where another line would have fitted there is none: to be told so by another read costs as much as all before. */
function isListed(file: number, text: string): boolean {
  const room = Buffer.alloc(LARGEST_PAGE);
  for (let page = 0; page < MOST_PAGES; page++) {
    const length = readSync(file, room, 0, LARGEST_PAGE, null);
    if (room.toString('latin1', 0, length).includes(text)) return true;
    if (length + LONGEST_LINE < SMALLEST_PAGE) return false;
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
