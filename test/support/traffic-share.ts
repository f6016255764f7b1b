/** Many connections: which line does each one take? */
import { type CommonOptions, exchange, print, turn } from './traffic-io.ts';
import { tally } from './traffic-probe.ts';

export interface ShareSummary {
  readonly sent: number;
  readonly ok: number;
  /** Connections per source address that the servers saw. */
  readonly sources: Readonly<Record<string, number>>;
  /** The same for each local address (with `from`), and for each server. */
  readonly byClient: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly byServer: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly errors: Readonly<Record<string, number>>;
}

interface Connection {
  readonly client: string;
  readonly server: string;
  readonly source?: string;
  readonly error?: string;
}

function grouped(all: readonly Connection[], key: 'client' | 'server'): Record<string, Record<string, number>> {
  const names = [...new Set(all.map((one) => one[key]))];
  return Object.fromEntries(
    names.map((name) => [name, tally(all.filter((one) => one[key] === name).map((one) => one.source))]),
  );
}

/** Every client goes to every server in turn: clients advance once all servers have been asked. */
export async function share(options: CommonOptions & { count: number; concurrency: number }): Promise<void> {
  const done: Connection[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < options.count && !options.stop.aborted) {
      const n = next++;
      const server = turn(options.to, n)!;
      const from = turn(options.from, Math.floor(n / options.to.length));
      const { source, error } = await exchange(options.proto, { ...options, host: server, from });
      done.push({
        client: from ?? 'any',
        server,
        ...(source === undefined ? {} : { source }),
        ...(error === undefined ? {} : { error }),
      });
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  const sources = tally(done.map((one) => one.source));
  const summary: ShareSummary = {
    sent: done.length,
    ok: done.filter((one) => one.source !== undefined).length,
    sources,
    byClient: grouped(done, 'client'),
    byServer: grouped(done, 'server'),
    errors: tally(done.map((one) => one.error)),
  };
  print({ summary });
}
