/** RFC 1035: a question for an address record, and whether an answer shows that the resolver works. */

const HEADER = 12;

export function dnsQuery(id: number, name: string): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2); // recursion desired
  header.writeUInt16BE(1, 4); // one question
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]);
  const typeA = [0, 1];
  const classInternet = [0, 1];
  return Buffer.concat([header, Buffer.from([...labels, 0, ...typeA, ...classInternet])]);
}

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/** Undefined: not the answer to that question. A name that does not exist has been looked up, so that is fine. */
export function readDns(message: Buffer, id: number): { ok: boolean; why?: string } | undefined {
  if (message.length < HEADER || message.readUInt16BE(0) !== id) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) === 0) return undefined;
  const rcode = RCODES[flags & 15] ?? `rcode ${flags & 15}`;
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN' ? { ok: true } : { ok: false, why: `answers ${rcode}` };
}
