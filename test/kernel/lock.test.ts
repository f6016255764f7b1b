/** Many hooks at once, hooks that die, and what they leave behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { lineName, createRouter, type Router, type RouterOptions } from '../support/router.ts';

let router: Router | undefined;
afterEach(async () => {
  await router?.destroy();
  router = undefined;
});

async function open(options: RouterOptions): Promise<Router> {
  router = await createRouter(options);
  return router;
}

/**
 * Stands in for a tool and notes when each call began and ended, and whose child it was. The hook under test starts
 * ip, nft and conntrack only while it holds the lock (flock and logger it may call outside), so from a process's first
 * call to its last is a part of the time for which it held it. What only asks what kernel and tools can do (`proxy`, in
 * src/kernel/ask.ts) is asked before.
 */
const LOGGED = (name: string) => `case "$*" in *' proxy '*) exec "$REAL" "$@" ;; esac
printf '%s %s begin ${name}\\n' $PPID "$EPOCHREALTIME" >>/run/calls
"$REAL" "$@"
code=$?
printf '%s %s end ${name}\\n' $PPID "$EPOCHREALTIME" >>/run/calls
exit $code`;

interface Holding {
  readonly pid: string;
  readonly from: number;
  readonly to: number;
  readonly calls: number;
}

/** Each process's first and last call, in order of time. */
function holdings(log: string): Holding[] {
  const lines = log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
  return [...new Set(lines.map(([pid]) => pid!))]
    .map((pid) => {
      const times = lines.filter(([of]) => of === pid).map(([, time]) => Number(time));
      return { pid, from: Math.min(...times), to: Math.max(...times), calls: times.length / 2 };
    })
    .toSorted((a, b) => a.from - b.from);
}

interface StatusLink {
  readonly name: string;
  readonly state: string;
  readonly device: string | null;
  readonly address: string | null;
}
const statusOf = async (on: Router) =>
  (JSON.parse(await on.must('status', '--json')) as { links: StatusLink[]; pendingChanges: number }).links;

