/** A line's death and return under load, for every BALANCE and both ON_DOWN: what moves, what is refused, what stays. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Flow } from '../support/traffic-hold.ts';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';

const ROUNDS = 2;
/** At an ISP: TCP in the middle of a connection that did not begin there. */
const WITNESS = `table ip witness {
  set begun { type ipv4_addr . inet_service . ipv4_addr . inet_service; flags dynamic; size 65536; }
  counter midway {}
  chain pre {
    type filter hook prerouting priority raw - 1
    iifname "line" tcp flags & (syn | ack) == syn add @begun { ip saddr . tcp sport . ip daddr . tcp dport }
    iifname "line" tcp flags & (syn | rst) == 0 ip saddr . tcp sport . ip daddr . tcp dport != @begun counter name midway
  }
}
`;

let router: Router;
// One each: a second try must not meet the traffic of the first.
beforeEach(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 12 });
  for (const isp of router.isps) await isp.run(['nft', '-f', '-'], { stdin: WITNESS });
});
afterEach(async () => {
  const strays = await router.strays();
  await router.destroy();
  expect(strays).toEqual([]);
});

/** All lines up, and nobody known. */
async function start(BALANCE: string, given: readonly LinkKeys[] = [], main: LinkKeys = {}): Promise<void> {
  await router.must('stop');
  await router.rtr.sh('rm -rf /var/lib/wanhook');
  const keys = router.lines.map(({ kind, device }, index) => {
    const identity = kind === 'ppp' ? { PPP_IPPARAM: `line${index + 1}` } : { DEVICE: device };
    return { ID: index + 1, ...identity, ...given[index] };
  });
  await router.configure(keys, { LAN: 'lan0', BALANCE, ...main });
  await router.must('apply');
  for (const { index } of router.lines) await router.up(index);
  // A flow of the last test that had the same addresses and ports would be taken for this one's.
  await router.rtr.run(['conntrack', '-F']);
  for (const isp of router.isps) await isp.sh('nft flush set ip witness begun; nft reset counters table ip witness');
}

/** From every client to every server. */
const lan = () => ({ from: 'lan', localAddresses: router.clients, to: router.servers }) as const;

async function load() {
  const holding = { ...lan(), ms: 300_000, everyMs: 50 } as const;
  return {
    tcp: await router.startHold({ ...holding, count: 48 }),
    udp: await router.startHold({ ...holding, count: 48, proto: 'udp' }),
    probe: await router.startProbe({ ...holding, everyMs: 20, timeoutMs: 3000 }),
  };
}

const began = (flow: Flow) => flow.sources[0];
const midway = async (dead: number) => {
  const others = router.isps.filter((_, index) => index !== dead);
  const texts = await Promise.all(others.map((isp) => isp.sh('nft list counter ip witness midway')));
  return texts.map((text) => Number(/packets (\d+)/.exec(text)?.[1]));
};
/** The sources of new connections of every client to every server. */
async function used(): Promise<string[]> {
  const count = router.clients.length * router.servers.length;
  const { ok, sources } = await router.share({ ...lan(), count, timeoutMs: 10_000 });
  expect(ok).toBe(count);
  return Object.keys(sources).toSorted();
}

/** Without its hook: the kernel alone. */
const dies: Readonly<Record<string, (index: number) => Promise<void>>> = {
  'hang-up': (index) => router.lineHangup(index),
  'end of the lease': (index) => router.lineHangup(index),
  'cable pulled': (index) => router.carrier(index, false),
};
const hook: Readonly<Record<string, (index: number) => Promise<unknown>>> = {
  'hang-up': (index) => router.ppp('ip-down', index),
  'end of the lease': (index) => router.dhclient('EXPIRE', index),
  'cable pulled': () => router.must('apply'),
};

