/** Other people's rules, routes, nexthops, tables and marks stay as they are; `stop` leaves everything as it was found. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

/** In the middle of our ranges, and unsigned by us: prefs 20000–20900, table 20001, nexthops 20001–20999. */
const FOREIGN_ROUTING = `
ip rule add pref 20000 lookup main suppress_prefixlength 0
ip rule add pref 20100 oif lan0 lookup 150
ip rule add pref 20200 fwmark 0x1/0xff lookup 150
ip rule add pref 20200 fwmark 0x80000/0xff0000 lookup 150 protocol static
ip rule add pref 20300 from 10.77.0.0/16 lookup 20001
ip rule add pref 20300 from 192.0.2.11 lookup 150 protocol 202
ip rule add pref 20450 to 10.88.0.0/16 lookup 20001 protocol zebra
ip rule add pref 20900 iif lan0 ipproto tcp dport 9 lookup 150
ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
ip -6 rule add pref 20100 from 2001:db8:77::/48 lookup 20001
ip route add 10.77.0.0/16 dev lan0 table 20001
ip route add prohibit default table 20001 metric 4000
ip route add 10.78.0.0/16 dev lan0 table 20000 proto 202
ip route add 10.79.0.0/16 dev lan0 table 150
ip route add 10.80.0.0/16 via 10.10.0.2 dev lan0
ip route add 10.81.0.0/16 via 10.10.0.2 dev lan0 proto bird
ip -6 route add 2001:db8:99::/48 dev lan0 table 20001
ip nexthop add id 20500 via 10.10.0.2 dev lan0
ip nexthop add id 77 via 10.10.0.2 dev lan0 proto zebra
ip nexthop add id 20998 group 20500/77
ip route add 10.82.0.0/16 nhid 20998
`;

/**
 * The user's own marks, on every packet and connection, in low bits and in 0xff0000 (Tailscale, pbr). The last chain
 * comes after all of ours and counts packets whose foreign bits are as they were set, and those whose are not.
 */
const FOREIGN_MARKS = `table ip others {
  counter kept {}
  counter changed {}
  chain mark_forwarded {
    type filter hook prerouting priority raw
    iifname "lan0" meta mark set 0x00a50042
  }
  chain mark_own {
    type filter hook output priority raw
    ip daddr 203.0.113.0/24 meta mark set 0x00a50042
  }
  chain mark_connection {
    type filter hook postrouting priority -200
    meta mark & 0x00ffffff == 0x00a50042 ct mark set ct mark & 0xff000000 | 0x005a0024
  }
  chain verdict {
    type filter hook postrouting priority 300
    oifname != { "ppp0", "ppp1", "eth1" } return
    meta mark & 0x00ffffff == 0x00a50042 ct mark & 0x00ffffff == 0x005a0024 counter name kept return
    counter name changed
  }
}
`;

/** Lines of a dump that are not ours: without `proto 201`, and outside our nft table. */
function foreignPart(snapshot: string): string {
  return snapshot
    .replace(/^table inet wanhook \{[\s\S]*?^\}$/m, '')
    .split('\n')
    .filter((line) => !/\bproto(col)? 201\b/.test(line) && !line.startsWith('ipv4/') && !line.startsWith('ipv6/'))
    .join('\n')
    .replace(/\n+/g, '\n');
}

const sorted = (text: string) => text.split('\n').toSorted().join('\n');

