/** The monitor as a service without systemd: /etc/init.d/wanhook-monitor, and what a killed monitor leaves behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startMonitor } from '../support/router-monitor.ts';
import { createRouter, type Router } from '../support/router.ts';

const INSTALL = fileURLToPath(new URL('../../install.sh', import.meta.url));

let router: Router;
beforeEach(async () => {
  router = await createRouter({
    links: ['ppp', 'dhcp'],
    keys: [0, 1].map(() => ({ PROBE: 'icmp://203.0.113.11', PROBE_INTERVAL: 30 })),
  });
  for (const { index } of router.lines) await router.up(index);
});
afterEach(() => router.destroy());

/** The processes of the router whose command line begins so. */
const running = async (pattern: string) =>
  (await router.rtr.sh(`ps -eo args= | grep -E '^${pattern}' | sort`, { check: false })).split('\n').filter(Boolean);
const OWNER = '"$(readlink /run/wanhook/monitor.lock | cut -d. -f1)"';

test('kill -9 of the monitor ends what it had kept running', async () => {
  await startMonitor(router);
  await sleep(300);
  const residents = '(fping|ip|nft) ';
  expect(await running(residents)).toEqual([
    expect.stringMatching(/^fping -l .* -I eth1 /) as string,
    expect.stringMatching(/^fping -l .* -I ppp0 /) as string,
    expect.stringMatching(/^ip -N -o monitor /) as string,
    expect.stringMatching(/^nft monitor/) as string,
  ]);
  await router.rtr.sh(`kill -9 ${OWNER}`);
  await sleep(500);
  expect(await running(residents)).toEqual([]);
});

test('/etc/init.d/wanhook-monitor', async () => {
  const { rtr } = router;
  // Nothing of it may need start-stop-daemon, which only Debian has.
  await rtr.sh(`${INSTALL} --no-deps; rm -f /usr/sbin/start-stop-daemon`);
  const init = (verb: string) => rtr.run(['/etc/init.d/wanhook-monitor', verb], { check: false, timeoutMs: 15_000 });
  const monitors = () => running('\\S*node .*wanhook.cjs monitor$');
  const until = (script: string) => rtr.sh(`until ${script}; do sleep 0.05; done`, { timeoutMs: 10_000 });
  const owner = async () => (await rtr.sh(`echo ${OWNER}`)).trim();
  const watches = 'ip.real -N rule show pref 20900 | grep -q 20000';

  expect((await init('status')).code).toBe(3);
  expect((await init('reload')).code).not.toBe(0);
  expect((await init('nonsense')).code).toBe(2);
  // It must not keep the caller's pipe open: `ssh router /etc/init.d/wanhook-monitor start` would hang.
  await rtr.sh('timeout 5 sh -c "/etc/init.d/wanhook-monitor start | cat"');
  expect(await init('status')).toMatchObject({ code: 0, stdout: 'wanhook-monitor runs\n' });
  await until('[ -e /run/wanhook/monitor ]');
  expect((await init('start')).code).toBe(0);
  // A tool that it starts is its twin until it is another program.
  await expect.poll(monitors).toHaveLength(1);
  await rtr.sh('ip rule del pref 20900');
  await until(watches);
  expect(await router.syslog()).toContain('watching the kernel and the lines');

  await rtr.sh("printf 'WEIGHT=7\\n' >>/etc/wanhook/links/line1.env");
  expect((await init('reload')).code).toBe(0);
  await until('ip.real nexthop show id 20999 | grep -q ,7');

  const first = await owner();
  await rtr.sh(`kill -9 ${first}`);
  await until(`[ "$(readlink /run/wanhook/monitor.lock | cut -d. -f1)" != ${first} ] && [ -e /run/wanhook/monitor ]`);
  expect(await router.must('status', '--json')).toContain('"line1"');

  const second = await owner();
  expect((await init('restart')).code).toBe(0);
  await until(`[ "$(readlink /run/wanhook/monitor.lock | cut -d. -f1)" != ${second} ] && [ -e /run/wanhook/monitor ]`);
  // A tool that it starts is its twin until it is another program.
  await expect.poll(monitors).toHaveLength(1);

  const before = await router.snapshot();
  expect((await init('stop')).code).toBe(0);
  expect(await monitors()).toEqual([]);
  expect((await init('status')).code).toBe(3);
  expect(await router.snapshot()).toBe(before);
  expect((await init('stop')).code).toBe(0);

  // The loop killed: its monitor is found all the same, and a pid file that names a stranger means nothing.
  await init('start');
  await until('[ -e /run/wanhook/monitor ]');
  await rtr.sh('kill -9 "$(cat /run/wanhook-monitor.pid)"; echo 1 >/run/wanhook-monitor.pid');
  expect((await init('status')).code).toBe(3);
  expect((await init('stop')).code).toBe(0);
  expect(await monitors()).toEqual([]);
});
