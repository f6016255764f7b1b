/**
 * Bad days of the machine, with hooks as installed: no room, nothing writable, no memory, a clock that is off by decades,
 * litter. Routing stays by the last good state, there is one message that says why, and the next run afterwards makes good.
 * One line drops and another returns meanwhile. (More of it, for commands: trouble.test.ts and lock.test.ts.)
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { atRest, configure, install, overlayDirs, wanhook } from '../demo/router.ts';
import { createLab, type Lab } from '../support/lab.ts';

const UP = '/etc/ppp/ip-up.d/wanhook';
const DOWN = '/etc/ppp/ip-down.d/wanhook';
/** Not in /run, which may be read-only. */
const SYSLOG = '/var/lib/syslog';
const LOGGER = `#!/bin/sh
{ printf '%s: ' "$*"; [ -t 0 ] || cat; echo; } >>${SYSLOG}
`;
const LOAD = '/usr/lib/wanhook/hooks/load.cjs';

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ links: ['ppp', 'ppp'], overlay: overlayDirs() });
  await install(lab);
  // A hook's PATH begins with /usr/sbin, which is private here; /usr/bin is the host's.
  await lab.rtr.sh(`cat >/usr/sbin/logger; chmod 755 /usr/sbin/logger; cp -a ${LOAD} /etc/load`, { stdin: LOGGER });
  await configure(lab, { dsl0: link(0), dsl1: link(1) });
});
afterAll(() => lab.destroy());
// As after a boot; line 0 is up, and line 1 not.
beforeEach(async () => {
  await atRest(lab);
  await lab.rtr.sh('mount -o remount,bind,rw /run; umount -ql /run/wanhook /var/lib/wanhook || :');
  await wanhook(lab, 'stop');
  for (const n of [0, 1]) await lab.lineHangup(n).catch(() => undefined);
  await lab.lineUp(0);
  await lab.rtr.sh(`rm -rf /run/wanhook; : >${SYSLOG}; cp -a /etc/load ${LOAD}`);
  await wanhook(lab, 'apply');
  await hook(UP, 0);
});

const link = (n: number) => [`ID=${n + 1}`, `PPP_IPPARAM=dsl${n}`, 'PROBE=none'];
const words = (n: number) => `ppp${n} eth0 0 ${lab.lines[n]!.address} 192.0.2.254 dsl${n}`;
const hook = (script: string, n: number) => lab.rtr.sh(`${script} ${words(n)}`);
const syslog = async () => (await lab.rtr.sh(`cat ${SYSLOG}`)).trim().split('\n');
const states = async () => {
  const { links } = JSON.parse(await wanhook(lab, 'status', '--json')) as { links: { state: string }[] };
  return links.map(({ state }) => state);
};
const routing = () => lab.rtr.sh('ip rule; ip nexthop; ip route show table all proto 201; nft list ruleset');
const plan = () => lab.rtr.run(['/usr/sbin/wanhook', 'plan'], { check: false });

/** New connections come through, by so many lines. */
async function works(lines: number): Promise<void> {
  const got = await lab.share({ from: 'lan', count: 40 });
  expect(got).toMatchObject({ ok: 40, errors: {} });
  expect(Object.keys(got.sources)).toHaveLength(lines);
}

/** With the obstacle: line 1 comes up, and nobody can be told but by one message. */
async function saysOnceAndKeeps(says: RegExp): Promise<void> {
  await lab.lineUp(1);
  const before = await routing();
  await hook(UP, 1);
  expect(await routing()).toBe(before);
  await works(1);
  const said = await syslog();
  expect(said).toEqual([expect.stringMatching(says)]);
  expect(said[0]!.length).toBeLessThan(500);
}

/** As if no byte more could be written there: a file system of its own, filled. */
const fill = (folder: string) => `mkdir -p ${folder} /etc/kept; cp -a ${folder}/. /etc/kept
  mount -t tmpfs -o size=2m full ${folder}; cp -a /etc/kept/. ${folder}/; cat /dev/zero >${folder}/fill 2>/dev/null || :`;
