/** The words of fping(8) and ping(8): how they are called, and what they tell. */

/** What both are called for. `count`: then they end. */
export interface Echo {
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
const FPING = new RegExp(String.raw`^([\d.]+)\s*: \[(\d+)\], (?:\d+ bytes, ${NUMBER} ms|timed out)`);
const FPING_WHY = /^ICMP (.+) from ([\d.]+) for ICMP Echo sent to ([\d.]+)/;
const PING = new RegExp(String.raw`^\d+ bytes from ([\d.]+): icmp_seq=(\d+) .*time=${NUMBER} ms`);
const PING_WHY = /^From ([\d.]+) icmp_seq=(\d+) (.+)/;

/** -I binds to the device: the kernel then routes by the rule for that device, and by no other line's. */
export function fpingWords({ device, address, targets, intervalMs, timeoutMs, count }: Echo): string[] {
  const how = count === undefined ? ['-l'] : ['-c', String(count)];
  // -i: pause between two targets; without it 8 targets would take 80 ms of a FAST interval.
  const when = ['-i', '1', '-p', String(intervalMs), '-t', String(timeoutMs)];
  return [...how, ...when, '-I', device, '-S', address, ...targets];
}

/** Once, in its default mode: only there it tells what the kernel said when it was to send. */
export function fpingOnceWords({ device, address, targets, timeoutMs }: Echo): string[] {
  return ['-r', '0', '-e', '-i', '1', '-t', String(timeoutMs), '-I', device, '-S', address, ...targets];
}

export function pingWords({ device, intervalMs, count }: Omit<Echo, 'targets'>, target: string): string[] {
  const how = count === undefined ? [] : ['-c', String(count)];
  return ['-n', ...how, '-i', String(intervalMs / 1000), '-I', device, target];
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
  const [, target = '', rtt] =
    new RegExp(String.raw`^([\d.]+) is (?:alive \(${NUMBER} ms\)|unreachable)`).exec(line) ?? [];
  if (target !== '') return { target, ...(rtt !== undefined && { rttMs: Number(rtt) }) };
  const [, about, sending] = /^([\d.]+): error while sending ping: (.+)/.exec(line) ?? [];
  return about === undefined || sending === undefined ? undefined : { target: about, sending };
}
