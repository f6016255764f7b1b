/** The lab itself, without wanhook: it must carry traffic, notice what goes wrong, and leave nothing behind. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLab, type Lab } from '../support/lab.ts';

const MASQUERADE = `add table ip nat
add chain ip nat post { type nat hook postrouting priority srcnat; }
add rule ip nat post ip saddr 10.10.0.0/24 masquerade`;

/** What the host has: devices, rules, routes, nft tables, mounts. */
function hostState(): string {
  const ask = (argv: string[]) => execFileSync(argv[0]!, argv.slice(1), { encoding: 'utf8' });
  return [
    readdirSync('/sys/class/net').join(' '),
    ask(['ip', 'rule']),
    ask(['ip', 'route', 'show', 'table', 'all']),
    ask(['nft', 'list', 'tables']),
    readFileSync('/proc/self/mounts', 'utf8'),
    readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
    readFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', 'utf8'),
  ].join('\n');
}

/** Processes in a network namespace other than ours. */
function strangers(): string[] {
  const own = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) !== own;
    } catch {
      return false; // a kernel thread, or gone
    }
  });
}

describe('a lab without wanhook', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ links: ['ppp', 'ppp', 'dhcp'], clients: 2 });
    await lab.rtr.run(['nft', '-f', '-'], { stdin: MASQUERADE });
    for (const line of lab.lines) await lab.lineUp(line.index);
    await lab.rtr.sh('ip route add default dev ppp0');
  });
  afterAll(() => lab.destroy());

  test('lines look as pppd and dhclient leave them', async () => {
    expect(await lab.rtr.sh('ip -o -4 addr show dev ppp0')).toMatch(/inet 192\.0\.2\.11 peer 192\.0\.2\.254\/32/);
    expect(await lab.rtr.sh('ip -o -4 addr show dev ppp1')).toMatch(/inet 192\.0\.2\.12 peer 192\.0\.2\.254\/32/);
    expect(await lab.rtr.sh('ip -o -4 addr show dev eth1')).toMatch(/inet 198\.51\.100\.2\/24/);
    expect(await lab.rtr.sh('cat /sys/class/net/ppp0/mtu')).toBe('1492\n');
  });

  test.each(['tcp', 'udp'] as const)('%s from the LAN goes out of the first line', async (proto) => {
    const got = await lab.share({ from: 'lan', proto, count: 40, to: ['203.0.113.10', '203.0.113.20'] });
    expect(got.sources).toEqual({ '192.0.2.11': 40 });
    expect(got.byServer).toEqual({ '203.0.113.10': { '192.0.2.11': 20 }, '203.0.113.20': { '192.0.2.11': 20 } });
    expect(await lab.wrongSource(0)).toBe(0);
  });

  test.each([
    [0, '192.0.2.11'],
    [1, '192.0.2.12'],
    [2, '198.51.100.2'],
  ])('line %i works when it has the default route', async (index, source) => {
    const { device, kind, gateway } = lab.lines[index]!;
    await lab.rtr.sh(`ip route replace default ${kind === 'dhcp' ? `via ${gateway}` : ''} dev ${device}`);
    const got = await lab.share({ from: 'lan', count: 10, localAddresses: lab.clients });
    expect(got.sources).toEqual({ [source]: 10 });
    expect(got.byClient).toEqual({ '10.10.0.2': { [source]: 5 }, '10.10.0.3': { [source]: 5 } });
    expect((await lab.share({ from: 'rtr', count: 3 })).sources).toEqual({ [source]: 3 });
    await lab.rtr.sh('ip route replace default dev ppp0');
  });

  test('a packet with the other line’s address is dropped and counted', async () => {
    const got = await lab.share({ from: 'rtr', localAddresses: ['192.0.2.12'], count: 3, timeoutMs: 300 });
    expect(got).toMatchObject({ sent: 3, ok: 0, errors: { timeout: 3 } });
    expect(await lab.wrongSource(0)).toBe(3);
    expect(await lab.wrongSourceFlows(0)).toEqual(['192.0.2.12 > 203.0.113.10']);
    expect(await lab.wrongSource(1)).toBe(0);
  });

  test('a dead gateway is silent, a dead upstream still answers at the gateway', async () => {
    const ping = async () => (await lab.rtr.run(['ping', '-c1', '-W1', '192.0.2.254'], { check: false })).code;
    await lab.deadGateway(0, true);
    expect((await lab.share({ from: 'lan', count: 2, timeoutMs: 300 })).errors).toEqual({ timeout: 2 });
    expect(await ping()).toBe(1);
    await lab.deadGateway(0, false);
    await lab.deadUpstream(0, true);
    expect((await lab.share({ from: 'lan', count: 2, timeoutMs: 300 })).ok).toBe(0);
    await lab.deadUpstream(0, false);
    expect((await lab.share({ from: 'lan', count: 2 })).ok).toBe(2);
  });

  test('carrier and admin state show in the device', async () => {
    const flags = () => lab.rtr.sh('ip -o link show dev eth1');
    await lab.carrier(2, false);
    expect(await flags()).toContain('NO-CARRIER');
    await lab.carrier(2, true);
    expect(await flags()).toContain('LOWER_UP');
    await lab.lineAdminDown(2);
    expect(await flags()).not.toContain('LOWER_UP');
    await lab.lineUp(2);
    expect(await flags()).toContain('LOWER_UP');
  });

  test('a hang-up ends the traffic, and the line returns as a new device with a new address', async () => {
    const flows = await lab.startHold({ from: 'rtr', count: 4, ms: 10_000, timeoutMs: 300 });
    const before = await lab.rtr.sh('cat /sys/class/net/ppp0/ifindex');
    const probing = await lab.startProbe({ from: 'lan', ms: 10_000, timeoutMs: 200 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await lab.lineHangup(0);
    expect(await lab.rtr.sh('ip route show default')).toBe('');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await lab.lineUp(0, { address: '192.0.2.77' });
    await lab.rtr.sh('ip route add default dev ppp0');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const got = await probing.stop();
    expect(await lab.rtr.sh('cat /sys/class/net/ppp0/ifindex')).not.toBe(before);
    expect(Object.keys(got.sources)).toEqual(['192.0.2.11', '192.0.2.77']);
    expect(got.outages).toHaveLength(1);
    expect(got.longestOutageMs).toBeGreaterThan(290);
    expect(got.longestOutageMs).toBeLessThan(900);
    expect(got.probes).toHaveLength(got.sent);
    const held = await flows.stop();
    expect(held).toMatchObject({ survived: 0, sourcesConstant: true });
  });

  test('servers answer from the address that was asked', async () => {
    const server = await lab.serve('rtr', { tcp: [8022], udp: [8053] });
    const ask = (to: string, port: number, proto: 'tcp' | 'udp') =>
      lab.share({ from: 'net', to: [to], port, proto, count: 2, timeoutMs: 300 });
    expect(await ask(lab.lines[0]!.address, 8022, 'tcp')).toMatchObject({ ok: 2 });
    expect(await ask(lab.lines[0]!.address, 8053, 'udp')).toMatchObject({ ok: 2 });
    // Asked on the second line, the router without wanhook answers through the first: wrong source, dropped.
    const wrong = await lab.wrongSource(0);
    expect(await ask(lab.lines[1]!.address, 8022, 'tcp')).toMatchObject({ ok: 0 });
    expect(await lab.wrongSource(0)).toBeGreaterThan(wrong);
    await server.kill();
  });

  test('two Ethernet lines may share a subnet', async () => {
    const twin = await createLab({ links: ['dhcp', { kind: 'dhcp', address: '198.51.100.3' }], up: true, overlay: [] });
    const via = async (index: number) => {
      await twin.rtr.sh(
        `ip route replace default via 198.51.100.1 dev ${twin.lines[index]!.device} src ${twin.lines[index]!.address}`,
      );
      return (await twin.share({ from: 'rtr', count: 2, timeoutMs: 500 })).sources;
    };
    try {
      expect(await via(0)).toEqual({ '198.51.100.2': 2 });
      expect(await via(1)).toEqual({ '198.51.100.3': 2 });
      await twin.setAddress(1, '198.18.5.2');
      await twin.setAddress(1, '198.51.100.4');
      expect(await via(0)).toEqual({ '198.51.100.2': 2 });
      expect(await via(1)).toEqual({ '198.51.100.4': 2 });
    } finally {
      await twin.destroy();
    }
  });

  test('renumbering a line that is up moves the ISP and the Internet along', async () => {
    await lab.setAddress(2, '198.18.7.9');
    await lab.rtr.sh(`ip route replace default via ${lab.lines[2]!.gateway} dev eth1`);
    expect((await lab.share({ from: 'lan', count: 5 })).sources).toEqual({ '198.18.7.9': 5 });
    await lab.setAddress(2, '198.51.100.2');
  });

  test('the router has its own /etc, /usr/sbin, /run and devices', async () => {
    await lab.rtr.sh('echo hello >/etc/lab-canary; echo hello >/usr/sbin/lab-canary; echo hello >/run/lab-canary');
    expect(['/etc', '/usr/sbin', '/run'].some((dir) => existsSync(`${dir}/lab-canary`))).toBe(false);
    expect((await lab.rtr.sh('ls /sys/class/net')).split(/\s+/).sort()).toEqual([
      '',
      'eth1',
      'lan0',
      'lo',
      'ppp0',
      'ppp1',
    ]);
  });

  test('commands get the environment, standard input and time limit they are given', async () => {
    expect(await lab.rtr.sh('cat', { stdin: 'text' })).toBe('text');
    const bare = await lab.rtr.run(['/usr/bin/env'], { exactEnv: true, env: { IFNAME: 'ppp0' } });
    expect(bare.stdout).toBe('IFNAME=ppp0\n');
    await expect(lab.rtr.sh('exit 3')).rejects.toThrow('exit 3');
    expect(await lab.rtr.run(['sleep', '60'], { timeoutMs: 100, check: false })).toMatchObject({ code: -1 });
    // A daemon left behind does not keep us waiting.
    await lab.rtr.sh('sleep 60 &');
  });
});