test.each([
  ['flow', 'failover', 'hang-up', 0],
  ['flow', 'block', 'end of the lease', 2],
  ['flow', 'block', 'cable pulled', 2],
  ['pair', 'failover', 'end of the lease', 2],
  ['pair', 'block', 'hang-up', 0],
  ['client', 'failover', 'hang-up', 0],
  ['client', 'block', 'end of the lease', 2],
] as const)(
  `BALANCE=%s, ON_DOWN=%s, %s: ${ROUNDS} deaths and returns under load`,
  async (balance, ON_DOWN, how, index) => {
    await start(balance, [{ ON_DOWN }, { ON_DOWN: 'failover' }, { ON_DOWN }]);
    const dead = router.lines[index]!.address;
    const { tcp, udp, probe } = await load();
    for (let n = 0; n < ROUNDS; n++) {
      await dies[how]!(index);
      await sleep(200);
      await hook[how]!(index);
      // New connections of all go by the others, those of whoever was on the dead line, too.
      expect(await used()).not.toContain(dead);
      await sleep(300);
      if (how === 'cable pulled') await router.carrier(index, true);
      await router.up(index);
      await sleep(300);
    }
    await sleep(1000);
    const probed = await probe.stop();
    const [heldTcp, heldUdp] = [await tcp.stop(), await udp.stop()];
    const stays = ({ flows }: typeof heldTcp) => flows.filter((flow) => began(flow) !== dead);
    const goes = ({ flows }: typeof heldTcp) => flows.filter((flow) => began(flow) === dead);
    console.log(
      `${balance}, ${ON_DOWN}, ${how}: ${stays(heldTcp).length} TCP and ${stays(heldUdp).length} UDP on other lines, ` +
        `${goes(heldTcp).length} and ${goes(heldUdp).length} on the dead one; probes lost ${probed.lost} of ${probed.sent} ` +
        `${JSON.stringify(probed.errors)}; midway elsewhere: ${(await midway(index)).join(', ')}`,
    );
    expect(goes(heldTcp).length).toBeGreaterThan(0);
    expect(goes(heldUdp).length).toBeGreaterThan(0);

    // Nobody on another line has noticed: not even one packet is missing.
    for (const flow of [...stays(heldTcp), ...stays(heldUdp)]) {
      expect(flow).toMatchObject({ sources: [began(flow)] });
      expect(flow.brokeAt).toBeUndefined();
      expect(flow.sent - flow.echoes).toBe(0);
    }
    expect([heldTcp.stalled, heldUdp.stalled, heldUdp.broken]).toEqual([0, 0, 0]);
    // A line whose cable was pulled has its address all the time: its connections go on.
    if (how !== 'cable pulled') expect(goes(heldTcp).filter(({ brokeAt }) => brokeAt === undefined)).toEqual([]);

    const moved = goes(heldUdp).filter(({ sources }) => sources.some((source) => source !== dead));
    if (ON_DOWN === 'block') {
      expect(moved).toEqual([]);
      expect(await midway(index)).toEqual([0, 0]);
    } else expect(moved.length).toBe(goes(heldUdp).length);
    expect(await router.plan()).toEqual([]);
  },
);

test.each([
  ['pair', { TIER: 1, FAILBACK: 'delay:3' }],
  ['client', { TIER: 1, FAILBACK: 'delay:3' }],
  ['pair', { TIER: 1, FAILBACK: 'manual' }],
  ['client', { TIER: 1, FAILBACK: 'manual' }],
] as const)(
  'BALANCE=%s, tiers, %o: pairs and clients go to the worse tier and back when they may',
  async (balance, best) => {
    await start(balance, [best, { TIER: 2 }, { TIER: 2, METERED: 'yes' }]);
    const [one, two, three] = router.lines.map(({ address }) => address) as [string, string, string];
    expect(await used()).toEqual([one]);
    await router.down(0);
    expect(await used()).toEqual([two]);
    // The metered one only when nothing else is there.
    await router.down(1);
    expect(await used()).toEqual([three]);
    await router.up(1);
    expect(await used()).toEqual([two]);

    const holding = { ...lan(), ms: 300_000, everyMs: 50, count: 48 } as const;
    const holds = [await router.startHold(holding), await router.startHold({ ...holding, proto: 'udp' })];
    const probe = await router.startProbe({ ...lan(), ms: 300_000, everyMs: 20, timeoutMs: 10_000 });
    const back = Date.now();
    await router.up(0);
    if (best.FAILBACK === 'manual') {
      expect(await used()).toEqual([two]);
      await router.must('failback', 'line1');
    } else {
      while ((await used()).join() === two) expect(Date.now() - back).toBeLessThan(30_000);
      expect(Date.now() - back).toBeGreaterThan(3000);
    }
    expect(await used()).toEqual([one]);
    await sleep(300);
    const probed = await probe.stop();
    for (const hold of holds) {
      const got = await hold.stop();
      expect(got).toMatchObject({ survived: 48, broken: 0, stalled: 0, sourcesConstant: true });
      expect(new Set(got.flows.flatMap(({ sources }) => sources))).toEqual(new Set([two]));
      expect(got.flows.filter(({ sent, echoes }) => sent !== echoes)).toEqual([]);
    }
    expect(probed).toMatchObject({ lost: 0 });
    expect(await router.plan()).toEqual([]);
  },
);
