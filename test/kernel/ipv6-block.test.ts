/** ON_DOWN=block over IPv6: what was masqueraded on the line waits for it, and the other ISP sees nothing of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';
import { addIpv6, type Ipv6 } from '../support/router6.ts';

const LOCAL = 'fd00:1::2';
const COUNT = `table ip6 witness {
  counter seen {}
  chain pre {
    type filter hook prerouting priority raw - 1
    iifname "line" meta l4proto { tcp, udp } th dport 7100 counter name seen
  }
}
`;

let router: Router;
let six: Ipv6;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp'], keys: [{ ON_DOWN: 'block' }] });
  six = await addIpv6(router);
  await router.serve('net', { tcp: [7100], udp: [7100] });
});
afterAll(async () => {
  try {
    expect(await six.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});

async function up(index: number): Promise<void> {
  await router.up(index);
  await six.pppUp(index);
}
const seen = async () => {
  const text = await router.isps[1]!.sh('nft list counter ip6 witness seen');
  return Number(/packets (\d+)/.exec(text)?.[1]);
};

test('LAN flows are refused while their line is away, before any hook, and UDP goes on with it', async () => {
  await up(0);
  const lan = { from: 'lan', to: [six.servers[0]!], port: 7100, ms: 60_000, everyMs: 50, count: 6 } as const;
  const local = { ...lan, localAddresses: [LOCAL] };
  const holds = {
    tcp: await router.startHold(local),
    udp: await router.startHold({ ...local, proto: 'udp' }),
  };
  await up(1);
  await router.isps[1]!.run(['nft', '-f', '-'], { stdin: COUNT });
  await router.lineHangup(0);
  await sleep(300);
  expect(await seen(), 'before any hook').toBe(0);
  await router.ppp('ip-down', 0);
  await sleep(300);
  for (let n = 0; n < 3; n++) {
    await up(0);
    await sleep(60);
    await router.down(0);
    await sleep(60);
  }
  expect(await seen(), 'through redials and reloads').toBe(0);
  const fresh = await router.share({ from: 'lan', localAddresses: [LOCAL], to: [six.servers[1]!], count: 4 });
  expect(fresh, 'new connections').toMatchObject({ ok: 4, errors: {} });
  await up(0);
  await sleep(700);
  expect(await seen(), 'after its return').toBe(0);
  expect(await holds.udp.stop()).toMatchObject({ survived: 6, broken: 0, stalled: 0 });
  expect(await holds.tcp.stop()).toMatchObject({ broken: 6, stalled: 0 });
  expect(await router.plan()).toEqual([]);
});
