import type { PassiveEvidence } from './judged.ts';
import type { SpawnResident } from './kernel-watch.ts';
import {
  counterKey,
  readCounters,
  watchTable,
  WATCH_DELETE,
  WATCH_LIST,
  type Counted,
  type Counters,
} from './passive-table.ts';

/** After the last doubt. A line that loses a round now and then does not load a table each time. */
const KEPT_MS = 30_000;
/** A verdict does not wait for an nft(8) that hangs. */
const PATIENCE_MS = 500;

export interface Passive {
  /** Whose connections may be asked about from now on. */
  follow(links: readonly Counted[]): void;
  /**
   * What a link's connections have shown since this was asked last; undefined: nothing is known (yet), or that was more
   * than so long ago.
   */
  since(link: Counted, withinMs: number): Promise<PassiveEvidence | undefined>;
  /** Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

/**
 * The links' own connections as witnesses. They are asked only while a link is in doubt: the counters are a table that is
 * there as long as that, so that while all is well no packet and no round costs anything.
 */
export function passive(spawn: SpawnResident): Passive {
  let links: readonly Counted[] = [];
  /** Of the table that counts, or is being loaded; undefined: it must be loaded before it is asked. */
  let loaded: string | undefined;
  /** There may be one. */
  let there = true;
  let asking: Promise<ReadonlyMap<string, Counters> | undefined> | undefined;
  const seen = new Map<string, Counters & { readonly at: number }>();
  let timer: NodeJS.Timeout | undefined;

  const load = async (text: string): Promise<undefined> => {
    [loaded, there] = [text, true];
    if ((await run(spawn, [text])) === undefined) loaded = undefined;
    seen.clear();
    for (const link of links) seen.set(counterKey(link), { answers: 0, begun: 0, at: performance.now() });
    return undefined;
  };
  const list = async () => {
    const found = readCounters((await run(spawn, WATCH_LIST)) ?? '');
    // Somebody has flushed it.
    if (found === undefined) loaded = undefined;
    return found;
  };
  const unload = async () => {
    clearTimeout(timer);
    const mayBe = there;
    [loaded, there] = [undefined, false];
    if (mayBe) await run(spawn, [WATCH_DELETE]);
  };
  // One that was killed may have left its own.
  void unload();
  return {
    follow: (wanted) => {
      links = wanted;
      if (links.length === 0) void unload();
    },
    since: async (link, withinMs) => {
      const key = counterKey(link);
      clearTimeout(timer);
      timer = setTimeout(() => void unload(), KEPT_MS);
      timer.unref();
      const wanted = watchTable(links);
      // Links that fail together are one question.
      asking ??= (loaded === wanted ? list() : load(wanted)).finally(() => (asking = undefined));
      const now = (await asking)?.get(key);
      if (now === undefined) return undefined;
      const before = seen.get(key);
      const at = performance.now();
      seen.set(key, { ...now, at });
      if (before === undefined || at - before.at > withinMs) return undefined;
      return { rxPackets: now.answers - before.answers, unansweredSyns: now.begun - before.begun };
    },
    // What we have started ends with us: a load or a delete must come to its end first.
    stop: async () => {
      await asking;
      await unload();
    },
  };
}

/** Its standard output; undefined: it has failed, or takes too long. */
function run(spawn: SpawnResident, argv: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const late = setTimeout(() => {
      resolve(undefined);
      child.stop();
    }, PATIENCE_MS);
    const child = spawn('nft', argv, {
      line: (line) => (text += line),
      end: (why) => {
        clearTimeout(late);
        resolve(why === 'exit code 0' ? text : undefined);
      },
    });
  });
}
