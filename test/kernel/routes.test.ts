/** S7 and odd lines: what is in `main` wins, lines that share a subnet, /32 leases, devices that change their names. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Lab } from '../support/lab.ts';
import { createRouter, type Router, type RouterOptions } from '../support/router.ts';

async function withRouter(options: RouterOptions, work: (router: Router) => Promise<void>): Promise<void> {
  const router = await createRouter(options);
  try {
    await work(router);
    expect(await router.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
}

const THREE: RouterOptions = { links: ['ppp', 'ppp', 'dhcp'], clients: 2 };
const allUp = async (router: Router) => {
  for (const { index } of router.lines) await router.up(index);
};
/** Servers in 203.0.113.16/28, and those that are not. */
const inside = (lab: Lab) => lab.servers.filter((address) => Number(address.split('.')[3]) >= 16);
const outside = (lab: Lab) => lab.servers.filter((address) => Number(address.split('.')[3]) < 16);

/** A tunnel to the server, without NAT, as far as routing can see one. */
async function addVpn({ rtr, net }: Lab): Promise<void> {
  const pair = `link add name vpn0 type veth peer name vpn0 netns ${rtr.pid}`;
  execFileSync('nsenter', ['-t', String(net.pid), '-n', 'ip', ...pair.split(' ')]);
  await net.sh('ip addr add 10.200.0.2/30 dev vpn0; ip link set vpn0 up; ip route add 10.10.0.0/24 via 10.200.0.1');
  await rtr.sh('ip addr add 10.200.0.1/30 dev vpn0; ip link set vpn0 up');
}

describe('a more specific route in main wins over the balance', () => {
  test('by a VPN: LAN and router, and it comes and goes while connections run', () =>
    withRouter(THREE, async (router) => {
      await allUp(router);
      await addVpn(router);
      const probe = await router.startProbe({ from: 'lan', ms: 60_000, to: inside(router) });
      await router.rtr.sh('ip route add 203.0.113.16/28 via 10.200.0.2');
      const lan = { from: 'lan', count: 60, localAddresses: router.clients } as const;
      for (const proto of ['tcp', 'udp'] as const) {
        const got = await router.share({ ...lan, proto, to: inside(router) });
        expect(got.sources).toEqual({ '10.10.0.2': 30, '10.10.0.3': 30 });
        const own = await router.share({ from: 'rtr', proto, to: inside(router), count: 30 });
        expect(own.sources).toEqual({ '10.200.0.1': 30 });
      }
      const others = await router.share({ ...lan, to: outside(router), count: 180 });
      expect(Object.keys(others.sources).sort()).toEqual(['192.0.2.11', '192.0.2.12', '198.51.100.2']);
      // Whatever the lines do, and whatever wanhook does about it.
      await router.down(0);
      await router.up(0);
      await router.must('apply');
      expect((await router.share({ ...lan, to: inside(router) })).sources).toEqual({
        '10.10.0.2': 30,
        '10.10.0.3': 30,
      });
      await router.rtr.sh('ip route del 203.0.113.16/28 via 10.200.0.2');
      const back = await router.share({ ...lan, to: inside(router), count: 180 });
      expect(Object.keys(back.sources).sort()).toEqual(['192.0.2.11', '192.0.2.12', '198.51.100.2']);
      expect(await probe.stop()).toMatchObject({ lost: 0 });
    }));

  test('by one of the lines: LAN and router', () =>
    withRouter(THREE, async (router) => {
      await allUp(router);
      await router.rtr.sh('ip route add 203.0.113.16/28 dev ppp1');
      for (const from of ['lan', 'rtr'] as const) {
        const got = await router.share({ from, to: inside(router), count: 50 });
        expect(got.sources).toEqual({ '192.0.2.12': 50 });
        const others = await router.share({ from, to: outside(router), count: 180 });
        expect(Object.keys(others.sources)).toHaveLength(3);
      }
    }));
});

test('two dhcp lines in one subnet with one gateway work, each with its own address', () =>
  withRouter({ links: ['dhcp', { kind: 'dhcp', address: '198.51.100.3' }], clients: 2 }, async (router) => {
    await allUp(router);
    const shared = await router.share({ from: 'lan', count: 300, localAddresses: router.clients });
    expect(shared.ok).toBe(300);
    expect(shared.sources['198.51.100.2']).toBeGreaterThan(100);
    expect(shared.sources['198.51.100.3']).toBeGreaterThan(100);
    const both = ['198.51.100.2', '198.51.100.3'];
    const bound = await router.share({ from: 'rtr', count: 40, localAddresses: both });
    expect(bound.byClient).toEqual(Object.fromEntries(both.map((address) => [address, { [address]: 20 }])));
    const probe = await router.startProbe({ from: 'lan', ms: 60_000, localAddresses: router.clients });
    await router.carrier(0, false);
    await router.rtr.sh(`while grep -q '^up' /sys/class/net/eth1/operstate; do sleep 0.005; done`);
    const alone = await router.share({ from: 'lan', count: 60 });
    expect(alone.sources).toEqual({ '198.51.100.3': 60 });
    await router.carrier(0, true);
    await router.must('apply');
    expect((await probe.stop()).errors).toSatisfy((errors: object) =>
      Object.keys(errors).every((e) => e === 'timeout'),
    );
    await router.serve('rtr', { tcp: [8022] });
    for (const to of both) {
      const got = await router.share({ from: 'net', to: [to], port: 8022, count: 30 });
      expect(got).toMatchObject({ ok: 30, errors: {} });
    }
    await router.down(1);
    expect((await router.share({ from: 'lan', count: 60 })).sources).toEqual({ '198.51.100.2': 60 });
    expect(await router.plan()).toEqual([]);
  }));

