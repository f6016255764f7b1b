/**
 * Hooks as installed, many at once, and with a monitor: most of them only write down what they were told. Whoever is killed
 * meanwhile, nothing is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { atRest, configure, install, overlayDirs, wanhook } from '../demo/router.ts';
import { createLab, type Lab } from '../support/lab.ts';

const LINES = 4;
const UP = '/etc/ppp/ip-up.d/wanhook';
const DOWN = '/etc/ppp/ip-down.d/wanhook';

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ links: Array.from({ length: LINES }, () => 'ppp' as const), overlay: overlayDirs() });
  await install(lab);
  const lines = Array.from({ length: LINES }, (_, n) => {
    return [`dsl${n}`, [`ID=${n + 1}`, `PPP_IPPARAM=dsl${n}`, 'PROBE=none']] as const;
  });
  await configure(lab, Object.fromEntries(lines));
  for (let n = 0; n < LINES; n++) await lab.lineUp(n);
});
afterAll(() => lab.destroy());
// As after a boot: lines that are up, and nobody has said so.
beforeEach(async () => {
  await atRest(lab);
  await wanhook(lab, 'stop');
  await lab.rtr.sh('rm -rf /run/wanhook');
  await wanhook(lab, 'apply');
});
afterEach(() => endMonitor('KILL'));

const words = (line: number) => `ppp${line} eth0 0 ${lab.lines[line]!.address} 192.0.2.254 dsl${line}`;
/** Of its own accord, as under a service manager: its end is nobody's who waits. */
const startMonitor = () =>
  lab.rtr.sh(`rm -f /run/monitor.log # of the one before
    setsid /usr/sbin/wanhook monitor >/run/monitor.log 2>&1 </dev/null &
    for try in $(seq 100); do grep -qs watching /run/monitor.log && exit; sleep 0.1; done; exit 1`);
const MONITOR = '$(readlink /run/wanhook/monitor.lock | cut -d. -f1)';
const endMonitor = async (signal: 'TERM' | 'KILL') => {
  await lab.rtr.sh(`kill -${signal} ${MONITOR} 2>/dev/null || :`);
};

/** While `code` is all that Node does in a hook. */
async function withLoad(code: string, work: () => Promise<unknown>): Promise<void> {
  const load = '/usr/lib/wanhook/hooks/load.cjs';
  await lab.rtr.sh(`mv ${load} /run/load.cjs; cat >${load}`, { stdin: code });
  try {
    await work();
  } finally {
    await lab.rtr.sh(`mv /run/load.cjs ${load}`);
  }
}

/** Everything that was said has been done: nothing waits, and `apply` would change nothing. Milliseconds until then. */
async function settled(limitMs = 10_000): Promise<number> {
  const begin = performance.now();
  for (;;) {
    const left = await lab.rtr.sh('ls -A /run/wanhook/hooks /run/wanhook/events 2>/dev/null | grep -c "^[0-9]" || :');
    const { code } = await lab.rtr.run(['/usr/sbin/wanhook', 'plan'], { check: false });
    if (left.trim() === '0' && code === 0) return performance.now() - begin;
    if (performance.now() - begin > limitMs) throw new Error(`not settled: ${left} left, plan ${code}`);
    await sleep(50);
  }
}
const up = async () => {
  const { links } = JSON.parse(await wanhook(lab, 'status', '--json')) as { links: { state: string }[] };
  return links.map(({ state }) => state);
};
const all = (state: string) => Array.from({ length: LINES }, () => state);

test('64 hooks at once: all are heard, by a few runs, and the last word of each line counts', async () => {
  const hooks = Array.from({ length: 64 }, (_, n) => `${n < 32 && n % 2 ? DOWN : UP} ${words(n % LINES)} &`);
  await lab.rtr.sh(`${hooks.join('\n')}\nwait`);
  await settled();
  expect(await up()).toEqual(all('up'));
});

test('with a monitor a hook only writes: it starts no Node, and all is done at once', async () => {
  await startMonitor();
  await withLoad('throw new Error("started")', async () => {
    for (let n = 0; n < LINES; n++) await lab.rtr.sh(`${UP} ${words(n)}`);
    expect(await settled()).toBeLessThan(5_000);
    expect(await up()).toEqual(all('up'));
  });
});

