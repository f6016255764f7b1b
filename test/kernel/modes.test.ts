/** BALANCE switched by `wanhook apply` on a router under load: no connection is cut, and no packet is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';

const MODES = ['flow', 'pair', 'client', 'flow', 'client', 'pair'] as const;
const ROUNDS = 4;

let router: Router;
const keys: LinkKeys[] = [];
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 8 });
  router.lines.forEach(({ kind, device }, index) => {
    keys.push({ ID: index + 1, ...(kind === 'ppp' ? { PPP_IPPARAM: `line${index + 1}` } : { DEVICE: device }) });
  });
  for (const { index } of router.lines) await router.up(index);
});
afterAll(() => router.destroy());

test(`${ROUNDS * MODES.length} switches between flow, pair and client lose nothing`, async () => {
  const lan = { from: 'lan', localAddresses: router.clients, to: router.servers, ms: 300_000 } as const;
  const holds = await Promise.all([
    router.startHold({ ...lan, count: 48, everyMs: 20 }),
    router.startHold({ ...lan, count: 32, everyMs: 20, proto: 'udp' }),
    router.startHold({ ...lan, from: 'rtr', localAddresses: [], count: 8, everyMs: 20 }),
    router.startHold({
      ...lan,
      from: 'rtr',
      localAddresses: [router.lines[2]!.address],
      count: 8,
      everyMs: 20,
      proto: 'udp',
    }),
  ]);
  // A busy machine may take seconds to answer; UDP is not sent again.
  const probing = { ...lan, timeoutMs: 10_000 } as const;
  const probes = await Promise.all([
    router.startProbe({ ...probing, everyMs: 10 }),
    router.startProbe({ ...probing, everyMs: 10, proto: 'udp' }),
    router.startProbe({ ...probing, from: 'rtr', localAddresses: [], everyMs: 20 }),
  ]);
  for (let n = 0; n < ROUNDS * MODES.length; n++) {
    await router.configure(keys, { LAN: 'lan0', BALANCE: MODES[(n + 1) % MODES.length]! });
    await router.must('apply');
    await sleep(200);
  }
  const probed = await Promise.all(probes.map((probe) => probe.stop()));
  const held = await Promise.all(holds.map((hold) => hold.stop()));
  const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);
  const lost = held.map(({ flows }) => sum(flows.map(({ sent, echoes }) => sent - echoes)));
  const sent = held.map(({ flows }) => sum(flows.map((flow) => flow.sent)));
  console.log(
    `held: ${held.map((each) => `${each.survived}/${each.flows.length}`).join(', ')}; ` +
      `lost of what they sent: ${lost.map((each, n) => `${each}/${sent[n]}`).join(', ')}; ` +
      `probes lost: ${probed.map((each) => `${each.lost}/${each.sent} ${JSON.stringify(each.errors)}`).join(', ')}`,
  );
  for (const each of held) {
    expect(each).toMatchObject({ survived: each.flows.length, broken: 0, stalled: 0, sourcesConstant: true });
  }
  expect(lost).toEqual([0, 0, 0, 0]);
  expect(probed.map((each) => each.lost)).toEqual([0, 0, 0]);
  expect(await router.strays()).toEqual([]);
  expect(await router.plan()).toEqual([]);
});
