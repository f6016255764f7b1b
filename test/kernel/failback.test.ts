/** Tiers as traffic: the return of a better line moves new connections when its FAILBACK says so, and never old ones. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

const FLOWS = 32;

describe('failback', () => {
  let router: Router;
  beforeEach(async () => {
    router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 3 });
  });
  afterEach(async () => {
    try {
      expect(await router.strays()).toEqual([]);
    } finally {
      await router.destroy();
    }
  });

  /** Line 0 with this policy, line 1 as usual, both in tier 1; line 2 waits for both. */
  async function start(FAILBACK: string, third: Record<string, string | number> = { TIER: 2 }): Promise<void> {
    const { device } = router.lines[2]!;
    await router.configure([
      { ID: 1, PPP_IPPARAM: 'line1', FAILBACK },
      { ID: 2, PPP_IPPARAM: 'line2', FAILBACK },
      { ID: 3, DEVICE: device, ...third },
    ]);
    for (const { index } of router.lines) await router.up(index);
  }
  const used = async () => Object.keys((await router.share({ from: 'lan', count: 60 })).sources).sort();
  const sleepers = async () => Number(await router.rtr.sh('grep -lsx sleep /proc/[0-9]*/comm | wc -l'));
  const hold = () =>
    Promise.all([
      router.startHold({ from: 'lan', ms: 100_000, count: FLOWS, localAddresses: router.clients }),
      router.startHold({ from: 'lan', ms: 100_000, count: FLOWS, proto: 'udp', localAddresses: router.clients }),
      router.startHold({ from: 'rtr', ms: 100_000, count: 8 }),
    ]);
  /** Every flow lives, and on the line it began on. */
  async function expectUnmoved(holds: Awaited<ReturnType<typeof hold>>): Promise<void> {
    const got = await Promise.all(holds.map((each) => each.stop()));
    console.log(`held through failback: ${got.map((each) => `${each.survived}/${each.flows.length}`).join(', ')}`);
    for (const each of got) {
      expect(each).toMatchObject({ survived: each.flows.length, broken: 0, stalled: 0, sourcesConstant: true });
      expect(new Set(each.flows.flatMap(({ sources }) => sources))).toEqual(new Set([router.lines[2]!.address]));
    }
  }

  test('delay: the return takes new connections only when the delay is over, with nobody’s help', async () => {
    await start('delay:3');
    expect(await used()).toEqual(['192.0.2.11', '192.0.2.12']);
    await router.down(0);
    await router.down(1);
    expect(await used()).toEqual(['198.51.100.2']);
    const holds = await hold();
    const probe = await router.startProbe({ from: 'lan', ms: 60_000 });
    const back = Date.now();
    await router.up(0);
    expect(await used()).toEqual(['198.51.100.2']);
    expect(await router.must('status')).toMatch(/line1 +up .* waits: takes traffic back in [123] s/);
    expect(await sleepers()).toBe(1);
    while (!(await used()).includes('192.0.2.11')) expect(Date.now() - back).toBeLessThan(8000);
    expect(Date.now() - back).toBeGreaterThan(3000);
    expect(await used()).toEqual(['192.0.2.11']);
    expect(await router.plan()).toEqual([]);
    expect((await router.journal()).at(-1)?.cause).toEqual(['failback is due']);
    expect(await probe.stop()).toMatchObject({ lost: 0 });
    await expectUnmoved(holds);
    expect(await sleepers()).toBe(0);
  });

  test('delay: the sleeper holds no descriptor of the daemon that called the hook', async () => {
    await start('delay:60');
    await router.down(0);
    await router.down(1);
    await router.lineUp(0);
    const hook = '/usr/lib/wanhook/ip-up.cjs ppp0 tty 0 192.0.2.11 192.0.2.254 line1';
    const locked = 'exec 7</etc/passwd 40</etc/passwd 200>/run/locked; flock 200';
    await router.rtr.run(['bash', '-c', `${locked}; env -i ${process.execPath} ${hook}`]);
    expect(
      await router.rtr.sh('read -r pid rest </run/wanhook/failback.sleeper; ls /proc/$pid/fd | tr "\\n" " "'),
    ).toBe('0 1 2 ');
  });

  test('delay: with the sleeper killed, the next event after the time decides', async () => {
    await start('delay:2');
    await router.down(0);
    await router.down(1);
    await router.up(0);
    await router.rtr.sh('read -r pid rest </run/wanhook/failback.sleeper; kill -9 -$pid');
    await sleep(2500);
    expect(await used()).toEqual(['198.51.100.2']);
    await router.up(1);
    expect(await used()).toEqual(['192.0.2.11', '192.0.2.12']);
  });

  test('manual: it waits until told to, or until it is needed', async () => {
    await start('manual');
    await router.down(0);
    await router.down(1);
    const holds = await hold();
    await router.up(0);
    await router.up(1);
    expect(await used()).toEqual(['198.51.100.2']);
    await router.must('failback', 'line1');
    expect(await used()).toEqual(['192.0.2.11', '192.0.2.12']);
    await expectUnmoved(holds);
    await router.down(0);
    await router.down(1);
    await router.up(0);
    expect(await used()).toEqual(['198.51.100.2']);
    await router.down(2);
    expect(await used()).toEqual(['192.0.2.11']);
    expect(await router.plan()).toEqual([]);
  });

  test('a metered line of tier 1 is used only while both lines of tier 5 are down', async () => {
    await start('immediate', { TIER: 1, METERED: 'yes' });
    const tiers = [{ TIER: 5 }, { TIER: 5 }].map((keys, n) => ({ ID: n + 1, PPP_IPPARAM: `line${n + 1}`, ...keys }));
    await router.configure([...tiers, { ID: 3, DEVICE: router.lines[2]!.device, TIER: 1, METERED: 'yes' }]);
    await router.must('apply');
    expect(await used()).toEqual(['192.0.2.11', '192.0.2.12']);
    await router.down(0);
    expect(await used()).toEqual(['192.0.2.12']);
    await router.down(1);
    expect(await used()).toEqual(['198.51.100.2']);
    await router.up(0);
    expect(await used()).toEqual(['192.0.2.11']);
  });
});
