/** `wanhook try` with real processes: whoever is killed or hung up, the LAN comes back in time. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

/** How long a try waits here; a minute by default. */
const SECONDS = 3;
const COMMAND = `${process.execPath} /usr/lib/wanhook/wanhook.cjs`;
const CUT_OFF = 'mkdir -p /etc/wanhook/rules; printf "FROM=10.10.0.0/24\\nUSE=block\\n" >/etc/wanhook/rules/10-all.env';

let router: Router;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'dhcp'] });
  await router.must('apply');
  await router.up(0);
  await router.up(1);
});
/** A person's "apply" ends what the last test has left; then the edit that every test tries. */
beforeEach(async () => {
  await router.rtr.sh('rm -rf /etc/wanhook/rules');
  await router.must('apply');
  expect(await lanWorks()).toBe(true);
  await router.rtr.sh(CUT_OFF);
});
afterAll(() => router.destroy());

const lanWorks = async () => (await router.share({ from: 'lan', count: 4 })).ok > 0;

/** Back within the time, and some for a busy machine; not before it. */
async function expectRolledBack(since: number): Promise<void> {
  while (!(await lanWorks())) {
    if (performance.now() - since > SECONDS * 1000 + 15_000) throw new Error('the LAN has not come back');
  }
  expect(performance.now() - since).toBeGreaterThan(SECONDS * 1000 - 100);
  expect(await router.must('status')).toContain('was tried and not confirmed');
}
const leftovers = () => router.rtr.sh('ps -A -o args | grep -E "sleep|rollback" | grep -v grep || :');

test('it cuts the LAN off, and nobody is there to confirm: the LAN comes back, and stays', async () => {
  const start = performance.now();
  await router.must('try', '--confirm', String(SECONDS));
  expect(await lanWorks()).toBe(false);
  const second = await router.wanhook('try');
  expect(second).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('another "wanhook try" is running') as string,
  });
  await expectRolledBack(start);
  // A hook goes on with what holds, and says so.
  await router.down(0);
  await router.up(0);
  expect(await lanWorks()).toBe(true);
  expect(await router.syslog()).toContain('the one before holds');
  await router.must('apply');
  expect(await lanWorks()).toBe(false);
});

test('confirmed, from another terminal: it stays, and nothing is left behind', async () => {
  await router.must('try', '--confirm', String(SECONDS));
  expect(await router.must('confirm')).toBe('confirmed\n');
  expect(await leftovers()).toBe('');
  await router.rtr.sh(`sleep ${SECONDS + 0.5}`);
  expect(await lanWorks()).toBe(false);
  expect(await router.plan()).toEqual([]);
});

/** It has asked its question: that comes right after it is applied. */
const BEGUN = 'until [ -e /var/lib/wanhook/trial.json ]; do sleep 0.1; done; sleep 1';
/** On a terminal and in a session of its own, made by script(1). */
const onTerminal = (input: string, seconds = SECONDS) => {
  const inside = `trap : INT; echo session $$; ${COMMAND} try --confirm ${seconds}; echo exit $?`;
  return router.rtr.spawn(['sh', '-c', `{ ${input}; } | script -qec '${inside}' /dev/null`]);
};

test('at a terminal: Enter keeps it', async () => {
  const it = onTerminal(`${BEGUN}; echo; sleep 1`, 20);
  await it.waitLine(/^exit 0/, 10_000);
  expect(it.lines.join('\n')).toMatch(/Enter keeps it.*\n*.*confirmed/);
  expect(await lanWorks()).toBe(false);
  expect(await leftovers()).not.toContain('rollback');
});

test('at a terminal: an Enter from before the question does not keep it', async () => {
  const it = onTerminal(`echo; echo; ${BEGUN}; sleep ${SECONDS + 2}`);
  await it.waitLine(/^exit 1/, 15_000);
  expect(it.lines.join('\n')).toMatch(/Enter keeps it/);
  expect(await lanWorks()).toBe(true);
});

test('at a terminal: Ctrl-C takes it back at once', async () => {
  const it = onTerminal(`${BEGUN}; printf '\\003'; sleep 2`, 30);
  await it.waitLine(/^exit 1/, 15_000);
  expect(await lanWorks()).toBe(true);
  expect(await leftovers()).not.toContain('rollback');
});

test.each(['KILL', 'HUP'])(
  '%s ends the try and the terminal with all that it had started: rolled back all the same',
  async (signal) => {
    const start = performance.now();
    const it = onTerminal('sleep 20');
    await it.waitLine(/links up/, 10_000);
    // All that is in it, as the kernel and logind do; the watchdog is in a session of its own.
    const session = /\d+/.exec(await it.waitLine(/^session/))?.[0] ?? '';
    await router.rtr.sh(`kill -${signal} -${session}`);
    await expectRolledBack(start);
    await it.kill('SIGKILL');
  },
);

test('killed with its watchdog: the next event takes it back', async () => {
  await router.must('try', '--confirm', String(SECONDS));
  await router.rtr.sh(`read -r pid rest </run/wanhook/trial.sleeper; kill -KILL "-$pid"; sleep ${SECONDS}`);
  expect(await lanWorks()).toBe(false);
  await router.ppp('ip-up', 0);
  expect(await lanWorks()).toBe(true);
});

test('where there is systemd, a timer of its watches, too', async () => {
  await router.rtr.sh(`mkdir -p /run/systemd/system; rm -f /usr/bin/systemd-run
    printf '#!/bin/sh\\nprintf "%%s\\\\n" "$@" >/run/timer.new; mv /run/timer.new /run/timer\\n' >/usr/bin/systemd-run
    chmod 755 /usr/bin/systemd-run`);
  await router.must('try', '--confirm', String(SECONDS));
  await router.rtr.sh('read -r pid rest </run/wanhook/trial.sleeper; kill -KILL "-$pid"');
  const argv = (await router.rtr.sh('until [ -e /run/timer ]; do sleep 0.05; done; cat /run/timer')).trim().split('\n');
  expect(argv).toContain(`--on-active=${SECONDS}`);
  // It comes early: it waits.
  await router.rtr.run(argv.slice(argv.indexOf('--') + 1));
  expect(await lanWorks()).toBe(true);
});

test('the monitor goes with what is tried, and then with the one before', async () => {
  const monitor = router.rtr.spawn(COMMAND.split(' ').concat('monitor'));
  await monitor.waitLine(/watching/);
  const start = performance.now();
  await router.must('try', '--confirm', String(SECONDS));
  // Something for it to mend.
  await router.rtr.sh('ip rule del pref 20900');
  await router.rtr.sh('until ip rule show | grep -q 20900; do sleep 0.05; done');
  expect(await lanWorks()).toBe(false);
  await expectRolledBack(start);
  await monitor.kill();
});
