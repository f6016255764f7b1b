import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';
import { SYSTEMD, systemdIn, type Systemd } from '../support/systemd.ts';

let router: Router;
let systemd: Systemd;
beforeAll(async () => {
  router = await createRouter({ links: ['dhcp'], init: SYSTEMD });
  systemd = await systemdIn(router.rtr);
});
afterAll(() => router.destroy());

test('boots, and keeps a journal', async () => {
  expect(await systemd.ctl('is-system-running')).toBe('running\n');
  expect(await systemd.show('systemd-journald', 'SubState')).toBe('running');
  expect(await systemd.journal('init.scope')).toContain('Reached target basic.target');
});
