/** What an event costs: hooks called as pppd calls them, each contender in a router of its own; they take turns. */
import { type Cost, cost, type Figures, figures, type Measured, round, times } from './cost.ts';
import { createEventRouter, type Event, EVENTS, type EventRouter, type Who, WHO } from './event-router.ts';

export interface EventRow extends Figures {
  readonly links: number;
  readonly who: Who | 'node -e 0' | 'sh, node, ip';
  readonly event: Event | '64 hooks at once' | '';
  readonly timesNode?: { readonly wall: number; readonly cpu: number };
  /** The same event with the script. */
  readonly timesScript?: { readonly wall: number; readonly cpu: number };
  /** As a multiple of one hook: until all have returned, until the last change. */
  readonly timesOne?: { readonly wall: number; readonly applied: number | null };
}

const NODE: readonly string[] = [process.execPath, '-e', '0'];
/** What starting costs where Node starts the one command that changes something: it decides nothing, and writes nothing down. */
const START = "require('child_process').spawnSync('ip', ['-batch', '-'], { input: 'rule show pref 1' })";
const LEAST: readonly string[] = [
  '/bin/sh',
  '-c',
  `/usr/bin/env -i PATH=/usr/sbin ${process.execPath} -e "${START}"; :`,
];
/** Costs by contender and event, round by round. */
class Book {
  readonly #costs = new Map<string, Cost[]>();
  add(key: string, each: Cost): void {
    this.#costs.set(key, [...this.get(key), each]);
  }
  get(key: string): readonly Cost[] {
    return this.#costs.get(key) ?? [];
  }
}

const SCRIPT: Who = 'write-ups’ script';

function rowsOf(book: Book, contenders: readonly Who[], links: number): EventRow[] {
  const base = [...EVENTS].flatMap((event) => contenders.flatMap((who) => book.get(`node, then ${who} ${event}`)));
  const both = (own: readonly Cost[], other: readonly Cost[]) => ({
    wall: times(own, other, 'wall'),
    cpu: times(own, other, 'cpu'),
  });
  const rows = contenders.flatMap((who) =>
    EVENTS.map((event): EventRow => {
      const own = book.get(`${who} ${event}`);
      const script = book.get(`${SCRIPT} ${event}`);
      return {
        ...{ links, who, event, ...figures(own), timesNode: both(own, book.get(`node, then ${who} ${event}`)) },
        ...(who !== SCRIPT && { timesScript: both(own, script) }),
      };
    }),
  );
  const least = book.get('least');
  return [
    { links, who: 'node -e 0', event: '', ...figures(base) },
    { links, who: 'sh, node, ip', event: '', ...figures(least), timesNode: both(least, book.get('node, then least')) },
    ...rows,
  ];
}

async function events(routers: readonly EventRouter[], links: number, rounds: number): Promise<EventRow[]> {
  const book = new Book();
  for (const router of routers) await router.grow(links);
  // What is divided is measured next to each other: a virtual machine's clock rate changes within a round's three seconds.
  const next = async (key: string, { rtr }: EventRouter, measured: Measured) => {
    book.add(`node, then ${key}`, await cost(rtr, { argv: NODE, quietMs: 1 }));
    book.add(key, await cost(rtr, measured));
  };
  for (let turn = 0; turn < rounds; turn++) {
    await next('least', routers[0]!, { argv: LEAST, quietMs: 1 });
    for (const event of EVENTS) {
      for (const router of routers) {
        const quietMs = event === 'not ours' ? 1 : 120;
        await next(`${router.who} ${event}`, router, { ...router.event(event), quietMs });
      }
    }
  }
  return rowsOf(
    book,
    routers.map(({ who }) => who),
    links,
  );
}

/** A line comes up, and 64 hooks say so. */
async function burst(
  routers: readonly EventRouter[],
  { bursts, hooks = 64 }: EventOptions,
  known: readonly EventRow[],
): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  for (const router of routers) {
    const { who, rtr } = router;
    const [down, up] = [router.event('down'), router.event('up')];
    const costs: Cost[] = [];
    for (let turn = 0; turn < bursts; turn++) {
      await rtr.run([...down.argv], { check: false });
      const before = `${down.before}\n${up.before}`;
      costs.push(await cost(rtr, { before, argv: up.argv, count: hooks, quietMs: 300 }));
    }
    const got = figures(costs);
    const one = known.find((row) => row.who === who && row.event === 'up');
    const ratio = (own: number | null, other: number | null | undefined) =>
      own === null || other === null || other === undefined ? null : round(own / other, 1);
    const timesOne = {
      wall: ratio(got.wallMs, one?.wallMs) ?? NaN,
      applied: ratio(got.appliedMs, one?.appliedMs),
    };
    rows.push({ links: 2, who, event: '64 hooks at once', ...got, timesOne });
  }
  return rows;
}

export interface EventOptions {
  /** Rounds by number of links, in ascending order of links. */
  readonly rounds: readonly (readonly [links: number, rounds: number])[];
  readonly bursts: number;
  /** In a burst; default 64. */
  readonly hooks?: number;
  /** Default: all. */
  readonly contenders?: readonly Who[];
}

export async function benchEvents(options: EventOptions): Promise<EventRow[]> {
  const { rounds, bursts, contenders = WHO } = options;
  const routers: EventRouter[] = [];
  try {
    for (const who of contenders) routers.push(await createEventRouter(who));
    const rows: EventRow[] = [];
    for (const [links, count] of rounds) {
      const some = await events(routers, links, count);
      rows.push(...some);
      if (links === 2 && bursts > 0) rows.push(...(await burst(routers, options, some)));
    }
    return rows;
  } finally {
    await Promise.all(routers.map((router) => router.destroy()));
  }
}