describe('32 hooks at once', () => {
  const KINDS = ['ppp', 'ppp', 'ppp', 'ppp', 'ppp', 'dhcp', 'dhcp', 'dhcp'] as const;

  /** Lines 0–5 live and have news; 6 and 7 have gone. Every hook comes several times, some too late. */
  async function storm(on: Router): Promise<number> {
    const late = (index: number) => ({ address: `192.0.2.${200 + index}` });
    const hooks = [
      ...[0, 1, 2, 3].flatMap((n) => [() => on.ppp('ip-up', n), () => on.ppp('ip-down', n, late(n))]),
      ...[0, 1, 2, 3].flatMap((n) => [() => on.ppp('ip-up', n), () => on.ppp('ip-up', n)]),
      ...[1, 2].map((n) => () => on.ppp('ip-down', 4, n === 1 ? {} : late(4))),
      ...[5, 6].flatMap((n) => [() => on.dhclient('BOUND', n), () => on.dhclient('RENEW', n)]),
      ...[5, 6].flatMap((n) => [() => on.dhclient('REBIND', n), () => on.dhclient('BOUND', n)]),
      ...['EXPIRE', 'RELEASE', 'FAIL', 'STOP'].map((reason) => () => on.dhclient(reason, 7)),
      ...[0, 1].map((n) => () => on.ppp('ip-up', n)),
    ];
    expect(hooks).toHaveLength(32);
    const start = performance.now();
    await Promise.all(hooks.map((hook) => hook()));
    return performance.now() - start;
  }

  /** All lines were up; then 4 (ppp) and 7 (dhcp) went, and the others were redialled, before any hook ran. */
  async function prepare(options: Partial<RouterOptions> = {}): Promise<Router> {
    const on = await open({ links: KINDS, ...options });
    for (const { index } of on.lines) await on.up(index);
    for (const { index } of on.lines) await on.lineHangup(index);
    for (const index of [0, 1, 2, 3]) await on.lineUp(index, { address: `192.0.2.${50 + index}` });
    for (const index of [5, 6]) await on.lineUp(index);
    return on;
  }

  async function expectRightEnd(on: Router): Promise<void> {
    expect(await on.plan()).toEqual([]);
    const links = await statusOf(on);
    const up = links.filter(({ state }) => state === 'up').map(({ name, address }) => [name, address]);
    expect(up).toEqual([0, 1, 2, 3, 5, 6].map((index) => [lineName(index), on.lines[index]!.address]));
    const got = await on.share({ from: 'lan', count: 240 });
    expect(got).toMatchObject({ ok: 240, errors: {} });
    expect(Object.keys(got.sources)).toHaveLength(6);
    const after = await on.snapshot();
    await on.must('apply');
    expect(await on.snapshot()).toBe(after);
    expect(await on.strays()).toEqual([]);
  }

  test('lead to the right end, at so many events a second', async () => {
    const on = await prepare();
    const before = (await on.journal()).length;
    const ms = await storm(on);
    const runs = (await on.journal()).length - before;
    const rate = Math.round(32_000 / ms);
    const floor = performance.now();
    const nothing = { exactEnv: true } as const;
    await Promise.all(Array.from({ length: 32 }, () => on.rtr.run([process.execPath, '-e', '0'], nothing)));
    const bare = Math.round(performance.now() - floor);
    console.log(`32 hooks at once: ${Math.round(ms)} ms, ${rate} events/s, ${runs} runs; 32 × "node -e 0": ${bare} ms`);
    await expectRightEnd(on);
    expect(await on.rtr.sh('ls /run/wanhook/events')).toBe('');
    const single = performance.now();
    await on.ppp('ip-up', 0);
    console.log(`one hook with nothing to do: ${Math.round(performance.now() - single)} ms`);
    // Coalescing: the storm costs less than its hooks one after the other; generous for two noisy cores.
    expect(runs).toBeLessThan(32);
  });

  /** Hooks coalesce, so that one or two of the 32 do all the work; commands do not, so 16 of those come along. */
  test('and 16 commands never work on the kernel at the same time', async () => {
    const on = await prepare();
    for (const tool of ['ip', 'nft', 'conntrack'] as const) await on.fake(tool, LOGGED(tool));
    for (let round = 0; round < 2; round++) {
      if (round > 0) for (const index of [0, 1, 2, 3]) await on.lineHangup(index);
      for (const index of [0, 1, 2, 3]) await on.lineUp(index, { address: `192.0.2.${60 + 10 * round + index}` });
      await on.rtr.sh('rm -f /run/calls');
      const commands = Array.from({ length: 16 }, (_, n) => on.wanhook(n % 2 === 0 ? 'apply' : 'plan'));
      await storm(on);
      const codes = (await Promise.all(commands)).map(({ code }) => code);
      expect(codes.filter((code) => code !== 0 && code !== 3)).toEqual([]);
      const holders = holdings(await on.rtr.sh('cat /run/calls'));
      const overlaps = holders.filter(({ from }, n) => n > 0 && from <= holders[n - 1]!.to);
      const calls = holders.reduce((sum, holder) => sum + holder.calls, 0);
      console.log(`round ${round}: ${holders.length} of 48 worked, ${calls} commands, ${overlaps.length} overlaps`);
      expect(holders.length).toBeGreaterThanOrEqual(16);
      expect(overlaps).toEqual([]);
    }
    for (const tool of ['ip', 'nft', 'conntrack'] as const) await on.fake(tool, undefined);
    await expectRightEnd(on);
  });
});

