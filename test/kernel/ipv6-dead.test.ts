/** `wanhook monitor` and a line that is dead in one of the families only. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LinkHealth, State } from '../../src/model.ts';
import { type Monitor, startMonitor } from '../support/router-monitor.ts';
import { createRouter, type Router } from '../support/router.ts';
import { addIpv6, type Ipv6 } from '../support/router6.ts';
import { startServices } from '../support/services.ts';

const FAR6 = [
  ...['icmp://2001:db8:ff::10', 'tcp://[2001:db8:ff::10]:7001', 'dns://[2001:db8:ff::11]/example.org'],
  'http://[2001:db8:ff::12]/generate_204',
];
const PROBE = ['gateway', 'icmp://203.0.113.11', ...FAR6].join();
/** With two of each family a gateway that answers does not save a line. */
const QUICK = { PROBE, PROBE_NEED: 2, PROBE_INTERVAL: 0.3, PROBE_TIMEOUT: 0.5, UP_AFTER: 2, FLAP_PENALTY: 0 };

let router: Router;
let six: Ipv6;
let monitor: Monitor;
beforeAll(async () => {
  router = await createRouter({ links: ['dhcp', 'ppp'], keys: [QUICK, QUICK] });
  six = await addIpv6(router);
  await router.serve('net', { tcp: [7001] });
  await startServices(router, six.servers[1], six.servers[2]);
  await six.advertised(0);
  await router.up(0);
  await router.up(1);
  await six.pppUp(1);
  await router.must('apply');
  monitor = await startMonitor(router);
});
afterAll(() => router.destroy());

const state = async () => JSON.parse(await router.rtr.sh('cat /run/wanhook/state.json')) as State;
/** Of line 1 and line 2, by IPv4 and by IPv6; alive is who was never called anything else. */
async function verdicts(): Promise<string> {
  const { health, v6 } = await state();
  const words = (of: State['health']) => ['line1', 'line2'].map((name) => of?.[name]?.verdict ?? 'alive').join(' ');
  return `${words(health)}, IPv6 ${words(v6?.health)}`;
}
const become = (want: string) => expect.poll(verdicts, { timeout: 20_000 }).toBe(want);

/** As it is thought of now: written every 5 s. */
async function thought(line: number): Promise<LinkHealth | undefined> {
  const text = await router.rtr.sh('cat /run/wanhook/health.json 2>/dev/null || echo "{}"');
  return (JSON.parse(text) as { links6?: Record<string, LinkHealth> }).links6?.[`line${line + 1}`];
}

/** By which lines new connections of the LAN leave. */
async function used(family: 4 | 6): Promise<number[]> {
  const to = family === 6 ? { to: six.servers.slice(0, 1), localAddresses: [six.local] } : {};
  const { sources, errors } = await router.share({ from: 'lan', count: 40, ...to });
  expect(errors).toEqual({});
  const own = (index: number) => (family === 6 ? `2001:db8:a${index + 1}:` : router.lines[index]!.address);
  return [0, 1].filter((index) => Object.keys(sources).some((source) => source.startsWith(own(index))));
}

const upstream6 = (line: number, rule: string) =>
  router.isps[line]!.sh(
    `nft 'table ip6 lab6 { chain upstream { type filter hook prerouting priority -250; iifname "line" ${rule}; }; }'`,
  );
const mended6 = (line: number) => router.isps[line]!.sh('nft delete chain ip6 lab6 upstream');

test('every kind of target answers by IPv6, over an Ethernet line and a dialled one', async () => {
  for (const line of [0, 1]) {
    await expect.poll(async () => (await thought(line))?.reason, { timeout: 20_000 }).toBe('5 of 5 targets answer');
  }
  expect((await thought(1))?.loss).toBe(0);
  expect(await verdicts()).toBe('alive alive, IPv6 alive alive');
  expect(await six.strays()).toEqual([]);
});

test('IPv6 dead behind its gateway: IPv4 does not notice', async () => {
  const own = await router.startHold({ from: 'lan', ms: 30_000, count: 12 });
  await upstream6(0, 'ip6 daddr 2001:db8:ff::/48 drop');
  await become('alive alive, IPv6 dead alive');
  expect((await state()).v6?.health?.['line1']?.reason).toMatch(/^no answer from 4 of 5 targets/);
  await monitor.settled();
  expect(await used(6)).toEqual([1]);
  expect(await used(4)).toEqual([0, 1]);
  const { stdout } = await router.wanhook('status');
  expect(stdout).toMatch(/^line1 +up .*\n {2}IPv6 +dead .* dead: no answer from 4 of 5/m);
  await mended6(0);
  await become('alive alive, IPv6 alive alive');
  await monitor.settled();
  expect(await used(6)).toEqual([0, 1]);
  expect(await own.stop(), 'IPv4 connections').toMatchObject({ broken: 0, stalled: 0 });
});

test('IPv4 dead, and IPv6 lives: nobody is taken away from it', async () => {
  await router.deadUpstream(0, true);
  await become('dead alive, IPv6 alive alive');
  await monitor.settled();
  expect(await used(4)).toEqual([1]);
  expect(await used(6)).toEqual([0, 1]);
  await router.deadUpstream(0, false);
  await become('alive alive, IPv6 alive alive');
});

test('what the router’s own firewall eats says nothing about IPv6, and is told', async () => {
  const eaten = 'meta nfproto ipv6 meta l4proto { tcp, udp } drop; icmpv6 type echo-request drop';
  await router.rtr.sh(`nft 'table inet users { chain out { type filter hook output priority 0; ${eaten}; }; }'`);
  const told = async () => (await thought(0))?.reason;
  await expect.poll(told, { timeout: 20_000 }).toMatch(/^cannot tell: probes do not leave this machine/);
  expect(await verdicts()).toBe('alive alive, IPv6 alive alive');
  await router.rtr.sh('nft delete table inet users');
  // Its table is there only while it asks.
  await expect.poll(() => router.rtr.sh('nft list tables')).not.toContain('wanhook_asked');
  expect(await six.strays()).toEqual([]);
  expect(monitor.said()).toBe('');
});
