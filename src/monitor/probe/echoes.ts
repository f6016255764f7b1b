import type { Resident, ResidentEvents } from '../../kernel/resident.ts';
import { FIREWALL, noAnswer, type Answer } from './ask.ts';
import { fpingOnceWords, fpingWords, pingWords, readFping, readFpingOnce, readPing, type Echo } from './icmp.ts';

export type Spawn = (command: string, argv: readonly string[], events: ResidentEvents) => Resident;

/** What became of the `seq`-th request to a target. */
export type Heard = (target: string, seq: number, answer: Answer) => void;

/** One resident process asks all targets of a link, again and again: never one process per probe. */
export interface Echoes {
  /** `ping`: the fallback, one process per target; it tells nothing of what is lost. `none`: neither is installed. */
  tool(): 'fping' | 'ping' | 'none';
  /** Asks at once, and then every interval; the request that goes now is number 0. Ends what ran before. */
  restart(heard: Heard): void;
  running(): boolean;
  /** So many more, beside the resident, and faster. */
  burst(count: number, intervalMs: number, heard: Heard): void;
  /** Asks these once more, in a way that also tells why nothing could be sent. */
  once(targets: readonly string[], timeoutMs: number, told: (target: string, answer: Answer) => void): void;
  stop(): void;
}

export function echoes(echo: Echo, spawn: Spawn): Echoes {
  let tool: 'fping' | 'ping' | 'none' = 'fping';
  const running = new Set<Resident>();
  let resident: Resident[] = [];
  const whys = new Map<string, string>();

  const start = (words: readonly string[], line: (text: string) => void, end: () => void): Resident => {
    const command = tool;
    const process = spawn(command, words, {
      line,
      end: (why) => {
        running.delete(process);
        if (why === 'not installed') nextTool(command);
        end();
      },
    });
    running.add(process);
    return process;
  };
  const stop = (process: Resident) => {
    running.delete(process);
    process.stop();
  };
  const hear = (asked: Echo, heard: Heard, end: () => void): Resident[] => {
    const take = (found: ReturnType<typeof readFping>) => {
      if (found === undefined) return;
      const { target, seq, rttMs, why } = found;
      if (why !== undefined) whys.set(target, why);
      if (seq === undefined) return;
      const lost = whys.get(target) ?? noAnswer(asked.timeoutMs);
      whys.delete(target);
      heard(target, seq, rttMs === undefined ? { ok: false, why: lost } : { ok: true, rttMs });
    };
    if (tool === 'fping') return [start(fpingWords(asked), (text) => take(readFping(text)), end)];
    if (tool === 'none') return [];
    return asked.targets.map((target) => start(pingWords(asked, target), (text) => take(readPing(text, target)), end));
  };

  let begin: (() => void) | undefined;
  const nextTool = (missing: string) => {
    if (tool !== missing) return;
    tool = missing === 'fping' ? 'ping' : 'none';
    begin?.();
  };

  return {
    tool: () => tool,
    running: () => resident.length > 0 && resident.every((process) => running.has(process)),
    restart: (heard) => {
      begin = () => {
        resident.forEach(stop);
        resident = hear(echo, heard, () => undefined);
      };
      begin();
    },
    burst: (count, intervalMs, heard) => void hear({ ...echo, count, intervalMs }, heard, () => undefined),
    once: (targets, timeoutMs, told) => {
      const open = new Set(targets);
      let last = '';
      const take = (text: string) => {
        const found = readFpingOnce(text);
        if (found === undefined) last = text || last;
        if (found === undefined || !open.delete(found.target)) return;
        told(found.target, onceAnswer(found, timeoutMs));
      };
      const end = () => open.forEach((target) => told(target, { ok: false, why: last || noAnswer(timeoutMs) }));
      start(fpingOnceWords({ ...echo, targets, timeoutMs }), take, end);
    },
    stop: () => running.forEach(stop),
  };
}

function onceAnswer({ rttMs, sending }: { rttMs?: number; sending?: string }, timeoutMs: number): Answer {
  if (rttMs !== undefined) return { ok: true, rttMs };
  if (sending === 'Operation not permitted') return FIREWALL;
  return { ok: false, why: sending === undefined ? noAnswer(timeoutMs) : `cannot be sent: ${sending}` };
}
