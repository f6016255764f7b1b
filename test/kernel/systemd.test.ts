/** The units as install.sh installs them, under a real systemd: what they are for, and what their sandbox lets through. */
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';
import { SYSTEMD, systemdIn, type Systemd } from '../support/systemd.ts';

const INSTALL = fileURLToPath(new URL('../../install.sh', import.meta.url));
const UNIT = 'wanhook-monitor.service';

let router: Router;
let systemd: Systemd;
beforeAll(async () => {
  router = await createRouter({
    links: ['ppp', 'dhcp'],
    init: SYSTEMD,
    keys: [0, 1].map(() => ({ PROBE: 'icmp://203.0.113.11', PROBE_INTERVAL: 0.5, PROBE_TIMEOUT: 0.5 })),
  });
  systemd = await systemdIn(router.rtr);
  const out = await router.rtr.sh(`${INSTALL} --no-deps`);
  expect(out).toContain('+ systemctl enable wanhook.service');
});
afterAll(() => router.destroy());

test('boots, and keeps a journal', async () => {
  expect(await systemd.ctl('is-system-running')).toBe('running\n');
  expect(await systemd.journal('init.scope')).toContain('Reached target basic.target');
});

test('x', async () => {
  await router.configure(
    [
      { ID: 1, PPP_IPPARAM: 'line1', PROBE: 'icmp://203.0.113.11', PROBE_INTERVAL: 0.5, PROBE_TIMEOUT: 0.5 },
      { ID: 2, DEVICE: 'eth1', PROBE: 'icmp://203.0.113.11', PROBE_INTERVAL: 0.5, PROBE_TIMEOUT: 0.5 },
    ],
    { LAN: 'lan0', METRICS_FILE: '/var/lib/node_exporter/wanhook.prom' },
  );
  await router.rtr.sh('mkdir -p /var/lib/node_exporter; systemctl enable wanhook-monitor');
  await systemd.ctl('start', 'multi-user.target');
  await sleep(2000);
  console.log(await systemd.ctl('status', 'wanhook*').catch((e) => String(e)));
  for (const { index } of router.lines) await router.up(index);
  await sleep(1500);
  console.log(await router.rtr.sh('journalctl --no-pager | tail -50; systemd-analyze security --no-pager | grep wanhook; systemd-analyze security --no-pager wanhook-monitor | head -90; cat /var/lib/node_exporter/wanhook.prom|head -5; cat /run/wanhook/monitor; wanhook status; grep VmRSS /proc/$(systemctl show --value -p MainPID wanhook-monitor)/status; systemd-analyze verify /etc/systemd/system/wanhook*', {check: false}));
});
