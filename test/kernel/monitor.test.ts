/** `wanhook monitor` in a router: what it notices by itself, how fast, and what it leaves alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Monitor, startMonitor } from '../support/router-monitor.ts';
import { createRouter, type Router } from '../support/router.ts';

/** As systemd: a datagram socket; one line a message. */
const NOTIFIED = `use Socket; $| = 1; unlink '/run/notified';
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un('/run/notified')) or die; print "bound\\n";
while (defined recv($s, my $message, 4096, 0)) { $message =~ tr/\\n/ /; print "$message\\n" }`;

describe('the kernel, watched', () => {
  let router: Router;
  let monitor: Monitor;
  beforeAll(async () => {
    router = await createRouter({
      links: ['dhcp', 'dhcp', 'ppp'],
      keys: [{ PROBE: 'none' }, { PROBE: 'none' }, { PROBE: 'none' }],
    });
    for (const { index } of router.lines) await router.up(index);
    await router.must('apply');
    monitor = await startMonitor(router);
  });
  afterEach(async () => {
    await monitor.settled();
    expect(await router.plan()).toEqual([]);
    expect(await router.strays()).toEqual([]);
  });
  afterAll(() => router.destroy());

  /** After the event: who shares, as the kernel has it. */
  const used = async () => Object.keys((await router.share({ from: 'lan', count: 40 })).sources).sort();
  const ALL = ['192.0.2.11', '198.18.1.2', '198.51.100.2'];

  test('carrier lost and back, an address gone and back, without any hook', async () => {
    expect(await used()).toEqual(ALL);
    await router.carrier(0, false);
    await monitor.settled();
    expect(await used()).toEqual(ALL.slice(0, 2));
    await router.carrier(0, true);
    await monitor.settled();
    expect(await used()).toEqual(ALL);
    await router.lineHangup(1);
    await monitor.settled();
    expect(await used()).toEqual([ALL[0], ALL[2]]);
    await router.lineUp(1, { address: '198.18.1.77' });
    await monitor.settled();
    expect(await used()).toEqual([ALL[0], '198.18.1.77', ALL[2]]);
    await router.setAddress(1, '198.18.1.2');
    await monitor.settled();
    expect(await used()).toEqual(ALL);
  });

  test.each([
    ['rules', 'ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default'],
    ['a rule', 'ip rule del pref 20900'],
    ['the group', 'ip nexthop del id 20999'],
    ['nexthops', 'ip nexthop flush proto 201'],
    ['routes', 'ip route del default table 20001; ip route del default table 20000'],
    ['the firewall', 'nft delete table inet wanhook'],
    ['all of nftables', 'nft flush ruleset'],
    ['a device taken down and up', 'ip link set eth1 down; ip link set eth1 up'],
    ['a device that hangs up without ip-down', 'ip link del ppp0'],
  ])('%s: repaired by itself, with one line in the journal', async (_, act) => {
    const before = (await router.journal()).length;
    // ip and nft are scripts meanwhile, that count: the test's own are not slowed down by that.
    const looks = await monitor.looks(() => router.rtr.sh(`ip() { ip.real "$@"; }; nft() { nft.real "$@"; }; ${act}`));
    expect(await router.plan()).toEqual([]);
    const news = (await router.journal()).slice(before);
    console.log(
      news.map(({ cause, changed, ms }) => `${cause.join()}: ${changed.length} changes, ${ms} ms`).join('\n'),
    );
    const events = act.includes('down') || act.includes('del ppp0') ? 2 : 1;
    expect(news.length).toBeGreaterThan(0);
    expect(news.length).toBeLessThanOrEqual(events);
    // One that repairs, and one that finds nothing: what it did itself does not wake it again and again. On a busy machine
    // the kernel's messages of one act may come in two parts.
    expect(looks).toBeGreaterThan(0);
    expect(looks, 'its own changes do not wake it').toBeLessThanOrEqual(2 * events + 1);
    if (act.includes('del ppp0')) await router.up(2);
    await monitor.settled();
    expect(await used()).toEqual(ALL);
  });

  test('from event to applied', async () => {
    const times: number[] = [];
    for (let n = 0; n < 25; n++) {
      times.push(await monitor.repairTime());
      await sleep(300);
    }
    times.sort((a, b) => a - b);
    console.log(
      `event to applied: median ${times[12]!.toFixed(1)} ms, ${times[0]!.toFixed(1)} to ${times[24]!.toFixed(1)}`,
    );
    // 20 ms on a machine that does nothing else; this one may be running other tests.
    expect(times[0]).toBeLessThan(60);
  });

  test('foreign changes do not wake it', async () => {
    const before = await monitor.commands();
    await router.rtr.sh(`ip() { ip.real "$@"; }; nft() { nft.real "$@"; }; for n in 1 2 3 4 5; do
      ip route add 10.77.$n.0/24 dev lan0; ip route del 10.77.$n.0/24 dev lan0
      ip rule add pref 5 lookup 7; ip rule del pref 5; ip -6 addr add fd00::$n/64 dev lan0
      nft add table ip foreign; nft delete table ip foreign; done`);
    await sleep(300);
    expect(await monitor.commands()).toBe(before);
  });

  test('a residents’ end is told, and it is started again', async () => {
    await router.rtr.sh(
      'for p in /proc/[0-9]*; do case "$(tr "\\0" " " <$p/cmdline 2>/dev/null)" in "ip -N -o monitor"*) kill -9 ${p#/proc/};; esac; done',
    );
    await sleep(400);
    expect(monitor.said()).toContain('has ended (SIGKILL): starting it again');
    await router.rtr.sh('ip rule del pref 20900');
    await monitor.settled();
    expect(await router.plan()).toEqual([]);
  });

  test('HUP: a bad configuration is told and the old one holds; a good one is taken', async () => {
    await router.rtr.sh('echo WEIGHT=no >>/etc/wanhook/links/line1.env');
    await monitor.signal('SIGHUP');
    await monitor.settled();
    expect(monitor.said()).toContain('going on with the last good configuration: /etc/wanhook/links/line1.env');
    await router.rtr.sh('ip rule del pref 20900');
    await monitor.settled();
    expect(await router.rtr.sh('ip rule show pref 20900')).toContain('lookup');
    await router.rtr.sh("sed -i 's/^WEIGHT=.*/WEIGHT=9/' /etc/wanhook/links/line1.env");
    await monitor.signal('SIGHUP');
    await monitor.settled();
    expect(await router.rtr.sh('ip nexthop show id 20999')).toContain('20001,9');
    await router.rtr.sh("sed -i '/^WEIGHT=/d' /etc/wanhook/links/line1.env");
    await monitor.signal('SIGHUP');
    await monitor.settled();
  });

  test('only one at a time; TERM leaves routing as it is; a killed one is no obstacle', async () => {
    const other = await router.wanhook('monitor');
    expect(other.code).toBe(75);
    expect(other.stderr).toMatch(/monitor\.lock was not free within 5 s: process \d+ holds it/);
    const before = await router.snapshot();
    expect(await monitor.stop()).toBe(0);
    expect(await router.snapshot()).toBe(before);
    monitor = await startMonitor(router);
    await monitor.signal('SIGKILL');
    await router.rtr.sh('ip rule del pref 20900');
    monitor = await startMonitor(router);
    await monitor.settled();
    expect(await router.snapshot()).toBe(before);
  });

  test('systemd is told when it is ready, and when it ends', async () => {
    await monitor.stop();
    const systemd = router.rtr.spawn(['perl', '-e', NOTIFIED]);
    await systemd.waitLine(/bound/);
    monitor = await startMonitor(router, { NOTIFY_SOCKET: '/run/notified' });
    expect(await systemd.waitLine(/READY=1/)).toMatch(/MAINPID=\d+/);
    await monitor.stop();
    await systemd.waitLine(/STOPPING=1/);
    await systemd.kill();
    monitor = await startMonitor(router);
  });

  test('stopped by hand it leaves the kernel alone, until apply', async () => {
    await router.must('stop');
    await router.rtr.sh('ip link set eth1 down; ip link set eth1 up');
    await sleep(500);
    expect(await router.rtr.sh('ip rule show | grep -c "proto 201" || :')).toBe('0\n');
    await router.must('apply');
  });
});
