/** Two lines in one subnet: each answers ARP for its own address only, asks with it, and answers by itself. */
import { afterEach, expect, test } from 'vitest';
import { SLOW } from '../support/lab-process.ts';
import { createRouter, type Router } from '../support/router.ts';
import { applyRules } from '../support/router-rules.ts';

let router: Router;
afterEach(async () => {
  try {
    expect(await router.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});

/** Does this ISP get an answer when it asks its customer's wire for the address? */
async function answers(isp: number, address: string): Promise<boolean> {
  const text = await router.isps[isp]!.sh(
    `ip neigh flush dev line; ping -c 1 -W 1 -I line ${address} >/dev/null || :; ip neigh show ${address} dev line`,
  );
  return text.includes('lladdr');
}

test('ARP: nobody answers for the other line, and replies leave by the line asked', async () => {
  router = await createRouter({ links: ['dhcp', { kind: 'dhcp', address: '198.51.100.3' }] });
  for (const { index } of router.lines) await router.up(index);
  const [one, two] = ['198.51.100.2', '198.51.100.3'] as const;
  // Line 2's answers for its own address show in the traffic below.
  expect([await answers(0, one), await answers(0, two), await answers(1, one)]).toEqual([true, false, false]);
  // The router asks each gateway with that line's address: arp_announce.
  const asked = async (isp: number) => {
    const watch = router.isps[isp]!.spawn([
      'timeout',
      String(3 * SLOW),
      'tcpdump',
      '-c',
      '1',
      '-lnni',
      'line',
      'arp and arp[7] = 1 and not src host 198.51.100.1',
    ]);
    await router.rtr.sh(`sleep ${0.5 * SLOW}; ip neigh flush all`);
    await router.share({ from: 'rtr', count: 20, localAddresses: [one, two] });
    await watch.exited;
    return watch.lines.join(' ');
  };
  expect(await asked(0)).toContain(`tell ${one}`);
  expect(await asked(1)).toContain(`tell ${two}`);
  await router.serve('rtr', { tcp: [8022], udp: [8053] });
  for (const to of [one, two]) {
    for (const [proto, port] of [
      ['tcp', 8022],
      ['udp', 8053],
    ] as const) {
      const got = await router.share({ from: 'net', to: [to], proto, port, count: 30 });
      expect(got).toMatchObject({ ok: 30, errors: {} });
    }
  }
});

const [ONE, TWO, GATEWAY, NEIGHBOUR] = ['198.51.100.2', '198.51.100.3', '198.51.100.1', '198.51.100.77'] as const;

/** The user's own port forward, on line 1. */
const FORWARDS = `table ip forwards {
  chain pre {
    type nat hook prerouting priority dstnat
    iifname "eth2" tcp dport 9022 dnat to 10.10.0.2:8022
  }
}
`;

/** Counts at an ISP who pings it. */
const PINGS = `table ip witness {
  set pinging { type ipv4_addr; flags dynamic; size 64; }
  chain pre { type filter hook prerouting priority raw - 1; iifname "line" icmp type echo-request add @pinging { ip saddr }; }
}
`;

test('neighbours: what belongs to a line stays on it, to its gateway and to everybody else in the subnet', async () => {
  router = await createRouter({ links: ['dhcp', { kind: 'dhcp', address: TWO }] });
  const [isp1, isp2] = [router.isps[0]!, router.isps[1]!];
  for (const { index } of router.lines) await router.up(index);
  await router.rtr.run(['nft', '-f', '-'], { stdin: FORWARDS });
  for (const isp of [isp1, isp2]) {
    await isp.sh(`ip addr add ${NEIGHBOUR}/24 dev line`);
    await isp.run(['nft', '-f', '-'], { stdin: PINGS });
  }
  await router.serve('rtr', { tcp: [8022], udp: [8022] });
  await router.serve('lan', { tcp: [8022] });
  await router.serve(isp2, { tcp: [7200], udp: [7200] });
  const answered = { ok: 20, errors: {} };

  // Who comes in by line 2, from its gateway or a neighbour, is answered by line 2.
  for (const source of [GATEWAY, NEIGHBOUR]) {
    const from = { from: isp2, localAddresses: [source], to: [TWO], count: 20 } as const;
    expect(await router.share({ ...from, port: 8022 })).toMatchObject(answered);
    expect(await router.share({ ...from, port: 8022, proto: 'udp' })).toMatchObject(answered);
    expect(await router.share({ ...from, port: 9022 })).toMatchObject(answered);
    expect(await isp2.sh(`ping -c 3 -i 0.2 -W 1 -I ${source} ${TWO}`)).toContain(' 3 received');
    expect(await isp1.sh(`ping -c 3 -i 0.2 -W 1 -I ${source} ${ONE}`)).toContain(' 3 received');
  }

  // What the router binds to line 2's address or device.
  for (const to of [GATEWAY, NEIGHBOUR]) {
    const own = { from: 'rtr', localAddresses: [TWO], to: [to], port: 7200, count: 20 } as const;
    expect(await router.share(own)).toMatchObject({ ...answered, sources: { [TWO]: 20 } });
    expect(await router.share({ ...own, proto: 'udp' })).toMatchObject({ ...answered, sources: { [TWO]: 20 } });
    for (const by of [TWO, 'eth2', ONE, 'eth1']) {
      expect(await router.rtr.sh(`ping -c 2 -i 0.2 -W 1 -I ${by} ${to}`)).toContain(' 2 received');
    }
  }
  const pinging = (isp: typeof isp1) =>
    isp.sh('nft list set ip witness pinging | grep -o "198.51.100.[0-9]*" | sort -u');
  expect([(await pinging(isp1)).trim(), (await pinging(isp2)).trim()]).toEqual([ONE, TWO]);

  // What a rule gives to line 2.
  await applyRules(router, { '10-modem': `TO=${GATEWAY} USE=line2` });
  const lan = { from: 'lan', to: [GATEWAY], port: 7200, count: 20 } as const;
  expect(await router.share(lan)).toMatchObject({ ...answered, sources: { [TWO]: 20 } });

  // A more specific route of main still wins.
  await router.serve(isp1, { tcp: [7300] });
  await router.rtr.sh(`ip route add ${NEIGHBOUR} dev eth1`);
  const specific = { from: 'rtr', localAddresses: [TWO], to: [NEIGHBOUR], port: 7300, count: 5 } as const;
  expect(await router.share(specific)).toMatchObject({ ok: 5, sources: { [ONE]: 5 } });

  // The other line goes: line 2's packets have nowhere else to go, and nothing is left of the rules.
  await router.down(0);
  expect(await router.rtr.sh('ip rule show pref 20000; ip rule show pref 20001')).toBe('');
  expect(await router.share({ from: isp2, to: [TWO], port: 8022, count: 5 })).toMatchObject({ ok: 5 });
  expect(await router.plan()).toEqual([]);
});
