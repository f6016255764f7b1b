/**
 * The units as install.sh installs them, under a real systemd: what they are for, and that their sandbox lets through what the
 * monitor needs. One boot, told in the order in which things happen to a machine.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';
import { SYSTEMD, systemdIn, type Systemd } from '../support/systemd.ts';

const INSTALL = fileURLToPath(new URL('../../install.sh', import.meta.url));
const MONITOR = 'wanhook-monitor.service';
const METRICS = '/var/lib/node_exporter/wanhook.prom';
const QUICK = { PROBE: 'icmp://203.0.113.11', PROBE_INTERVAL: 0.3, PROBE_TIMEOUT: 0.3, UP_AFTER: 2, FLAP_PENALTY: 0 };
/** Better is less. */
const WORST_EXPOSURE = 3;

let router: Router;
let systemd: Systemd;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'dhcp'], init: SYSTEMD });
  systemd = await systemdIn(router.rtr);
  await router.configure(
    [
      { ID: 1, PPP_IPPARAM: 'line1', ...QUICK },
      { ID: 2, DEVICE: 'eth1', ...QUICK },
    ],
    { LAN: 'lan0', METRICS_FILE: METRICS },
  );
  await router.rtr.sh(`mkdir -p ${path.dirname(METRICS)} /etc/wanhook/events.d
    printf '#!/bin/sh\\nid -u >>/run/told; grep NoNewPrivs /proc/self/status >>/run/told; echo "$@" >>/run/told\\n' >/etc/wanhook/events.d/10-tell
    chmod 755 /etc/wanhook/events.d/10-tell`);
});
afterAll(() => router.destroy());

const until = (condition: string, timeoutMs = 10_000) =>
  router.rtr.sh(`until { ${condition}; } >/dev/null 2>&1; do sleep 0.05; done`, { timeoutMs });
const pid = async () => Number(await systemd.show(MONITOR, 'MainPID'));
const restarts = async () => Number(await systemd.show(MONITOR, 'NRestarts'));
/** Without what the monitor counts while it is in doubt. */
const routingNow = async () => (await router.snapshot()).replace(/^table inet wanhook_watch \{\n[^]*?^\}\n/m, '');
/** What went wrong in the monitor's own doings. */
const errors = async () => (await router.journal()).flatMap(({ error }) => error ?? []);
/** One of a kind and link, whatever was killed in between. */
const residents = async () =>
  (await router.rtr.sh('ps -eo args= | grep -Eo "^(fping .*-I [^ ]*|ip .*monitor|nft monitor)" | sort'))
    .trim()
    .split('\n')
    .map((line) => line.replace(/ .* /, ' '));

test('installed: enabled by its installer, and a boot in which no link is there yet', async () => {
  expect(await router.rtr.sh(`${INSTALL} --no-deps`)).toContain('+ systemctl enable wanhook.service');
  await systemd.ctl('enable', MONITOR);
  await systemd.ctl('start', 'multi-user.target');
  // Type=notify: it is active when it has had its first look.
  expect(await systemd.show(MONITOR, 'ActiveState')).toBe('active');
  expect(await systemd.show('wanhook.service', 'Result')).toBe('success');
  expect(await systemd.show('wanhook-scripts.path', 'ActiveState')).toBe('active');
  expect(await router.rtr.sh(`cat ${METRICS}`)).toContain('wanhook_links_usable 0\n');
  expect(await systemd.ctl('is-system-running')).toBe('running\n');
});

test('links come: by a hook, and by what the kernel tells it alone', async () => {
  await router.up(0);
  // No hook: addresses, a sysctl, routes, nftables, all from inside of the sandbox.
  await router.rtr.sh('sysctl -qw net.ipv4.conf.eth1.rp_filter=1');
  await router.lineUp(1);
  await router.rtr.sh(`ip route add default via ${router.lines[1]!.gateway} dev eth1`);
  await until('ip.real -N route show table 20000 | grep -q eth1 || ip.real nexthop show | grep -q "group 20001/20002"');
  await until('[ "$(cat /proc/sys/net/ipv4/conf/eth1/rp_filter)" = 2 ]');
  await router.rtr.sh('nft delete table inet wanhook');
  await until('nft.real list table inet wanhook');
  await until('ps -eo args= | grep -q "^fping.*eth1"');
  expect(await router.plan()).toEqual([]);
  expect(Object.keys((await router.share({ from: 'lan', count: 40 })).sources)).toHaveLength(2);
  expect(await errors()).toEqual([]);
});

