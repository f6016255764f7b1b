/** Plays a case of fake-kernel-cases.ts on the fake kernel. */
import { createFakeKernel, type FakeKernel } from './fake-kernel.ts';
import { type IpDump, parseDump, READ_ALL, READ_ALL6 } from './world-dump.ts';

export interface Played {
  /** `LINE: message`; empty: nothing was refused. */
  readonly refusal: string;
  readonly dump: IpDump;
  /** Rules and routes. */
  readonly dump6: IpDump;
}

/** What ip said, as `LINE: message`; line 0 when it ended without naming one. */
export function refusalOf(stderr: string): string {
  const [message = ''] = stderr.split('\n');
  if (/^code 0$|^$/.test(message)) return '';
  return `${/Command failed -:(\d+)/.exec(stderr)?.[1] ?? '0'}: ${message.trim()}`;
}

export function playCase(given: readonly string[], when: readonly string[]): Played {
  const kernel = createFakeKernel();
  const refused = given.map((line) => play(kernel, line)).find((refusal) => refusal !== '');
  if (refused !== undefined) throw new Error(`the scene was refused: ${refused}`);
  const scene = when.some((line) => /^(?:device|carrier) /.test(line));
  const refusal = scene ? when.map((line) => play(kernel, line)).join('') : batch(kernel, when);
  const { stdout } = kernel.runSync('ip', ['-N', '-j', '-batch', '-'], READ_ALL.join('\n'));
  const six = kernel.runSync('ip', ['-6', '-N', '-j', '-batch', '-'], READ_ALL6.join('\n'));
  return { refusal, dump: parseDump(stdout), dump6: parseDump(six.stdout) };
}

function play(kernel: FakeKernel, line: string): string {
  const [what, name = '', state] = line.split(' ');
  if (what === 'carrier') kernel.setCarrier(name, state === 'on');
  else if (what === 'device' && state === 'gone') kernel.removeDevice(name);
  else if (what === 'device') kernel.addDevice(name);
  else return batch(kernel, [line]);
  return '';
}

/** Lines for IPv6 begin with `-6`, which is a batch's, and not a line's. */
export const SIX = /^-6 /;

function batch(kernel: FakeKernel, lines: readonly string[]): string {
  const family = lines.some((line) => SIX.test(line)) ? ['-6'] : [];
  const text = lines.map((line) => line.replace(SIX, '')).join('\n');
  return refusalOf(kernel.runSync('ip', [...family, '-batch', '-'], text).stderr);
}
