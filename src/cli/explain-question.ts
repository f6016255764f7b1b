import { isDeviceName, parseIpv4, quoted } from '../checked.ts';
import { PROTOCOLS } from '../config/rule-keys.ts';
import { EXIT, WanhookError } from '../errors.ts';

export interface ExplainOptions {
  readonly from?: string;
  readonly iif?: string;
  readonly proto?: string;
  readonly sport?: string;
  readonly dscp?: string;
  readonly json?: boolean;
}

/** The connection that is asked about, checked. */
export interface Question {
  readonly to: string;
  readonly from?: string;
  readonly iif?: string;
  readonly protocol: number;
  readonly dport?: number;
  readonly sport?: number;
  readonly dscp: number;
}

/** `DEST[:PORT]` and the options; every problem at once. */
export function questionOf(destination: string, options: ExplainOptions): Question {
  const problems: string[] = [];
  const [to = '', port] = destination.split(/:(.*)/);
  const address = (what: string, value: string) => {
    if (parseIpv4(value) === undefined) problems.push(`${what} is no IPv4 address: ${quoted(value)}`);
    return value;
  };
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
    to: address('DEST', to),
    ...(options.from !== undefined && { from: address('--from', options.from) }),
    ...(options.iif !== undefined && { iif: options.iif }),
    protocol: protocol ?? 0,
    ...(dport !== undefined && { dport }),
    ...(sport !== undefined && { sport }),
    dscp: number('--dscp', options.dscp, 0, 63) ?? 0,
  };
  if (problems.length > 0) throw new WanhookError(problems.join('; '), { exitCode: EXIT.usage });
  return question;
}