test('a line dies: its connections are ended from inside of the sandbox, and scripts run outside of it', async () => {
  const hold = await router.startHold({ from: 'lan', ms: 60_000, count: 8, everyMs: 100 });
  await router.deadUpstream(1, true);
  await until('grep -q "^dead line2$" /run/told');
  const ended = (await router.journal()).flatMap(({ changed }) => changed);
  expect(ended).toContainEqual(expect.stringMatching(/^conntrack -D /));
  expect(ended).toContainEqual(expect.stringMatching(/^ss -K .*198\.51\.100\.2/));
  // TCP is told by a RST to its next packet.
  await sleep(1000);
  expect(await hold.stop()).toMatchObject({ stalled: 0 });
  // As root, and free to become more: mail needs it.
  expect(await router.rtr.sh('cat /run/told')).toContain('0\nNoNewPrivs:\t0\ndead line2\n');
  await router.deadUpstream(1, false);
  await until('grep -q "^recovered line2$" /run/told');
  expect(await errors()).toEqual([]);
});

test('reload', async () => {
  await router.rtr.sh("printf 'WEIGHT=7\\n' >>/etc/wanhook/links/line1.env");
  await systemd.ctl('reload', MONITOR);
  await until('ip.real nexthop show id 20999 | grep -q ,7');
});

test('killed: started again, and it goes on where it was; nothing runs twice', async () => {
  const before = await residents();
  expect(before).toEqual(['fping eth1', 'fping ppp0', 'ip monitor', 'nft monitor']);
  const routing = await routingNow();
  const old = await pid();
  await router.rtr.sh(`kill -9 ${old}`);
  await until(`[ "$(systemctl show --value -p NRestarts ${MONITOR})" = 1 ] && systemctl is-active ${MONITOR}`);
  expect(await router.must('health', '--all').catch(String)).toContain('line1');
  await until('[ "$(pgrep -c "^fping$")" = 2 ]');
  expect(await residents()).toEqual(before);
  expect(await routingNow()).toBe(routing);
  const rss = await router.rtr.sh(`grep VmRSS /proc/${await pid()}/status`);
  console.log(`the monitor alone: ${rss.trim()}`);
});

test('the watchdog: it is heard of in time; one that hangs is started again', async () => {
  await router.rtr.sh(`mkdir -p /run/systemd/system/${MONITOR}.d
    printf '[Service]\\nWatchdogSec=1\\nTimeoutAbortSec=1\\nLimitCORE=0\\n' >/run/systemd/system/${MONITOR}.d/short.conf`);
  await systemd.ctl('daemon-reload');
  await systemd.ctl('restart', MONITOR);
  await router.rtr.sh('sleep 2.2');
  expect(await restarts()).toBe(0);
  await router.rtr.sh(`kill -STOP ${await pid()}`);
  await until(`[ "$(systemctl show --value -p NRestarts ${MONITOR})" = 1 ] && systemctl is-active ${MONITOR}`);
  expect(await systemd.journal(MONITOR)).toContain('Watchdog timeout');
});

test('stopped, it leaves routing as it is, and nothing of its own', async () => {
  const before = await routingNow();
  await systemd.ctl('stop', MONITOR);
  expect(await routingNow()).toBe(before);
  expect(await router.rtr.sh('ps -eo args= | grep -E "^(\\S*node|fping|ip|nft) " || :')).toBe('');
  expect(await router.rtr.sh(`ls ${METRICS} /run/wanhook/monitor 2>&1 || :`)).not.toMatch(/^\//m);
});

test('the unit as systemd-analyze sees it', async () => {
  const verified = await router.rtr.run(['systemd-analyze', 'verify', `/etc/systemd/system/${MONITOR}`]);
  expect(verified.stdout + verified.stderr).toBe('');
  const security = await router.rtr.sh(`systemd-analyze security --no-pager ${MONITOR}`);
  const score = Number(/exposure level for .*: ([\d.]+)/.exec(security)?.[1]);
  console.log(`systemd-analyze security: ${score}`);
  expect(score).toBeLessThan(WORST_EXPOSURE);
});
