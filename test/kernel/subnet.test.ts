/** Two lines in one subnet: each answers ARP for its own address only, asks with it, and answers by itself. */
import { afterEach, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

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
      '3',
      'tcpdump',
      '-c',
      '1',
      '-lnni',
      'line',
      'arp and arp[7] = 1 and not src host 198.51.100.1',
    ]);
    await router.rtr.sh('sleep 0.5; ip neigh flush all');
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
