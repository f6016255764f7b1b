/** Connections from the Internet are answered by the line they came in by: services on the router, and port forwards. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

/** The user's own port forwards, on every line: 9022 and 9053 go to the LAN host's 8022 and 8053. */
const FORWARDS = `table ip forwards {
  chain pre {
    type nat hook prerouting priority dstnat
    iifname { "ppp0", "ppp1", "eth1" } tcp dport 9022 dnat to 10.10.0.2:8022
    iifname { "ppp0", "ppp1", "eth1" } udp dport 9053 dnat to 10.10.0.2:8053
  }
}
`;
const SERVICES = [
  ['TCP on the router', 'tcp', 8022],
  ['UDP on the router', 'udp', 8053],
  ['a TCP port forward', 'tcp', 9022],
  ['a UDP port forward', 'udp', 9053],
] as const;

describe.each([0, 1])('inbound with rp_filter=%i in conf.all', (rpFilter) => {
  let router: Router;
  beforeAll(async () => {
    router = await createRouter({
      links: ['ppp', 'ppp', 'dhcp'],
      before: `for which in all default; do echo ${rpFilter} >/proc/sys/net/ipv4/conf/$which/rp_filter; done`,
    });
    await router.rtr.run(['nft', '-f', '-'], { stdin: FORWARDS });
    for (const { index } of router.lines) await router.up(index);
    // A UDP server that answers from the address it was asked at needs a socket for each; so do real ones.
    await router.serve('rtr', { tcp: [8022], udp: [8053] });
    await router.serve('lan', { tcp: [8022], udp: [8053] });
  });
  afterEach(async () => expect(await router.strays()).toEqual([]));
  afterAll(() => router.destroy());

  /** The same three clients ask on all these lines at once; each must see the answer of the address it asked. */
  async function askOn(indexes: readonly number[], proto: 'tcp' | 'udp', port: number): Promise<void> {
    const clients = router.servers.slice(0, 3);
    const ask = (index: number) => {
      const to = [router.lines[index]!.address];
      return router.share({ from: 'net', to, port, proto, count: 60, localAddresses: clients });
    };
    for (const got of await Promise.all(indexes.map(ask))) {
      expect(got).toMatchObject({ ok: 60, errors: {} });
      expect(got.sources).toEqual(Object.fromEntries(clients.map((client) => [client, 20])));
    }
  }

  test.each(SERVICES)('%s answers on all lines at the same time', (_, proto, port) => askOn([0, 1, 2], proto, port));

  test('and while outbound connections to the same hosts are shared over the lines', async () => {
    const outbound = router.startProbe({ from: 'lan', ms: 60_000, to: router.servers.slice(0, 3) });
    for (const [, proto, port] of SERVICES) await askOn([0, 1, 2], proto, port);
    expect(await (await outbound).stop()).toMatchObject({ lost: 0 });
  });

  test('long inbound connections outlive the ups and downs of another line', async () => {
    const to = [router.lines[1]!.address];
    const common = { from: 'net', to, ms: 60_000, localAddresses: router.servers.slice(0, 3) } as const;
    const holds = await Promise.all(
      SERVICES.map(([, proto, port]) => router.startHold({ ...common, count: 8, proto, port })),
    );
    for (let n = 0; n < 5; n++) {
      await router.down(0);
      await router.up(0);
    }
    const got = await Promise.all(holds.map((hold) => hold.stop()));
    expect(got.map(({ survived, sourcesConstant }) => [survived, sourcesConstant])).toEqual(
      SERVICES.map(() => [8, true]),
    );
  });

  test.each(SERVICES)('%s answers on the other lines while one is down', async (_, proto, port) => {
    await router.down(0);
    await askOn([1, 2], proto, port);
    await router.up(0);
    await router.down(2);
    await askOn([0, 1], proto, port);
    await router.up(2);
    await askOn([0, 1, 2], proto, port);
  });

  test('when their line dies, inbound connections end; nothing of them leaves by another line', async () => {
    const to = [router.lines[1]!.address];
    const common = { from: 'net', to, ms: 60_000, everyMs: 20, localAddresses: router.servers.slice(0, 1) } as const;
    const holds = await Promise.all(
      SERVICES.map(([, proto, port]) => router.startHold({ ...common, count: 4, proto, port, timeoutMs: 500 })),
    );
    await router.down(1);
    await router.lan.sh('sleep 1');
    const got = await Promise.all(holds.map((hold) => hold.stop()));
    expect(got.map(({ survived }) => survived)).toEqual([0, 0, 0, 0]);
    await router.up(1);
  });
});
