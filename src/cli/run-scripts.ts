import { join } from 'node:path';
import { EXIT, harmless, WanhookError } from '../errors.ts';
import { GLOBAL_DEFAULTS } from '../config/keys.ts';
import { appendJournal } from '../journal.ts';
import { inspectScripts, runScript } from '../kernel/scripts.ts';
import { loadGoodConfig } from '../state/good-config.ts';
import { forgetQueued, markBegun, queuedEvents, readQueued, type QueuedEvent } from '../state/script-queue.ts';
import { worldFor, type Common, type Context } from './context.ts';

/**
 * `wanhook run-scripts`: what a run starts in the background. Events one after the other, and for each the scripts of
 * events.d in their order.
 */
export async function runScripts(context: Context, common: Common): Promise<number> {
  const { stateDirectory } = worldFor(context, common);
  do {
    try {
      await context.aloneWithScripts(() => workOff(context, common));
    } catch (error) {
      // Another runner works: it looks into the queue once more before it leaves.
      if (error instanceof WanhookError && error.exitCode === EXIT.locked) return EXIT.done;
      throw error;
    }
  } while (queuedEvents(stateDirectory).length > 0);
  return EXIT.done;
}

async function workOff(context: Context, common: Common): Promise<void> {
  const { stateDirectory, loadConfig } = worldFor(context, common);
  const config = loadConfig().config ?? loadGoodConfig(stateDirectory);
  const limitMs = (config?.eventTimeout ?? GLOBAL_DEFAULTS.eventTimeout) * 1000;
  for (let [path] = queuedEvents(stateDirectory); path !== undefined; [path] = queuedEvents(stateDirectory)) {
    const event = readQueued(path);
    if (event !== undefined) await tellScripts(context, stateDirectory, event, limitMs);
    forgetQueued(path);
  }
}

/** All scripts for one event, and what they said into the journal; what went wrong also into syslog. */
async function tellScripts(
  { scriptDirectory, syslog }: Context,
  stateDirectory: string,
  event: QueuedEvent,
  limitMs: number,
): Promise<void> {
  const { variables, begun } = event;
  const started = Date.now();
  const { runnable, refused } = inspectScripts(scriptDirectory, process.getuid?.());
  const notes: string[] = [];
  const complaints = [...refused];
  if (begun !== undefined) complaints.push(`${begun} was running when its runner was killed: not run again`);
  const changed: string[] = [];
  for (const name of runnable.filter((each) => begun === undefined || each > begun)) {
    markBegun(event, name);
    const path = join(scriptDirectory, name);
    changed.push(path);
    const at = Date.now();
    const { how, ok, output } = await runScript(path, variables, limitMs);
    const said = linesOf(output);
    notes.push(`${name}: ${how}, ${Date.now() - at} ms`, ...said.map((line) => `${name}: | ${line}`));
    if (!ok) complaints.push([`${name}: ${how}`, ...said.slice(-3)].join(': '));
  }
  const what = ['script', variables['WANHOOK_EVENT'], variables['WANHOOK_LINK']].filter(Boolean).join(' ');
  const ms = Date.now() - started;
  appendJournal(stateDirectory, {
    time: new Date(started).toISOString(),
    cause: [what],
    changed,
    notes: [...refused, ...notes],
    ...(complaints.length > refused.length && { error: complaints.slice(refused.length).join('; ') }),
    ms,
  });
  if (complaints.length > 0) await syslog(complaints.map((each) => `${what}: ${each}`).join('\n'));
}

/** What a script printed is a stranger's. */
function linesOf(output: string): string[] {
  return output
    .split(/\r?\n/)
    .map((line) => harmless(line).trimEnd())
    .filter((line) => line !== '');
}
