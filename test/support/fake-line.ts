/**
 * A line in simulated time: the real probe engine and the real verdict, above an fping and sockets that are played. For
 * vitest's fake timers, which the caller turns on.
 */
import { vi } from 'vitest';
import { settingsOf } from './prober-run.ts';
import type { LinkHealth } from '../../src/model.ts';
import type { Judged } from '../../src/monitor/judged.ts';
import type { Kit } from '../../src/monitor/probe/kit.ts';
import { startProbes } from '../../src/monitor/probe/probes.ts';
import type { ProbedLink, ProbeRound } from '../../src/monitor/probe/round.ts';
import { judge } from '../../src/monitor/verdict.ts';

/** Milliseconds until a target answers what is sent now; undefined: it is lost. An error: it cannot even be sent. */
export type Network = (target: string, sentAt: number) => number | undefined | Error;

export interface FakeLine {
  readonly verdicts: { readonly at: number; readonly verdict: LinkHealth['verdict']; readonly reason: string }[];
  readonly rounds: ProbeRound[];
  /** Every command that was started, in order. */
  readonly commands: string[];
  judged(): Judged | undefined;
  stop(): void;
}

const LINK: ProbedLink = { name: 'dsl', id: 1, device: 'eth1', address: '192.0.2.11', gateway: '192.0.2.1' };

export interface FakeLineOptions {
  readonly link?: ProbedLink;
  /** Of these commands there is none. */
  readonly missing?: readonly string[];
  /** For a resident fping that sleeps: does it speak now? */
  readonly speaks?: (at: number) => boolean;
  readonly kit?: Partial<Kit>;
}

export function fakeLine(keys: string, network: Network, options: FakeLineOptions = {}): FakeLine {
  const settings = settingsOf(keys);
  const verdicts: FakeLine['verdicts'] = [];
  const rounds: ProbeRound[] = [];
  const commands: string[] = [];
  let judged: Judged | undefined;
  const kit: Kit = {
    spawn: fakeSpawn(network, commands, options),
    ask: (target, _, timeoutMs, told) => {
      const rtt = network(target.address, Date.now());
      const ok = typeof rtt === 'number' && rtt < timeoutMs;
      const timer = setTimeout(() => told(ok ? { ok, rttMs: rtt } : { ok, why: 'no answer' }), ok ? rtt : timeoutMs);
      return () => clearTimeout(timer);
    },
    monotonic: () => performance.now(),
    epoch: () => Date.now(),
    arp: () => '',
    ...options.kit,
  };
  const take = (round: ProbeRound) => {
    rounds.push(round);
    const before = judged?.health;
    judged = judge(judged, round, settings, { monotonic: performance.now(), epoch: Date.now() });
    const { verdict, reason } = judged.health;
    if (verdict !== before?.verdict || (reason !== before.reason && reason.startsWith('cannot'))) {
      verdicts.push({ at: performance.now(), verdict, reason });
    }
  };
  const probes = startProbes(options.link ?? LINK, settings, take, kit);
  return { verdicts, rounds, commands, judged: () => judged, stop: () => probes.stop() };
}

/** Plays fping in its three ways of being called, and ping. */
function fakeSpawn(network: Network, commands: string[], options: FakeLineOptions): Kit['spawn'] {
  return (command, argv, events) => {
    commands.push(`${command} ${argv.join(' ')}`);
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const later = (ms: number, act: () => void) => timers.add(setTimeout(act, ms));
    const after = (word: string) => Number(argv[argv.indexOf(word) + 1]);
    const stop = () => timers.forEach(clearTimeout);
    const resident = argv.includes('-l') || command === 'ping';
    const speaks = () => !resident || (options.speaks?.(performance.now()) ?? true);
    const say = (text: string) => (speaks() ? events.line(text) : undefined);
    // "Has our firewall eaten it?" cannot be said here.
    if (command === 'nft') {
      later(1, () => events.end('exit code 1'));
      return { pid: 1, stop };
    }
    if (options.missing?.includes(command) === true) {
      later(1, () => events.end('not installed'));
      return { pid: undefined, stop };
    }
    const targets = argv.filter(
      (word, index) => /^[\d.]+\.\d+$/.test(word) && argv[index - 1] !== '-S' && word.split('.').length === 4,
    );
    const period = command === 'ping' ? after('-i') * 1000 : after('-p');
    const timeout = argv.includes('-t') ? after('-t') : Infinity;
    const count = argv.includes('-c') ? after('-c') : argv.includes('-r') ? 1 : Infinity;
    const send = (seq: number) => {
      for (const target of targets) {
        const rtt = network(target, performance.now());
        const once = argv.includes('-r');
        const answered = typeof rtt === 'number' && rtt < timeout;
        if (rtt instanceof Error) {
          if (once) later(0, () => say(`${target}: error while sending ping: ${rtt.message}`));
        } else if (once)
          later(answered ? rtt : timeout, () =>
            say(answered ? `${target} is alive (${rtt} ms)` : `${target} is unreachable`),
          );
        else if (command === 'ping') {
          if (answered) later(rtt, () => say(`64 bytes from ${target}: icmp_seq=${seq + 1} ttl=64 time=${rtt} ms`));
        } else if (answered) later(rtt, () => say(`${target} : [${seq}], 64 bytes, ${rtt} ms (1 avg, 0% loss)`));
        else later(timeout, () => say(`${target} : [${seq}], timed out (NaN avg, 100% loss)`));
      }
      if (seq + 1 < count) later(period, () => send(seq + 1));
      else later(timeout + 1, () => events.end('exit code 0'));
    };
    later(3, () => send(0));
    return { pid: 1, stop };
  };
}

export const simulate = (ms: number) => vi.advanceTimersByTime(ms);