test('a /32 lease with a gateway outside it', () =>
  withRouter(THREE, async (router) => {
    await router.up(0);
    await router.lineUp(2);
    await router.rtr.sh('ip addr flush dev eth1; ip addr add 198.51.100.2/32 dev eth1');
    await router.dhclient('BOUND', 2, {
      new_ip_address: '198.51.100.2',
      new_subnet_mask: '255.255.255.255',
      new_routers: '198.51.100.1',
    });
    expect(await router.plan()).toEqual([]);
    const got = await router.share({ from: 'lan', count: 200 });
    expect(got.ok).toBe(200);
    expect(got.sources['198.51.100.2']).toBeGreaterThan(60);
    const bound = await router.share({ from: 'rtr', count: 20, localAddresses: ['198.51.100.2'] });
    expect(bound.sources).toEqual({ '198.51.100.2': 20 });
    // Redone by `apply` after somebody took it away.
    await router.rtr.sh('ip nexthop flush');
    await router.must('apply');
    expect((await router.share({ from: 'lan', count: 200 })).sources['198.51.100.2']).toBeGreaterThan(60);
  }));

describe('a unit number moves', () => {
  /** pppd names its new device by the unit it was given. */
  async function redialAs(router: Router, index: number, device: string, address: string): Promise<void> {
    await router.lineUp(index, { address });
    const old = router.lines[index]!.device;
    await router.rtr.sh(`ip link set ${old} down; ip link set ${old} name ${device}; ip link set ${device} up`);
    await router.ppp('ip-up', index, { device });
  }

  test('the line comes back as ppp5 with the same ipparam, and nobody touches anything', () =>
    withRouter(THREE, async (router) => {
      await allUp(router);
      const probe = await router.startProbe({ from: 'lan', ms: 60_000 });
      await router.down(0);
      await redialAs(router, 0, 'ppp5', '192.0.2.55');
      // Those under way by ppp0 at the very moment it goes may be lost, nothing else.
      expect((await probe.stop()).lost).toBeLessThanOrEqual(10);
      const got = await router.share({ from: 'lan', count: 180 });
      expect(got.ok).toBe(180);
      expect(Object.keys(got.sources).sort()).toEqual(['192.0.2.12', '192.0.2.55', '198.51.100.2']);
      const bound = await router.share({ from: 'rtr', count: 20, localAddresses: ['192.0.2.55'] });
      expect(bound.sources).toEqual({ '192.0.2.55': 20 });
      expect(await router.plan()).toEqual([]);
      await router.rtr.sh('ip link del ppp5');
      await router.ppp('ip-down', 0, { device: 'ppp5' });
      expect(Object.keys((await router.share({ from: 'lan', count: 120 })).sources)).toHaveLength(2);
      await router.up(0, { address: '192.0.2.56' });
      expect((await router.share({ from: 'lan', count: 120 })).sources['192.0.2.56']).toBeGreaterThan(10);
      expect(await router.plan()).toEqual([]);
    }));

  test('two lines swap their units', () =>
    withRouter(THREE, async (router) => {
      await allUp(router);
      await router.lineHangup(0);
      await router.lineHangup(1);
      await redialAs(router, 0, 'tmp0', '192.0.2.61');
      await router.lineUp(1, { address: '192.0.2.62' });
      await router.rtr.sh(`for move in 'ppp1 ppp0' 'tmp0 ppp1'; do
        set -- $move; ip link set $1 down; ip link set $1 name $2; ip link set $2 up; done`);
      await router.ppp('ip-up', 0, { device: 'ppp1' });
      await router.ppp('ip-up', 1, { device: 'ppp0' });
      // The old sessions' ip-down come last of all.
      await router.ppp('ip-down', 0, { device: 'ppp0', address: '192.0.2.11' });
      await router.ppp('ip-down', 1, { device: 'ppp1', address: '192.0.2.12' });
      const got = await router.share({ from: 'lan', count: 180 });
      expect(got.ok).toBe(180);
      expect(Object.keys(got.sources).sort()).toEqual(['192.0.2.61', '192.0.2.62', '198.51.100.2']);
      const want = { line1: ['ppp1', '192.0.2.61'], line2: ['ppp0', '192.0.2.62'], line3: ['eth1', '198.51.100.2'] };
      const { links } = JSON.parse(await router.must('status', '--json')) as {
        links: { name: string; device: string; address: string }[];
      };
      expect(Object.fromEntries(links.map(({ name, device, address }) => [name, [device, address]]))).toEqual(want);
      expect(await router.plan()).toEqual([]);
    }));
});
