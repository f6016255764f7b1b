/** ON_DOWN as traffic: what a dead line's own flows do, and what the ISPs of the other lines see of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HoldSummary } from '../support/traffic-hold.ts';
import { createRouter, type Router } from '../support/router.ts';
import { applyRules } from '../support/router-rules.ts';
import { SERVER } from '../support/lab-topology.ts';

const CYCLES = 20;
/** What of the second that the README promises is left to the kernel and the programs; the rest is the hook's own time. */
const TOLD_MS = 700;
/** The user's own port forward, on line 0. */
const FORWARDS = `table ip forwards {
  chain pre {
    type nat hook prerouting priority dstnat
    iifname "ppp0" tcp dport 9022 dnat to 10.10.0.2:8022
  }
}
`;

/** Counts at an ISP what its customer sends to these ports. */
const countPorts = (ports: readonly number[]) => `table ip witness {
  counter blocked {}
  chain pre {
    type filter hook prerouting priority raw - 1
    iifname "line" tcp dport { ${ports.join(', ')} } counter name blocked
    iifname "line" udp dport { ${ports.join(', ')} } counter name blocked
  }
}
`;

describe('the flows of a line that drops', () => {
  let router: Router;
  beforeEach(async () => {
    router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 4 });
    await router.rtr.run(['nft', '-f', '-'], { stdin: FORWARDS });
  });
  afterEach(async () => {
    try {
      expect(await router.strays()).toEqual([]);
    } finally {
      await router.destroy();
    }
  });

  async function configure(ON_DOWN: string): Promise<void> {
    const { device } = router.lines[2]!;
    await router.configure([
      { ID: 1, PPP_IPPARAM: 'line1', ON_DOWN },
      { ID: 2, PPP_IPPARAM: 'line2' },
      { ID: 3, DEVICE: device },
    ]);
  }

  /** Flows of every kind on line 0, which is the only one up; each sends every 50 ms. */
  async function holdAll() {
    const [to] = [router.lines[0]!.address];
    await router.serve('rtr', { tcp: [8023], udp: [8023] });
    await router.serve('lan', { tcp: [8022] });
    await router.serve('net', { tcp: [7100], udp: [7100] });
    const ms = 100_000;
    const common = { ms, everyMs: 50, count: 8, port: 7100 } as const;
    const lan = { ...common, from: 'lan', localAddresses: router.clients } as const;
    const inbound = { ...common, from: 'net', to: [to], count: 4 } as const;
    return {
      'LAN TCP': await router.startHold(lan),
      'LAN UDP': await router.startHold({ ...lan, proto: 'udp' }),
      'router TCP': await router.startHold({ ...common, from: 'rtr' }),
      'router UDP': await router.startHold({ ...common, from: 'rtr', proto: 'udp' }),
      'router TCP bound': await router.startHold({ ...common, from: 'rtr', localAddresses: [to] }),
      'inbound TCP': await router.startHold({ ...inbound, port: 8023 }),
      'port forward TCP': await router.startHold({ ...inbound, port: 9022 }),
    };
  }
  type Name = keyof Awaited<ReturnType<typeof holdAll>>;

  /** The router's own connections that are still open. An echo server has nothing to say, so nobody else tells it. */
  const openSockets = async () =>
    Number(await router.rtr.sh("ss -Htn state established '( sport = :8023 or dport = :7100 )' | wc -l"));

  async function after(holds: Awaited<ReturnType<typeof holdAll>>, droppedAt: number) {
    const entries = await Promise.all(
      Object.entries(holds).map(async ([name, each]) => [name, await each.stop()] as const),
    );
    const got = Object.fromEntries(entries) as Record<Name, HoldSummary>;
    for (const [name, { flows, survived, broken, stalled, startedAt }] of entries) {
      const told = flows.flatMap(({ brokeAt }) => (brokeAt === undefined ? [] : [startedAt + brokeAt - droppedAt]));
      const gap = Math.max(...flows.map(({ longestGapMs }) => longestGapMs));
      const times = told.length === 0 ? '' : `, told after ${Math.min(...told)}–${Math.max(...told)} ms`;
      console.log(`${name}: ${survived} go on, ${broken} ended, ${stalled} hang; longest gap ${gap} ms${times}`);
    }
    return got;
  }
  const toldWithin = ({ flows, startedAt }: HoldSummary, droppedAt: number) =>
    Math.max(...flows.map(({ brokeAt }) => (brokeAt === undefined ? Infinity : startedAt + brokeAt - droppedAt)));

  test('failover: TCP is told and UDP has moved within a second; nothing hangs', async () => {
    await configure('failover');
    await router.up(0);
    const holds = await holdAll();
    await router.up(1);
    await router.up(2);
    const droppedAt = Date.now();
    await router.down(0);
    const bound = Date.now() - droppedAt + TOLD_MS;
    await sleep(1000);
    const sockets = await openSockets();
    await sleep(1500);
    const got = await after(holds, droppedAt);
    for (const name of ['LAN TCP', 'router TCP', 'router TCP bound'] as const) {
      expect([name, got[name].stalled, got[name].broken]).toEqual([name, 0, 8]);
      expect(toldWithin(got[name], droppedAt)).toBeLessThan(bound);
    }
    for (const name of ['LAN UDP', 'router UDP'] as const) {
      expect(got[name]).toMatchObject({ survived: 8, broken: 0, stalled: 0 });
      expect(Math.max(...got[name].flows.map(({ longestGapMs }) => longestGapMs))).toBeLessThan(bound);
    }
    // The far ends of inbound connections cannot be told: the line is gone. The router's ends have been.
    expect(sockets).toBe(0);
  });

  test('block: applications are refused at once, and the other ISPs see nothing of it', async () => {
    await configure('block');
    await router.up(0);
    const holds = await holdAll();
    for (const isp of router.isps.slice(1)) await isp.run(['nft', '-f', '-'], { stdin: countPorts([7100]) });
    await router.up(1);
    await router.up(2);
    const seen = async () => {
      const texts = await Promise.all(router.isps.slice(1).map((isp) => isp.sh('nft list counter ip witness blocked')));
      return texts.map((text) => Number(/packets (\d+)/.exec(text)?.[1]));
    };
    // The router's unbound UDP socket may choose anew with every packet; it is no flow of line 0's.
    await holds['router UDP'].stop();
    for (const isp of router.isps.slice(1)) await isp.sh('nft reset counter ip witness blocked');
    const droppedAt = Date.now();
    await router.lineHangup(0);
    // Before any hook: the kernel alone.
    await sleep(300);
    expect(await seen()).toEqual([0, 0]);
    await router.ppp('ip-down', 0);
    const bound = Date.now() - droppedAt + TOLD_MS;
    await sleep(700);
    const sockets = await openSockets();
    for (let n = 0; n < CYCLES; n++) {
      await router.up(0, { address: n % 2 === 0 ? router.lines[0]!.address : `192.0.2.${100 + n}` });
      await sleep(60);
      await router.down(0);
      await sleep(60);
    }
    expect(await seen()).toEqual([0, 0]);
    await router.up(0);
    await sleep(1500);
    expect(await seen()).toEqual([0, 0]);
    const got = await after(holds, droppedAt);
    for (const name of ['LAN TCP', 'router TCP', 'router TCP bound'] as const) {
      expect([name, got[name].stalled, got[name].broken]).toEqual([name, 0, 8]);
      expect(toldWithin(got[name], droppedAt)).toBeLessThan(bound);
    }
    // UDP has waited for its own line, and goes on there.
    expect(got['LAN UDP']).toMatchObject({ survived: 8, broken: 0, stalled: 0 });
    expect(sockets).toBe(0);
    expect(await router.plan()).toEqual([]);
  });

  /** The LAN's flows on line 0, which is fail-closed and the only one up. */
  async function holdLan() {
    await configure('block');
    await router.up(0);
    await router.serve('net', { tcp: [7100], udp: [7100] });
    const lan = {
      from: 'lan',
      localAddresses: router.clients,
      port: 7100,
      ms: 100_000,
      everyMs: 50,
      count: 8,
    } as const;
    return [await router.startHold(lan), await router.startHold({ ...lan, proto: 'udp' })];
  }

  test('block: another line that gets the unit of the dead one gets nothing of its flows', async () => {
    const holds = await holdLan();
    await router.isps[1]!.run(['nft', '-f', '-'], { stdin: countPorts([7100]) });
    await router.down(0);
    await router.lineUp(1);
    await router.rtr.sh('ip link set ppp1 down; ip link set ppp1 name ppp0; ip link set ppp0 up');
    await router.ppp('ip-up', 1, { device: 'ppp0' });
    await sleep(1000);
    expect(await router.share({ from: 'lan', count: 8 })).toMatchObject({ ok: 8 });
    expect(await router.isps[1]!.sh('nft list counter ip witness blocked')).toContain('packets 0 ');
    const got = await Promise.all(holds.map((hold) => hold.stop()));
    expect(got.map(({ survived }) => survived)).toEqual([0, 0]);
    expect(await router.plan()).toEqual([]);
  });

  test('block: a route of somebody else’s to there, by another line, does not let them out', async () => {
    const holds = await holdLan();
    await router.up(1);
    await router.isps[1]!.run(['nft', '-f', '-'], { stdin: countPorts([7100]) });
    await router.down(0);
    await router.rtr.sh(`ip route add ${SERVER} dev ppp1`);
    await sleep(1000);
    expect(await router.share({ from: 'lan', count: 8 })).toMatchObject({ ok: 8 });
    expect(await router.isps[1]!.sh('nft list counter ip witness blocked')).toContain('packets 0 ');
    const got = await Promise.all(holds.map((hold) => hold.stop()));
    expect(got.map(({ survived }) => survived)).toEqual([0, 0]);
  });

  test('block: a flow that the user’s own firewall sends to another server is known from its first packet', async () => {
    await configure('block');
    const redirect = 'iifname "lan0" udp dport 7200 dnat to 203.0.113.11:7100';
    await router.rtr.sh(`nft add rule ip forwards pre ${redirect}`);
    await router.up(0);
    const script = `const socket = require('dgram').createSocket('udp4');
      socket.bind(40001, () => socket.send('.', 7200, '${SERVER}', () => socket.close()));`;
    const sendOne = () => router.lan.run([process.execPath, '-e', script]);
    const seen = async (index: number) => router.isps[index]!.sh('nft list counter ip witness blocked');
    for (const isp of router.isps) await isp.run(['nft', '-f', '-'], { stdin: countPorts([7100]) });
    await sendOne();
    expect(await seen(0)).toContain('packets 1 ');
    await router.up(1);
    await router.lineHangup(0);
    for (let n = 0; n < 3; n++) await sendOne();
    expect(await seen(1)).toContain('packets 0 ');
  });

  test('block: a hook need not read the flows that are remembered', async () => {
    await configure('block');
    await router.up(0);
    await router.up(1);
    const hookMs = async () => {
      const times: number[] = [];
      for (let n = 0; n < 5; n++) {
        const started = performance.now();
        await router.ppp('ip-up', 1);
        times.push(performance.now() - started);
      }
      return Math.min(...times);
    };
    const before = await hookMs();
    const flows = Array.from({ length: 20_000 }, (_, n) => `10.20.${n >> 8}.${n & 255} . ${SERVER} . tcp . 1024 . 443`);
    const stdin = `add element inet wanhook_kept kept_1 { ${flows.join(',\n')} }\n`;
    await router.rtr.run(['nft', '-f', '-'], { stdin: stdin.replaceAll(' . 443', ' . 443 timeout 1h') });
    const after = await hookMs();
    console.log(`a hook with nothing to do: ${before.toFixed(0)} ms, with 20000 flows ${after.toFixed(0)} ms`);
    expect(after).toBeLessThan(3 * before);
    // Nor does a reload lose them.
    await router.configure([{ ID: 1, PPP_IPPARAM: 'line1', ON_DOWN: 'block', MSS: 1300 }]);
    await router.must('apply');
    const count = await router.rtr.sh('nft list set inet wanhook_kept kept_1 | grep -oF " . tcp . " | wc -l');
    expect(Number(count)).toBe(20_000);
    await router.must('stop');
    expect(await router.rtr.sh('nft list tables')).not.toContain('wanhook');
  });

  test('block: a rule that chooses another link now, and has the firewall loaded anew, lets nothing out', async () => {
    await configure('block');
    await applyRules(router, { '10-x': 'PROTO=udp USE=line1,line2 STICKY=no' });
    await router.up(0);
    await router.serve('net', { udp: [7100] });
    const hold = await router.startHold({
      ...{ from: 'lan', localAddresses: router.clients, proto: 'udp' },
      ...{ ms: 100_000, everyMs: 50, count: 8, port: 7100 },
    });
    await router.up(1);
    for (const isp of router.isps.slice(1)) await isp.run(['nft', '-f', '-'], { stdin: countPorts([7100]) });
    await router.down(0);
    await sleep(700);
    // New connections go where the rule says now, and stay there.
    expect(await router.share({ from: 'lan', proto: 'udp', port: 7100, count: 4 })).toMatchObject({ ok: 4 });
    const text = await router.isps[1]!.sh('nft reset counter ip witness blocked');
    const news = Number(/packets (\d+)/.exec(text)?.[1]);
    await sleep(700);
    await router.up(0);
    await sleep(1000);
    const seen = await router.isps[1]!.sh('nft list counter ip witness blocked');
    const got = await hold.stop();
    console.log(`packets at the other ISP: ${news} of 4 new connections, then ${/packets (\d+)/.exec(seen)?.[1]}`);
    expect(news).toBeLessThanOrEqual(8);
    expect(Number(/packets (\d+)/.exec(seen)?.[1])).toBe(0);
    expect(got).toMatchObject({ survived: 8, broken: 0, stalled: 0 });
  });
});
