import { EXIT } from '../errors.ts';
import { spawnResident, tellSystemd } from '../kernel/resident.ts';
import { startMonitor } from '../monitor/monitor.ts';
import { startProbes } from '../monitor/probe/probes.ts';
import { begin, downEverywhere, judge } from '../monitor/verdict.ts';
import type { Common, Context } from './context.ts';

const ENGINE = { startProbes, begin, judge, downEverywhere };

/** `wanhook monitor`: stays until TERM or INT; HUP reads the configuration again. Routing stays as it is when it ends. */
export async function monitor(context: Context, { verbose }: Common): Promise<number> {
  const say = (message: string) => context.err(`wanhook: ${message}\n`);
  const world = context.openResidentWorld({
    echo: (command) => {
      if (verbose) context.err(`+ ${command}\n`);
    },
    warn: say,
  });
  await context.aloneAs('monitor', async () => {
    const running = startMonitor({
      world,
      version: context.version,
      engine: ENGINE,
      spawn: spawnResident,
      now: () => ({ monotonic: performance.now(), epoch: Date.now() }),
      ready: () => {
        context.out('watching the kernel and the lines\n');
        tellSystemd(context.notifySocket, '--ready', `--pid=${context.pid}`);
      },
    });
    const alive = () => tellSystemd(context.notifySocket, 'WATCHDOG=1');
    // Two may be late, or lost.
    const beat = context.watchdogMs > 0 ? setInterval(alive, context.watchdogMs / 3) : undefined;
    const reload = () => running.reload();
    process.on('SIGHUP', reload);
    await told();
    clearInterval(beat);
    tellSystemd(context.notifySocket, 'STOPPING=1');
    await running.stop();
    process.off('SIGHUP', reload);
  });
  return EXIT.done;
}

function told(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}
