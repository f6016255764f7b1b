/** `wanhook monitor` running in a router. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRouter, type LinkKeys, type Router } from './router.ts';

export interface Monitor {
  /** Resolves when there is nothing left for it to do; throws if it does not do it. */
  settled(): Promise<void>;
  /** Milliseconds from the loss of a rule of ours until it is there again. */
  repairTime(): Promise<number>;
  /** How many commands it has run so far, not counting what it keeps running. */
  commands(): Promise<number>;
  /** How often it looks at the kernel because of what is done, until it has settled. */
  looks(act: () => Promise<unknown>): Promise<number>;
  /** Its standard error. */
  said(): string;
  signal(signal: NodeJS.Signals): Promise<void>;
  /** TERM; its exit code. */
  stop(): Promise<number>;
  /** CPU milliseconds and resident kilobytes, its children too. */
  cost(): Promise<{ cpuMs: number; rssKb: number }>;
}

const QUIET_MS = 250;
const PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin';
const COUNT = '/run/commands';

/** Each tool notes when it is started, and by whom, but for what is kept running. */
const COUNTING = (tool: string) => `case " $* " in *" monitor "*) ;; *) echo "$PPID ${tool} $*" >>${COUNT} ;; esac
exec "$REAL" "$@"`;

export async function startMonitor(
  router: Router,
  env: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
): Promise<Monitor> {
  const { rtr } = router;
  for (const tool of ['ip', 'nft'] as const) await router.fake(tool, undefined);
  const handle = rtr.spawn([...prefix, process.execPath, '/usr/lib/wanhook/wanhook.cjs', 'monitor'], {
    exactEnv: true,
    env: { PATH, HOME: '/root', ...env },
  });
  await handle.waitLine(/watching/, 20_000);
  const commands = async () => Number(await rtr.sh(`cat ${COUNT} 2>/dev/null | wc -l`));
  const pid = async () => Number((await rtr.sh('readlink /run/wanhook/monitor.lock')).split('.')[0]);
  const settled = async () => {
    for (let tries = 0; tries < 40; tries++) {
      await sleep(QUIET_MS);
      // 2: the configuration is bad, which is what the test is about.
      const { code } = await router.wanhook('plan');
      if (code === 0 || (code === 2 && tries > 2)) return;
    }
    throw new Error(`the monitor has not repaired: ${(await router.plan()).join('; ')}\n${handle.stderr()}`);
  };
  const count = async (on: boolean) => {
    for (const tool of ['ip', 'nft'] as const) await router.fake(tool, on ? COUNTING(tool) : undefined);
  };
  return {
    settled,
    commands: async () => {
      await count(true);
      return commands();
    },
    looks: async (act) => {
      await count(true);
      await rtr.sh(`: >${COUNT}`);
      await act();
      await settled();
      await sleep(QUIET_MS);
      await count(false);
      return Number(await rtr.sh(`grep -c '^${await pid()} ip -N -j -batch' ${COUNT} || :`));
    },
    repairTime: async () => {
      const script = `a=$(date +%s%N); ip.real rule del pref 20900; until /usr/sbin/ip.real -N rule show pref 20900 | grep -q 20000; do :; done; b=$(date +%s%N); echo $((b - a))`;
      return Number(await rtr.sh(script)) / 1e6;
    },
    said: () => handle.stderr(),
    signal: async (signal) => {
      await rtr.sh(`kill -${signal.slice(3)} ${await pid()}`);
      await sleep(50);
    },
    stop: () => handle.kill('SIGTERM'),
    cost: async () => {
      const own = await pid();
      const text = await rtr.sh(
        `for p in ${own} $(ps -o pid= --ppid ${own}); do cat /proc/$p/stat && grep VmRSS /proc/$p/status; done 2>/dev/null || :`,
      );
      const cpu = [...text.matchAll(/^\d+ \(.*\) \S+ (.*)$/gm)].map((found) => found[1]!.split(' '));
      // utime and stime, also of children that have ended.
      const ticks = cpu.flatMap((fields) => fields.slice(10, 14)).reduce((sum, field) => sum + Number(field), 0);
      const rssKb = [...text.matchAll(/VmRSS:\s+(\d+)/g)].reduce((sum, found) => sum + Number(found[1]), 0);
      return { cpuMs: ticks * 10, rssKb };
    },
  };
}

interface Watched {
  /** Of a core. */
  readonly percent: number;
  /** At the beginning and at the end. */
  readonly rssKb: readonly [number, number];
  /** As the journal has them. */
  readonly verdicts: readonly string[];
  readonly said: string;
}

/** Eight lines with these keys, watched for so long; `before` breaks them. */
export async function watchEight(
  keys: LinkKeys,
  minutes: number,
  before?: (router: Router) => Promise<void>,
): Promise<Watched> {
  const links = Array.from({ length: 8 }, () => 'dhcp' as const);
  const router = await createRouter({ links, keys: links.map(() => keys) });
  try {
    for (const { index } of router.lines) await router.up(index);
    await router.must('apply');
    await before?.(router);
    const monitor = await startMonitor(router);
    await sleep(3000);
    const begun = await monitor.cost();
    await sleep(minutes * 60_000);
    const ended = await monitor.cost();
    const percent = (ended.cpuMs - begun.cpuMs) / (minutes * 600);
    const verdicts = (await router.journal()).flatMap(({ cause }) => cause).filter((cause) => / is \w+: /.test(cause));
    return { percent, rssKb: [begun.rssKb, ended.rssKb], verdicts, said: monitor.said() };
  } finally {
    await router.destroy();
  }
}
