import { isDeviceName, parseIpv4, quoted } from '../checked.ts';
import { PROTOCOLS } from '../config/rule-keys.ts';
import { EXIT, WanhookError } from '../errors.ts';
import { canonicalIpv6, isNearIpv6 } from '../ipv6.ts';

export interface ExplainOptions {
  readonly from?: string;
  readonly iif?: string;
  readonly proto?: string;
  readonly sport?: string;
  readonly dscp?: string;
  readonly json?: boolean;
}

/** The connection that is asked about, checked; IPv6 addresses as everybody writes them. */
export interface Question {
  readonly family: 4 | 6;
  readonly to: string;
  readonly from?: string;
  readonly iif?: string;
  readonly protocol: number;
  readonly dport?: number;
  readonly sport?: number;
  readonly dscp: number;
}

/** `DEST[:PORT]` or `[DEST]:PORT`, and the options; every problem at once. */
export function questionOf(destination: string, options: ExplainOptions): Question {
  const problems: string[] = [];
  const [dest, port] = endOf(destination);
  const address = (what: string, value: string) => {
    const known = parseIpv4(value) === undefined ? canonicalIpv6(value) : value;
    if (known === undefined) problems.push(`${what} is no address: ${quoted(value)}`);
    else if (isNearIpv6(known))
      problems.push(`${what} is link-local or multicast, and ends at the next router: ${known}`);
    return known ?? value;
  };
  const to = address('DEST', dest);
  const from = options.from === undefined ? undefined : address('--from', options.from);
  const [family, other] = [to, from ?? to].map((each) => (each.includes(':') ? 6 : 4));
  if (problems.length === 0 && family !== other) problems.push('--from is of one family, DEST of the other');
  const number = (what: string, value: string | undefined, low: number, high: number) => {
    if (value === undefined) return undefined;
    if (/^\d{1,5}$/.test(value) && Number(value) >= low && Number(value) <= high) return Number(value);
    problems.push(`${what} is no number from ${low} to ${high}: ${quoted(value)}`);
    return undefined;
  };
  const name = options.proto?.toLowerCase() ?? 'tcp';
  const protocol = Object.hasOwn(PROTOCOLS, name) ? PROTOCOLS[name] : number('--proto', name, 0, 255);
  const dport = number('PORT', port, 1, 65_535);
  const sport = number('--sport', options.sport, 1, 65_535);
  if (options.iif !== undefined && !isDeviceName(options.iif))
    problems.push(`--iif is no device: ${quoted(options.iif)}`);
  if (options.iif !== undefined && options.iif !== 'lo' && options.from === undefined) {
    problems.push('--iif needs --from: whose packet comes in by it?');
  }
  const question: Question = {
    family: family ?? 4,
    to,
    ...(from !== undefined && { from }),
    ...(options.iif !== undefined && { iif: options.iif }),
    protocol: protocol ?? 0,
    ...(dport !== undefined && { dport }),
    ...(sport !== undefined && { sport }),
    dscp: number('--dscp', options.dscp, 0, 63) ?? 0,
  };
  if (problems.length > 0) throw new WanhookError(problems.join('; '), { exitCode: EXIT.usage });
  return question;
}

/** An IPv6 address has colons of its own: with a port it is in brackets. */
function endOf(destination: string): readonly [address: string, port?: string] {
  const [, inside, behind] = /^\[([^\]]*)\](?::(.*))?$/.exec(destination) ?? [];
  if (inside !== undefined) return behind === undefined ? [inside] : [inside, behind];
  if (destination.split(':').length > 2) return [destination];
  const [address = '', port] = destination.split(/:(.*)/);
  return port === undefined ? [address] : [address, port];
}