async function empty(folder: string): Promise<void> {
  await atRest(lab);
  await lab.rtr.sh(`umount ${folder}; rm -rf /etc/kept`);
}

test('no room in /run/wanhook', async () => {
  await lab.rtr.sh(fill('/run/wanhook'));
  await saysOnceAndKeeps(/cannot write \/run\/wanhook.*ENOSPC/);
  await empty('/run/wanhook');
  await hook(UP, 1);
  expect(await states()).toEqual(['up', 'up']);
  await works(2);
});

test('no room in /var/lib/wanhook: routing does not need it', async () => {
  await lab.rtr.sh(fill('/var/lib/wanhook'));
  await lab.lineUp(1);
  await hook(UP, 1);
  await works(2);
  expect(await states()).toEqual(['up', 'up']);
  // What does need it says so, and leaves all as it is.
  const before = await routing();
  const tried = await lab.rtr.run(['/usr/sbin/wanhook', 'try', '--yes'], { check: false });
  expect(tried.code).not.toBe(0);
  expect(await routing()).toBe(before);
  await empty('/var/lib/wanhook');
  expect((await plan()).code).toBe(0);
});

test('a read-only /run', async () => {
  await atRest(lab); // busy as long as anybody has a file open to write
  await lab.rtr.sh('mount -o remount,bind,ro /run');
  await saysOnceAndKeeps(/\/run\/wanhook.*EROFS/);
  const { code, stderr } = await lab.rtr.run(['/usr/sbin/wanhook', 'apply'], { check: false });
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^wanhook: [^\n]*EROFS[^\n]*\n$/)]);
  await lab.rtr.sh('mount -o remount,bind,rw /run');
  await hook(UP, 1);
  expect(await states()).toEqual(['up', 'up']);
  await works(2);
});