test('a monitor that hangs: the hook itself sees to it, after a second', async () => {
  await startMonitor();
  await lab.rtr.sh(`kill -STOP ${MONITOR}`);
  await lab.rtr.sh(`${UP} ${words(0)}`);
  await settled();
  expect((await up())[0]).toBe('up');
});

test('a monitor that is killed just before, just after, and told to end: nothing is lost', async () => {
  for (const [line, order] of [
    `kill -KILL $pid; HOOK`,
    `HOOK; kill -KILL $pid`,
    `HOOK & kill -KILL $pid; wait`,
    `HOOK & kill -TERM $pid; wait`,
  ].entries()) {
    await startMonitor();
    const script = order.replace('HOOK', `${UP} ${words(line)}`);
    await lab.rtr.sh(`pid=${MONITOR}; ${script}`);
    await settled();
    expect((await up())[line], order).toBe('up');
    await endMonitor('KILL');
  }
});

test('the run that took it is killed: the next hook of any line does what is left', async () => {
  // A runner that is there, but does nothing; and a hook that believes in it.
  await lab.rtr.sh(`sleep 60 & echo "$! $(cut -d' ' -f22 /proc/$!/stat)" >/run/wanhook/runner
    mkdir -p -m 700 /run/wanhook/hooks
    ${UP} ${words(0)}
    ls /run/wanhook/hooks | grep -q '^[0-9]'
    kill -9 $!`);
  expect((await lab.rtr.sh('ip rule')).includes(lab.lines[0]!.address)).toBe(false);
  await lab.rtr.sh(`${UP} ${words(1)}`);
  await settled();
  expect((await up()).slice(0, 2)).toEqual(['up', 'up']);
});

test('the run that took it is killed while nobody else comes: the hook itself sees to it', async () => {
  await lab.rtr.sh(`sleep 60 & echo "$! $(cut -d' ' -f22 /proc/$!/stat)" >/run/wanhook/runner
    mkdir -p -m 700 /run/wanhook/hooks
    ${UP} ${words(0)}
    sleep 1.5; ls /run/wanhook/hooks | grep -q '^[0-9]'
    kill -9 $!`);
  await settled();
  expect((await up())[0]).toBe('up');
});

test('the run that took it was killed, and its parent has not asked after it: it is gone', async () => {
  await lab.rtr.sh(`sh -c 'sleep 0.2 & echo $! >/run/dead; exec sleep 30' & parent=$!
    for try in $(seq 50); do [ -s /run/dead ] && grep -q ' Z ' /proc/$(cat /run/dead)/stat && break; sleep 0.1; done
    echo "$(cat /run/dead) $(cut -d' ' -f22 /proc/$(cat /run/dead)/stat)" >/run/wanhook/runner
    mkdir -p -m 700 /run/wanhook/hooks
    ${UP} ${words(0)}
    ls /run/wanhook/hooks >/run/left; kill $parent`);
  expect(await lab.rtr.sh('cat /run/left; ip route show table 20001')).toMatch(/^default dev ppp0 /);
});

test('/run/wanhook is emptied while a monitor watches: the next hooks are heard all the same', async () => {
  await startMonitor();
  await lab.rtr.sh('rm -rf /run/wanhook/hooks');
  await lab.rtr.sh('sleep 0.3');
  await withLoad('throw new Error("started")', () => lab.rtr.sh(`${UP} ${words(0)}`));
  await settled();
  expect((await up())[0]).toBe('up');
});

test('what nobody can use is tried once by a hook, not again and again', async () => {
  await withLoad('require("fs").appendFileSync("/run/starts", "x")', async () => {
    await lab.rtr.sh(
      `mkdir -p -m 700 /run/wanhook/hooks; printf 'ip-up\\0000\\0' >/run/wanhook/hooks/1-1; : >/run/starts`,
    );
    await lab.rtr.sh(`${UP} ${words(0)}; sleep 1`);
    await atRest(lab);
  });
  expect(await lab.rtr.sh('cat /run/starts')).toBe('xx');
});