describe('a holder that is killed', () => {
  /** Hangs once, and tells whose child it is. */
  const HANG_ONCE = `if mv /run/hang /run/hung 2>/dev/null; then
  echo $PPID >/run/holder
  exec sleep 60
fi
exec "$REAL" "$@"`;

  /** Starts a hook that hangs in the middle of its work, holding the lock. Gives its pid in the router. */
  async function hang(on: Router, tool: 'ip' | 'nft', hook: () => Promise<void>): Promise<[string, Promise<unknown>]> {
    await on.fake(tool, HANG_ONCE);
    await on.rtr.sh('rm -f /run/holder /run/hung; : >/run/hang');
    const ended = hook().catch((error: unknown) => error);
    await on.rtr.sh('until [ -s /run/holder ]; do sleep 0.01; done');
    return [(await on.rtr.sh('cat /run/holder')).trim(), ended];
  }

  test.each(['ip', 'nft'] as const)('delays the next by less than a second (it hung in %s)', async (tool) => {
    const on = await open({ links: ['ppp', 'ppp', 'dhcp'] });
    await on.up(2);
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      for (const index of [0, 1]) await on.lineUp(index, { address: `192.0.2.${20 + 2 * round + index}` });
      const [pid, ended] = await hang(on, tool, () => on.ppp('ip-up', 0));
      let done = false;
      const next = on.ppp('ip-up', 1).finally(() => (done = true));
      await sleep(400);
      expect(done).toBe(false);
      const killed = performance.now();
      await on.rtr.sh(`kill -9 ${pid}`);
      await next;
      times.push(Math.round(performance.now() - killed));
      expect(await ended).toBeInstanceOf(Error);
      // The survivor has taken the dead one's event as well.
      expect((await statusOf(on)).map(({ state }) => state)).toEqual(['up', 'up', 'up']);
      expect(await on.plan()).toEqual([]);
      await on.down(0);
      await on.down(1);
    }
    console.log(`from SIGKILL of the holder (in ${tool}) to the end of the next hook: ${times.join(', ')} ms`);
    expect(Math.max(...times)).toBeLessThan(1000);
    expect(await on.strays()).toEqual([]);
  });

  test('16 waiters: one takes the lock over, and nobody else at the same time', async () => {
    const on = await open({ links: ['ppp', 'ppp', 'dhcp'] });
    for (const index of [0, 1, 2]) await on.lineUp(index);
    const [pid, ended] = await hang(on, 'ip', () => on.ppp('ip-up', 0));
    const waiters = Array.from({ length: 16 }, (_, n) =>
      n % 3 === 2 ? on.dhclient('BOUND', 2) : on.ppp('ip-up', n % 3),
    );
    await sleep(1000);
    await on.fake('ip', LOGGED('ip'));
    await on.fake('nft', LOGGED('nft'));
    const killed = performance.now();
    await on.rtr.sh(`kill -9 ${pid}`);
    await Promise.all(waiters);
    console.log(`16 waiters done ${Math.round(performance.now() - killed)} ms after the holder’s SIGKILL`);
    expect(await ended).toBeInstanceOf(Error);
    const holders = holdings(await on.rtr.sh('cat /run/calls'));
    expect(holders.filter(({ from }, n) => n > 0 && from <= holders[n - 1]!.to)).toEqual([]);
    expect((await statusOf(on)).map(({ state }) => state)).toEqual(['up', 'up', 'up']);
  });

  test('its event is taken by the next run, whatever that runs for', async () => {
    const on = await open({ links: ['ppp', 'ppp', 'dhcp'] });
    await on.up(0);
    await on.lineUp(2);
    // Only this event knows the gateway: nothing of it is in `main`.
    const [pid, ended] = await hang(on, 'ip', () => on.dhclient('BOUND', 2));
    await on.rtr.sh(`kill -9 ${pid}`);
    await ended;
    expect(await on.rtr.sh('ls /run/wanhook/events')).not.toBe('');
    expect(await on.plan()).not.toEqual([]);
    await on.up(1);
    expect(await on.rtr.sh('ls /run/wanhook/events')).toBe('');
    expect((await statusOf(on)).map(({ state }) => state)).toEqual(['up', 'up', 'up']);
    expect(Object.keys((await on.share({ from: 'lan', count: 120 })).sources)).toHaveLength(3);
  });

  test('killed at any command it runs, the next apply makes good', async () => {
    const on = await open({ links: ['ppp', 'ppp', 'dhcp'] });
    await on.up(1);
    await on.up(2);
    for (let call = 1; call <= 6; call++) {
      await on.lineUp(0, { address: `192.0.2.${30 + call}` });
      // The n-th command kills its parent before it does anything, or right after.
      const kill = `n=$(($(cat /run/n 2>/dev/null) + 1)); echo $n >/run/n
if [ $n = ${call} ]; then kill -9 $PPID; exit 1; fi
exec "$REAL" "$@"`;
      await on.rtr.sh('rm -f /run/n');
      await on.fake('ip', kill);
      await on.fake('nft', kill);
      await on.ppp('ip-up', 0).catch(() => undefined);
      await on.fake('ip', undefined);
      await on.fake('nft', undefined);
      // Whatever was left undone: what is there carries traffic, and none of it wrongly.
      expect(await on.share({ from: 'lan', count: 30 })).toMatchObject({ ok: 30 });
      await on.must('apply');
      expect(await on.plan()).toEqual([]);
      expect((await on.share({ from: 'lan', count: 60 })).sources[`192.0.2.${30 + call}`]).toBeGreaterThan(3);
      await on.down(0);
    }
    expect(await on.strays()).toEqual([]);
  });
});