test('no memory for Node: the event is kept, and the next hook of any line makes good', async () => {
  await lab.lineUp(1);
  const before = await routing();
  await lab.rtr.sh(`ulimit -v 200000; ${UP} ${words(1)}; sleep 1`);
  expect(await routing()).toBe(before);
  await works(1);
  expect(await syslog()).toEqual([
    expect.stringMatching(/hook ip-up ppp1: .*node" failed with status \d+: .* the event is left to the next hook/),
  ]);
  await hook(UP, 0);
  expect(await states()).toEqual(['up', 'up']);
  await works(2);
});

/** A control group of the lab's own with so much memory, in either version of them; undefined where none can be made. */
async function memoryGroup(bytes: number): Promise<string | undefined> {
  const made = await lab.rtr.run(
    [
      'sh',
      '-c',
      `mkdir -p /run/groups; mount -t cgroup -o memory none /run/groups || mount -t cgroup2 none /run/groups || exit 1
      group=/run/groups/wanhook-test-$$; mkdir $group || exit 1
      for file in memory.limit_in_bytes memory.max; do
        [ ! -e $group/$file ] || { echo ${bytes} >$group/$file && echo $group && exit; }
      done
      rmdir $group`,
    ],
    { check: false },
  );
  return made.stdout.trim() || undefined;
}

test('killed for want of memory, by the kernel: the event is kept, and the next hook makes good', async ({ skip }) => {
  const group = await memoryGroup(6 * 2 ** 20);
  if (group === undefined) return skip('no control group with a limit of memory can be made here');
  try {
    await lab.lineUp(1);
    const before = await routing();
    await lab.rtr.run(['sh', '-c', `echo $$ >${group}/cgroup.procs; exec ${UP} ${words(1)}`]).catch(() => undefined);
    expect(await lab.rtr.sh(`cat ${group}/memory.events ${group}/memory.oom_control 2>/dev/null || :`)).toMatch(
      /oom_kill [1-9]/,
    );
    expect(await routing()).toBe(before);
    await works(1);
    expect(await syslog()).toEqual([
      expect.stringMatching(/failed with status 137: .* the event is left to the next hook/),
    ]);
    await hook(UP, 0);
    expect(await states()).toEqual(['up', 'up']);
    await works(2);
  } finally {
    await lab.rtr.sh(`rmdir ${group}; umount /run/groups`);
  }
});

test('a clock that jumps 20 years, forward and back: FAILBACK waits, and no longer than it says', async () => {
  const hooksLive = (years: number) =>
    lab.rtr.sh(
      `{ echo 'const real = Date.now; Date.now = () => real() + ${years} * 31557600000;'; sed 1,4d /etc/load; } >${LOAD}`,
    );
  const inBalance = 'ip nexthop show id 20999';
  await configure(lab, { dsl0: [...link(0), 'FAILBACK=delay:1'], dsl1: [...link(1), 'TIER=2'] });
  await lab.lineUp(1);
  await hook(UP, 1);
  // The clock jumps the other way between the hook and `wanhook failback`, which comes when the delay is over.
  for (const years of [-20, 20]) {
    await lab.lineHangup(0);
    await hook(DOWN, 0);
    await hooksLive(years);
    await lab.lineUp(0);
    const atOnce = await lab.rtr.sh(`${UP} ${words(0)}; ${inBalance}`);
    expect(atOnce, `${years} years`).toContain('group 20002');
    await lab.rtr.sh(`for try in $(seq 100); do ${inBalance} | grep -q 'group 20001' && exit; sleep 0.1; done; exit 1`);
    await lab.rtr.sh(`cp -a /etc/load ${LOAD}`);
  }
  await configure(lab, { dsl0: link(0), dsl1: link(1) });
  expect(await syslog()).toEqual(['']);
});

test('3,000 left drops: the next hook takes the newest, throws the others away, and says so once', async () => {
  await lab.rtr
    .sh(`mkdir -p -m 700 /run/wanhook/hooks; cd /run/wanhook/hooks; n=0; while [ $n -lt 3000 ]; do n=$((n + 1))
    printf 'ip-up\\0006\\0ppp1\\0eth0\\0000\\000${lab.lines[1]!.address}\\000192.0.2.254\\0dsl1\\0.\\0' >$n-$n; done`);
  await lab.lineUp(1);
  await hook(UP, 0);
  await lab.rtr.sh('for try in $(seq 100); do [ -z "$(ls /run/wanhook/hooks)" ] && exit; sleep 0.1; done; exit 1');
  expect(await states()).toEqual(['up', 'up']);
  expect(await syslog()).toEqual([expect.stringMatching(/more than 512 events .*: the oldest 2489 are removed$/)]);
  expect(Number(await lab.rtr.sh('wc -c </run/wanhook/journal.jsonl'))).toBeLessThan(100_000);
});

test('200 drops that are rubbish, 200 locks and temporary files of the dead', async () => {
  await lab.rtr.sh(`mkdir -p -m 700 /run/wanhook/hooks /run/wanhook/events; cd /run/wanhook
    for n in $(seq 200); do
      echo rubbish >hooks/$n-$n; : >hooks/$n-99999$n.99999$n.tmp; : >state.json.99999$n.tmp; : >events/1-1.json.99999$n.tmp
      : >/var/lib/wanhook/trial.json.99999$n.tmp
    done
    for name in lock scripts monitor; do ln -sf 999999.1.1 $name.lock; done; ln -sf 999999.1.1 lock; echo '999999 1' >runner
    echo '999999 1' >monitor`);
  await lab.lineUp(1);
  await hook(UP, 1);
  expect(await states()).toEqual(['up', 'up']);
  const said = await syslog();
  expect(said).toHaveLength(1);
  expect(said[0]!.length).toBeLessThan(600);
  expect(await lab.rtr.sh('find /run/wanhook /var/lib/wanhook -name "*.tmp" -o -path "*/hooks/*" -type f')).toBe('');
});