test('after destroy nothing remains', async () => {
  const before = hostState();
  const processes = strangers();
  const lab = await createLab({ links: ['ppp', 'dhcp'], up: true });
  await lab.serve('lan', { tcp: [8080] });
  await lab.rtr.sh('setsid sleep 1000 >/dev/null 2>&1 &');
  expect(strangers().length).toBeGreaterThan(processes.length);
  await lab.destroy();
  await lab.destroy();
  expect(hostState()).toBe(before);
  expect(strangers()).toEqual(processes);
});

test('a lab that cannot be made leaves nothing either', async () => {
  const processes = strangers();
  await expect(createLab({ links: ['ppp'], overlay: ['/no/such/directory'] })).rejects.toThrow('cannot create the lab');
  await expect(createLab({ links: [{ kind: 'ppp', address: 'nonsense' }] })).rejects.toThrow('cannot create the lab');
  expect(strangers()).toEqual(processes);
});

test('a lab with three links is made in half a second', async () => {
  const start = performance.now();
  const lab = await createLab({ links: ['ppp', 'ppp', 'dhcp'] });
  const made = performance.now();
  await Promise.all(lab.lines.map((line) => lab.lineUp(line.index)));
  const up = performance.now();
  await lab.destroy();
  const times = [made - start, up - made, performance.now() - up].map(Math.round);
  console.log(`lab with 3 links: made ${times[0]!} ms, lines up ${times[1]!} ms, destroyed ${times[2]!} ms`);
  expect(times[0]).toBeLessThan(500);
});
