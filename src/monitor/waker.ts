/** A device that comes up tells so in three or four messages within a millisecond. */
const GATHER_MS = 3;
/** More runs than this within a second: somebody changes things all the time. Then they are gathered for longer. */
const BUSY_RUNS = 10;
const BUSY_MS = 250;
/** After a run that failed: twice as long each time. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

export interface Waker {
  /** Run soon, because of this. */
  readonly wake: (cause: string) => void;
  /** Run now. */
  readonly wakeNow: (cause: string) => void;
  /** No run begins after it; resolves when none is under way. */
  readonly stop: () => Promise<void>;
}

/** One run at a time, for all causes that have come together; those that come meanwhile are the next run's. */
export function waker(run: (causes: readonly string[]) => Promise<boolean>): Waker {
  const causes = new Set<string>();
  const recent: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let retry = FIRST_RETRY_MS;
  let stopped = false;

  const begin = () => {
    timer = undefined;
    if (stopped || running !== undefined || causes.size === 0) return;
    const mine = [...causes];
    causes.clear();
    recent.push(performance.now());
    if (recent.length > BUSY_RUNS) recent.shift();
    running = run(mine).then((done) => {
      running = undefined;
      if (done) retry = FIRST_RETRY_MS;
      else {
        mine.forEach((cause) => causes.add(cause));
        later(retry);
        retry = Math.min(LONGEST_RETRY_MS, retry * 2);
      }
      if (done && causes.size > 0) later(gather());
    });
  };
  const later = (ms: number) => {
    if (!stopped) timer ??= setTimeout(begin, ms);
  };
  const gather = () => {
    const [first = 0] = recent;
    return recent.length === BUSY_RUNS && performance.now() - first < 1000 ? BUSY_MS : GATHER_MS;
  };
  const hurry = (ms: number) => {
    clearTimeout(timer);
    timer = undefined;
    later(ms);
  };
  return {
    wake: (cause) => {
      causes.add(cause);
      // A retry that is far away is brought near: something has changed.
      if (running === undefined && retry > FIRST_RETRY_MS) hurry(gather());
      else if (running === undefined) later(gather());
    },
    wakeNow: (cause) => {
      causes.add(cause);
      if (running === undefined) hurry(0);
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
