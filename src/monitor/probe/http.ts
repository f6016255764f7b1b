import { quoted } from '../../checked.ts';

/** A request as small as they come; the server is to close. */
export function httpRequest(address: string, port: number, path: string): string {
  const name = address.includes(':') ? `[${address}]` : address;
  const host = port === 80 || port === 443 ? name : `${name}:${port}`;
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: wanhook\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

/** What a sane server's headers never reach. */
const MOST_HEADER_BYTES = 16_384;

/**
 * Undefined: the headers are not complete yet. A captive portal redirects, or answers in the server's place: where the
 * path is the field's check for it (`…generate_204`), only 204 will do, otherwise any 2xx.
 */
export function readHttp(text: string, path: string): { ok: boolean; why?: string } | undefined {
  if (!text.includes('\r\n\r\n') && text.length < MOST_HEADER_BYTES) return undefined;
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (status === undefined) return { ok: false, why: 'does not answer in HTTP' };
  const location = /^location:\s*(\S+)/im.exec(text)?.[1];
  if (status.startsWith('3')) {
    return { ok: false, why: `HTTP ${status} to ${quoted(location ?? '')}: a captive portal?` };
  }
  const wants204 = /generate_?204$/.test(path.replace(/\?.*/, ''));
  if (wants204 && status !== '204') return { ok: false, why: `HTTP ${status} instead of 204: a captive portal?` };
  return status.startsWith('2') ? { ok: true } : { ok: false, why: `HTTP ${status}` };
}
