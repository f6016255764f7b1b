import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import { hasEnded, isOurs, type Look, type Seen } from './look.ts';
import { OBSERVE_BATCH } from './observe.ts';
import { tookTooLong, type Outcome, type Runner } from './runner.ts';
import { waitUntil } from './wait.ts';

/** PIPE_BUF of pipe(7): written whole or not at all, and without waiting. Only a line's first event has more to say. */
const MOST_BYTES = 4096;

/** It does in milliseconds what it is told; where its answer finds no room, another one is asked. */
const LIMIT_MS = 5_000;

/** Prints one list, whatever there is: that ip(8) has come to it tells that all before it is done. */
const LAST_WORD = 'link show dev lo\n';
const ANSWER = /^\[.*\]\n$/m;
/** It stops at the first that is refused. */
const REFUSAL = /^Command failed -:\d+\n/m;

/**
 * The ip(8) that has looked carries out what follows from that; everything else is the runner's. It knows devices by the
 * numbers they had then: only for what is decided by its very look, and that is fresh. One made anew since is refused; one that
 * has given its name to another would be taken for it. Like any other it stops at what is refused, and ends.
 */
export function waitingIp(runner: Runner, { pipe, ip }: Look, { waiting: pid, bytes }: Seen): Runner {
  if (pipe === undefined) return runner;
  const answers = openIfThere(ip);
  if (answers === undefined) return runner;
  let lines = OBSERVE_BATCH.length;
  let at = bytes;
  let isWaiting = true;

  const ask = (batch: string): Outcome | undefined => {
    isWaiting = false;
    if (!tell(pipe, `${batch}${LAST_WORD}`)) return undefined;
    let said = '';
    const room = Buffer.alloc(64 * 1024);
    // Latin-1: a device's name is bytes, and those are counted.
    const more = () => (said = room.toString('latin1', 0, readSync(answers, room, 0, room.length, at)));
    const isAnswered = () => ANSWER.test(more()) || REFUSAL.test(said);
    if (!waitUntil(() => isAnswered() || hasEnded(pid, more), LIMIT_MS)) {
      if (isOurs(pid)) process.kill(pid, 'SIGKILL');
      throw tookTooLong('ip', ['-batch', '-'], LIMIT_MS);
    }
    if (!ANSWER.test(said)) return { code: 1, stdout: '', stderr: numberedFrom(lines, said) };
    isWaiting = true;
    at += said.length;
    lines += batch.split('\n').length;
    return { code: 0, stdout: '', stderr: '' };
  };

  return {
    run: async (tool, argv, stdin = '', options) => {
      const isForIt = isWaiting && tool === 'ip' && argv.join(' ') === '-batch -' && fits(stdin);
      return (isForIt ? ask(stdin) : undefined) ?? runner.run(tool, argv, stdin, options);
    },
  };
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
}

const fits = (batch: string) => Buffer.byteLength(batch) + LAST_WORD.length <= MOST_BYTES;

/** False: nobody listens any more, or not even so much fits. It has heard nothing of it. */
function tell(pipe: number, text: string): boolean {
  try {
    // Opened anew: the shell's end would wait.
    const own = openSync(`/proc/self/fd/${pipe}`, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeFileSync(own, text);
      return true;
    } finally {
      closeSync(own);
    }
  } catch (error) {
    if (['EPIPE', 'EAGAIN', 'ENXIO', 'ENOENT'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

/** It counts the lines of all that it was ever told. */
const numberedFrom = (before: number, said: string) =>
  said.replace(/Command failed -:(\d+)/, (_, line) => `Command failed -:${Number(line) - before}`);