describe('leftovers in /run/wanhook', () => {
  test.each([
    ['of a dead process', 'ln -s 999999.123.456 lock'],
    ['of a process whose pid lives again', 'ln -s 1.123456789.456 lock'],
    ['that names nobody', 'ln -s nonsense lock'],
    ['with an empty pid', 'ln -s ..1 lock'],
  ])('a lock %s is taken over at once', async (_, leave) => {
    const on = await open({ links: ['ppp', 'ppp'] });
    await on.rtr.sh(`mkdir -m 700 /run/wanhook; cd /run/wanhook; ${leave}`);
    const start = performance.now();
    await on.up(0);
    const ms = Math.round(performance.now() - start);
    console.log(`up with a leftover lock: ${ms} ms`);
    expect(ms).toBeLessThan(2000);
    expect(await on.plan()).toEqual([]);
    expect(await on.share({ from: 'lan', count: 20 })).toMatchObject({ ok: 20 });
  });

  test('200 of them, half-written events and temporary files do not matter', async () => {
    const on = await open({ links: ['ppp', 'ppp'] });
    await on.rtr.sh(`mkdir -m 700 -p /run/wanhook/events; cd /run/wanhook
      for n in $(seq 200); do
        ln -s $n.1.1 lock.$n; : >lock.guard.$n; : >state.json.$n.tmp
        echo '{"source":"pppd","kind":"up","dev' >events/0000000000000000$n-1.json.$n.tmp
      done
      : >lock.guard
      for n in $(seq 20); do echo '{"source":"pppd","kind":"up","dev' >events/00000000000000000$n-1.json; done
      ln -s 999999.1.1 lock`);
    const start = performance.now();
    await on.up(0);
    const ms = Math.round(performance.now() - start);
    console.log(`up among 800 leftover files: ${ms} ms`);
    expect(ms).toBeLessThan(3000);
    await on.up(1);
    expect(await on.plan()).toEqual([]);
    expect((await on.share({ from: 'lan', count: 60 })).ok).toBe(60);
  });

  test('a lock held by the living is waited for, and its owner named when that takes too long', async () => {
    const on = await open({ links: ['ppp', 'ppp'] });
    await on.up(0);
    const before = await on.snapshot();
    const holder = on.rtr.spawn(['sh', '-c', 'echo $$; exec sleep 60']);
    const pid = await holder.waitLine(/^\d+$/);
    await on.rtr.sh(`set -- $(cat /proc/${pid}/stat); ln -s ${pid}.\${22}.1 /run/wanhook/lock`);
    const { code, stderr } = await on.wanhook('apply');
    expect(code).toBe(75);
    expect(stderr).toBe(`wanhook: the lock /run/wanhook/lock was not free within 20 s: process ${pid} holds it\n`);
    expect(await on.snapshot()).toBe(before);
    await holder.kill();
    await on.must('apply');
  });

  test('a living holder is not robbed by who may not see it: hidepid, and the monitor’s capabilities', async () => {
    const on = await open({ links: ['ppp', 'ppp'] });
    await on.up(0);
    const holder = on.rtr.spawn(['sh', '-c', 'echo $$; exec sleep 60']);
    const pid = await holder.waitLine(/^\d+$/);
    await on.rtr.sh(`set -- $(cat /proc/${pid}/stat); ln -s ${pid}.\${22}.1 /run/wanhook/lock
      mount -o remount,hidepid=2,gid=65534 /proc`);
    const sandboxed = ['setpriv', '--bounding-set=-all,+net_admin,+net_raw'];
    expect((await on.rtr.run([...sandboxed, 'ls', `/proc/${pid}`], { check: false })).code).not.toBe(0);
    const command = [...sandboxed, process.execPath, '/usr/lib/wanhook/wanhook.cjs', 'apply'];
    const waiting = on.rtr.run(command, { check: false });
    await sleep(1000);
    expect(await on.rtr.sh('readlink /run/wanhook/lock')).toMatch(new RegExp(`^${pid}\\.`));
    await holder.kill('SIGKILL');
    expect(await waiting).toMatchObject({ code: 0, stderr: '' });
  });
});
