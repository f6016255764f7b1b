/** With many links, jumps lead packets past rules that are not about them: every packet still finds the one that is. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

const RESOLVER = '203.0.113.15';

let router: Router;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'ppp', 'ppp', 'ppp', 'ppp', 'dhcp', 'dhcp'], clients: 2 });
  for (const { index } of router.lines) await router.up(index);
});
afterAll(async () => {
  try {
    expect(await router.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});

const jumps = async () =>
  [...(await router.rtr.sh('ip rule')).matchAll(/^(\d+):.* goto (.*) proto/gm)].map(
    ([, from, to]) => `${from} → ${to}`,
  );
const addresses = () => router.lines.map(({ address }) => address);

test('there are jumps, and each has a target', async () => {
  expect(await jumps()).toEqual(['20099 → 20199', '20199 → 20299', '20199 → 20201', '20299 → 20349']);
  expect(await router.plan()).toEqual([]);
});

test('the LAN is shared over all lines, the router’s sockets leave by the line of their address or device', async () => {
  const seen = await router.share({ from: 'lan', count: 400, localAddresses: router.clients });
  expect(seen).toMatchObject({ ok: 400, errors: {} });
  expect(Object.keys(seen.sources).toSorted()).toEqual(addresses().toSorted());
  const bound = await router.share({ from: 'rtr', count: 80, localAddresses: addresses() });
  expect(bound.byClient).toEqual(Object.fromEntries(addresses().map((at) => [at, { [at]: 10 }])));
  for (const { device } of router.lines) await router.rtr.sh(`ping -n -c 1 -W 2 -I ${device} 203.0.113.10 >/dev/null`);
});

test('flows keep their line by its mark while another one goes and comes', async () => {
  const held = await router.startHold({ from: 'lan', ms: 60_000, count: 48, localAddresses: router.clients });
  await router.down(0);
  await router.up(0, { address: '192.0.2.99' });
  const { flows } = await held.stop();
  const others = flows.filter(({ sources }) => sources[0] !== '192.0.2.11');
  expect(others.length).toBeGreaterThan(24);
  expect(others.filter(({ brokeAt, sources }) => brokeAt !== undefined || sources.length !== 1)).toEqual([]);
});

test('a resolver is still asked over its line, from the LAN as well', async () => {
  const { address, gateway } = router.lines[7]!;
  const lease = { new_ip_address: address, new_subnet_mask: '255.255.255.0', new_routers: gateway };
  await router.dhclient('BOUND', 7, { ...lease, new_domain_name_servers: RESOLVER });
  for (const from of ['lan', 'rtr'] as const) {
    expect((await router.share({ from, to: [RESOLVER], count: 20 })).sources).toEqual({ [address]: 20 });
  }
  expect(await router.plan()).toEqual([]);
});