let router: Router;
beforeEach(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 2, keys: [{ WEIGHT: 2 }, { WEIGHT: 3 }] });
});
afterEach(async () => {
  try {
    expect(await router.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});

/** Lines as their daemons leave them, before wanhook ever ran. */
async function linesUp(): Promise<void> {
  for (const { index } of router.lines) await router.lineUp(index);
  await router.rtr.sh('ip route replace default via 198.51.100.1 dev eth1');
}

describe('foreign things', () => {
  test('rules, routes, nexthops and tables are byte-identical after apply, ups, downs and stop', async () => {
    await linesUp();
    await router.rtr.sh(FOREIGN_ROUTING);
    await router.rtr.run(['nft', '-f', '-'], { stdin: FOREIGN_MARKS });
    const before = await router.snapshot();
    const foreign = foreignPart(before);
    expect(foreign).toContain('pref');
    await router.must('apply');
    expect(foreignPart(await router.snapshot())).toBe(foreign);
    // Without this they would be found equal for the wrong reason.
    expect(await router.snapshot()).not.toBe(before);

    await router.down(1);
    await router.up(1);
    expect(foreignPart(await router.snapshot())).toBe(foreign);
    await router.dhclient('RENEW', 2);
    await router.must('event', 'down', 'ppp0');
    await router.must('event', 'up', 'ppp0');
    await router.must('apply');
    expect(await router.plan()).toEqual([]);
    expect(foreignPart(await router.snapshot())).toBe(foreign);
    await router.must('stop');
    expect(await router.snapshot()).toBe(before);
  });

  test('foreign mark bits survive on packets and connections through our chains', async () => {
    await router.rtr.run(['nft', '-f', '-'], { stdin: FOREIGN_MARKS });
    for (const { index } of router.lines) await router.up(index);
    const holds = [await router.startHold({ from: 'lan', count: 8, ms: 60_000, everyMs: 20 })];
    for (const proto of ['tcp', 'udp'] as const) {
      for (const from of ['lan', 'rtr'] as const) {
        expect((await router.share({ from, proto, count: 90 })).ok).toBe(90);
      }
    }
    await router.must('apply');
    for (const hold of holds) expect((await hold.stop()).survived).toBe(8);
    const count = async (name: string) =>
      Number(/packets (\d+)/.exec(await router.rtr.sh(`nft list counter ip others ${name}`))?.[1]);
    const [kept, changed] = [await count('kept'), await count('changed')];
    console.log(`foreign mark bits: kept on ${kept} packets, changed on ${changed}`);
    expect(kept).toBeGreaterThan(1000);
    expect(changed).toBe(0);
    const flows = await router.rtr.sh('conntrack -L -p udp 2>/dev/null');
    const marks = [...flows.matchAll(/dst=203\.0\.113\.10 .*mark=(\d+)/g)].map(([, mark]) => Number(mark));
    expect(marks.length).toBeGreaterThan(50);
    // Somebody else's bits and our link's, side by side.
    expect(new Set(marks.map((mark) => mark & 0x00ffffff))).toEqual(new Set([0x005a0024]));
    expect([...new Set(marks.map((mark) => mark >>> 24))].sort()).toEqual([1, 2, 3]);
  });

  test('connection marks of others in our mask’s neighbourhood are not read as ours', async () => {
    for (const { index } of router.lines) await router.up(index);
    await router.rtr.run(['nft', '-f', '-'], {
      stdin: `table ip others {
  chain pre {
    type filter hook prerouting priority -200
    iifname "lan0" ct mark 0 ct mark set 0xc0ffffff
  }
}
`,
    });
    const got = await router.share({ from: 'lan', count: 300, localAddresses: router.clients });
    expect(got.ok).toBe(300);
    expect(Object.keys(got.sources)).toHaveLength(3);
    const held = await router.hold({ from: 'lan', count: 16, ms: 1000, everyMs: 20 });
    expect(held).toMatchObject({ survived: 16, sourcesConstant: true });
  });
});

describe('stop', () => {
  test.each([0, 1, 2])(
    'leaves the system as it was found, with rp_filter=%i and sysctls of the user’s',
    async (value) => {
      await router.rtr.sh(`cd /proc/sys/net/ipv4
      for which in all default eth1; do echo ${value} >conf/$which/rp_filter; done
      echo ${value} >fib_multipath_hash_policy; echo ${value % 2} >ip_forward; echo ${value} >conf/eth1/arp_announce`);
      await linesUp();
      const before = await router.snapshot();
      await router.must('apply');
      expect((await router.share({ from: 'lan', count: 60 })).ok).toBe(60);
      await router.down(2);
      await router.must('apply');
      await router.lineUp(2);
      await router.rtr.sh('ip route replace default via 198.51.100.1 dev eth1');
      await router.dhclient('BOUND', 2);
      await router.down(0);
      await router.up(0);
      await router.must('stop');
      expect(await router.snapshot()).toBe(before);
      // Twice is the same as once; events meanwhile change nothing, and are remembered.
      await router.must('stop');
      await router.ppp('ip-up', 0);
      await router.dhclient('BOUND', 2);
      expect(await router.snapshot()).toBe(before);
      await router.must('apply');
      expect(await router.plan()).toEqual([]);
      expect((await router.share({ from: 'lan', count: 90 })).ok).toBe(90);
      await router.must('stop');
      expect(await router.snapshot()).toBe(before);
    },
  );

  test.each([
    ['of a host that forwards between some devices only', 'echo 1 >lan0/forwarding; echo 0 >all/accept_redirects'],
    ['for new devices, too', 'echo 1 >default/forwarding; echo 1 >eth1/forwarding'],
    ['of nobody', ':'],
  ])('gives back what the kernel changes with ip_forward: %s', async (_, settings) => {
    await router.rtr.sh(`cd /proc/sys/net/ipv4; echo 0 >ip_forward; cd conf; ${settings}`);
    await linesUp();
    const before = await router.snapshot();
    for (let round = 0; round < 2; round++) {
      await router.must('apply');
      await router.down(0);
      await router.up(0);
      expect(await router.rtr.sh('cat /proc/sys/net/ipv4/conf/*/forwarding | sort -u')).toBe('1\n');
      expect(await router.plan()).toEqual([]);
      await router.must('stop');
      expect(await router.snapshot()).toBe(before);
    }
    // Killed when it had given back ip_forward alone.
    await router.must('apply');
    await router.rtr.sh('echo 0 >/proc/sys/net/ipv4/ip_forward');
    await router.must('stop');
    expect(await router.snapshot()).toBe(before);
  });

  test('works without a configuration, and while every line is down', async () => {
    const before = await router.snapshot();
    for (const { index } of router.lines) await router.up(index);
    for (const { index } of router.lines) await router.down(index);
    await router.rtr.sh('rm -r /etc/wanhook');
    await router.must('stop');
    expect(await router.snapshot()).toBe(before);
  });

  test('a connection survives stop and apply where the line was the main default anyway', async () => {
    for (const { index } of router.lines) await router.up(index);
    const flows = await router.startHold({ from: 'rtr', count: 8, ms: 60_000, localAddresses: ['198.51.100.2'] });
    await router.must('stop');
    await router.must('apply');
    await router.rtr.sh('sleep 0.5');
    expect(await flows.stop()).toMatchObject({ survived: 8, sourcesConstant: true });
  });
});

describe('somebody flushes', () => {
  const OWN_RULES = `ip -N rule show | grep 'proto 201' | while IFS=: read -r pref rest; do
    ip rule del pref "$pref" protocol 201; done`;
  test.each([
    ['ip rule', OWN_RULES],
    ['ip rule flush', 'ip rule flush; ip rule add pref 32767 lookup default'],
    ['nft flush ruleset', 'nft flush ruleset'],
    ['one chain', 'nft flush chain inet wanhook postrouting'],
    ['one element', 'nft delete element inet wanhook masqueraded { "ppp0" }'],
    ['ip nexthop flush', 'ip nexthop flush'],
    ['the group', 'ip nexthop del id 20999'],
    ['a member of the group', 'ip nexthop del id 20002'],
    ['a link table', 'ip route flush table 20001'],
    ['the balance table', 'ip route del default table 20000'],
    ['a weight', 'ip nexthop replace id 20999 group 20001,2/20002,1/20003,9 protocol 201'],
    ['a sysctl', 'echo 0 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/conf/ppp0/rp_filter'],
    ['everything', 'ip rule flush; nft flush ruleset; ip nexthop flush; ip route flush table 20002'],
  ])('%s: plan tells, one apply repairs', async (_, act) => {
    for (const { index } of router.lines) await router.up(index);
    const before = await router.snapshot();
    await router.rtr.sh(act);
    expect((await router.plan()).length).toBeGreaterThan(0);
    await router.must('apply');
    expect(await router.plan()).toEqual([]);
    if (act.includes('ip rule flush')) await router.rtr.sh('ip rule del pref 32767 lookup default 2>/dev/null || :');
    const got = await router.share({ from: 'lan', count: 120, localAddresses: router.clients });
    expect(got).toMatchObject({ ok: 120, errors: {} });
    expect(Object.keys(got.sources)).toHaveLength(3);
    if (act.includes('ip rule flush')) return;
    // Rules of one pref stand in the order they were added in; none of ours can both match and differ.
    expect(sorted(await router.snapshot())).toBe(sorted(before));
  });
});
