/** The words of fping(8) and ping(8): how they are called, and what they tell. */

import { isLinkLocalIpv6 } from '../../ipv6.ts';

/** What both are called for. `count`: then they end. */
export interface Echo {
  /** Absent: IPv4. */
  readonly family?: 6;
  readonly device: string;
  readonly address: string;
  readonly targets: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly count?: number;
}

/**
 * A line about one echo request: answered, lost, or why it will not be. `seq`: the how many-th, from 0. Neither
 * answered nor lost: only a reason, which comes before a loss.
 */
export interface EchoLine {
  readonly target: string;
  readonly seq?: number;
  readonly rttMs?: number;
  readonly why?: string;
}

const NUMBER = String.raw`([\d.]+(?:e\+\d+)?)`;
/** A neighbour's has its device behind it, for us to say and not to hear. */
const ADDRESS = String.raw`([\da-fA-F.:]+)(?:%\S+)?`;
const FPING = new RegExp(String.raw`^${ADDRESS}\s*: \[(\d+)\], (?:\d+ bytes, ${NUMBER} ms|timed out)`);
const FPING_WHY = new RegExp(String.raw`^ICMP (.+) from ${ADDRESS} for ICMP Echo sent to ${ADDRESS}`);
const PING = new RegExp(String.raw`^\d+ bytes from ${ADDRESS}: icmp_seq=(\d+) .*time=${NUMBER} ms`);
const FPING_ONCE = new RegExp(String.raw`^${ADDRESS} is (?:alive \(${NUMBER} ms\)|unreachable)`);
const FPING_ERROR = new RegExp(String.raw`^${ADDRESS}: error while sending ping: (.+)`);
const PING_WHY = new RegExp(String.raw`^From ${ADDRESS} icmp_seq=(\d+) (.+)`);

/** -I binds to the device: the kernel then routes by the rule for that device, and by no other line's. */
export function fpingWords(echo: Echo): string[] {
  const { intervalMs, timeoutMs, count } = echo;
  const how = count === undefined ? ['-l'] : ['-c', String(count)];
  // -i: pause between two targets; without it 8 targets would take 80 ms of a FAST interval.
  const when = ['-i', '1', '-p', String(intervalMs), '-t', String(timeoutMs)];
  return [...family(echo), ...how, ...when, ...from(echo)];
}

/** Once, in its default mode: only there it tells what the kernel said when it was to send. */
export function fpingOnceWords(echo: Echo): string[] {
  return [...family(echo), '-r', '0', '-e', '-i', '1', '-t', String(echo.timeoutMs), ...from(echo)];
}

/** fping goes by it when it reads the address behind -S: it comes first. */
const family = (echo: Pick<Echo, 'family'>) => (echo.family === 6 ? ['-6'] : []);

const from = ({ device, address, targets }: Echo) => [
  ...['-I', device, '-S', address],
  ...targets.map((target) => onDevice(target, device)),
];

/** A neighbour's address means nothing without its device. */
const onDevice = (target: string, device: string) => (isLinkLocalIpv6(target) ? `${target}%${device}` : target);

export function pingWords(echo: Omit<Echo, 'targets'>, target: string): string[] {
  const { device, intervalMs, count } = echo;
  const how = count === undefined ? [] : ['-c', String(count)];
  return [...family(echo), '-n', ...how, '-i', String(intervalMs / 1000), '-I', device, onDevice(target, device)];
}

export function readFping(line: string): EchoLine | undefined {
  const [, target, seq, rtt] = FPING.exec(line) ?? [];
  if (target !== undefined) return { target, seq: Number(seq), ...(rtt !== undefined && { rttMs: Number(rtt) }) };
  const [, what, from, about] = FPING_WHY.exec(line) ?? [];
  return about === undefined ? undefined : { target: about, why: `${what}, says ${from}` };
}

/** ping(8) counts from 1, and has no line for what is lost. */
export function readPing(line: string, target: string): EchoLine | undefined {
  const [, , seq, rtt] = PING.exec(line) ?? [];
  if (rtt !== undefined) return { target, seq: Number(seq) - 1, rttMs: Number(rtt) };
  const [, from, , what] = PING_WHY.exec(line) ?? [];
  return what === undefined ? undefined : { target, why: `${what}, says ${from}` };
}

/** `1.1.1.1 is alive (0.05 ms)`, `… is unreachable`, `1.1.1.1: error while sending ping: Operation not permitted`. */
export function readFpingOnce(line: string): { target: string; rttMs?: number; sending?: string } | undefined {
  const [, target = '', rtt] = FPING_ONCE.exec(line) ?? [];
  if (target !== '') return { target, ...(rtt !== undefined && { rttMs: Number(rtt) }) };
  const [, about, sending] = FPING_ERROR.exec(line) ?? [];
  return about === undefined || sending === undefined ? undefined : { target: about, sending };
}
