/** The user's rules as traffic: who takes which line, what is refused, and what does not move. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SLOW } from '../support/lab-process.ts';
import { applyRules } from '../support/router-rules.ts';
import { createRouter, type Router } from '../support/router.ts';
import type { ShareOptions } from '../support/lab-traffic.ts';

const EACH = 24;
const HELD = 7007;
const [A, B] = ['10.10.0.2', '10.10.0.3'];
const [NEAR, FAR] = ['203.0.113.10', '203.0.113.14'];

let router: Router;
let address: readonly string[] = [];
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 3 });
  for (const line of [0, 1, 2]) await router.up(line);
  address = router.lines.map((line) => line.address);
  await router.serve('net', { tcp: [80, 8005], udp: [80, 5060, HELD] });
});
afterEach(async () => {
  expect(await router.strays()).toEqual([]);
  expect(await router.plan()).toEqual([]);
});
afterAll(() => router.destroy());

/** The lines that connections took, as "line3" or "line1 line2 line3". */
async function lines(options: Partial<ShareOptions>): Promise<string> {
  const got = await router.share({ from: 'lan', count: EACH, ...options });
  expect(got).toMatchObject({ ok: EACH, errors: {} });
  return Object.keys(got.sources)
    .map((source) => `line${address.indexOf(source) + 1}`)
    .toSorted()
    .join(' ');
}
const ALL = 'line1 line2 line3';

/** Nobody gets through, and everybody is told at once. By ICMP: the kernel sends a host 6 at once, then 1 a second. */
async function expectRefused(options: Partial<ShareOptions>): Promise<void> {
  const before = Date.now();
  const count = options.proto === 'udp' ? 2 : EACH;
  const got = await router.share({ from: 'lan', count, concurrency: count, ...options });
  const took = Date.now() - before;
  expect(got).toMatchObject({ ok: 0 });
  console.log(
    `${options.from === 'rtr' ? 'router' : 'LAN'} ${options.proto ?? 'tcp'} refused: ${JSON.stringify(got.errors)} in ${took} ms`,
  );
  expect(Object.keys(got.errors)).not.toContain('timeout');
  expect(took).toBeLessThan(900 * SLOW);
}

describe('matches, first to last', () => {
  const cases: readonly (readonly [rule: string, inside: Partial<ShareOptions>, outside: Partial<ShareOptions>])[] = [
    [`FROM=${A}`, { localAddresses: [A] }, { localAddresses: [B] }],
    [`FROM=10.10.0.3-10.10.0.9`, { localAddresses: [B] }, { localAddresses: [A] }],
    [`TO=${FAR}/31`, { to: [FAR] }, { to: [NEAR] }],
    ['SET=video', { to: ['203.0.113.12', FAR] }, { to: [NEAR] }],
    ['FROM=@team TO=@video', { localAddresses: [B], to: [FAR] }, { localAddresses: [A], to: [FAR] }],
    ['PROTO=udp', { proto: 'udp' }, {}],
    ['DPORT=80', { port: 80 }, {}],
    ['PROTO=tcp DPORT=79,8000-8010', { port: 8005 }, { port: 80 }],
    ['IIF=lan0', {}, { from: 'rtr', proto: 'udp' }],
    ['IIF=lo', { from: 'rtr' }, {}],
    ['IIF=lo PROTO=udp', { from: 'rtr', proto: 'udp' }, { proto: 'udp' }],
  ];
  test.each(cases)('%s', async (rule, inside, outside) => {
    const sets = { video: '203.0.113.12\n203.0.113.14/32 # films', team: B };
    await applyRules(router, { '10-x': `${rule} USE=line3` }, rule.includes('SET') || rule.includes('@') ? sets : {});
    expect(await lines(inside)).toBe('line3');
    expect(await lines(outside)).toBe(ALL);
  });

  test('DSCP, with ping', async () => {
    await applyRules(router, { '10-x': 'DSCP=ef PROTO=icmp USE=line2' });
    await router.lan.sh(`ping -q -c 3 -i 0.05 -W 1 -Q 184 ${NEAR}`);
    const marks = await router.rtr.sh(`conntrack -L -p icmp 2>/dev/null | grep -o 'mark=[0-9]*' | sort -u`);
    expect(marks.trim()).toBe(`mark=${2 * 2 ** 24}`);
  });

  test('the first that matches decides, an exception before the rule', async () => {
    await applyRules(router, {
      '10-exception': `FROM=${A} TO=${FAR} USE=balance`,
      '20-one': `FROM=${A} USE=line1`,
      '30-all': 'USE=line2',
    });
    expect(await lines({ localAddresses: [A], to: [FAR] })).toBe(ALL);
    expect(await lines({ localAddresses: [A] })).toBe('line1');
    expect(await lines({ localAddresses: [B] })).toBe('line2');
    expect(await lines({ from: 'rtr' })).toBe('line2');
  });
});

describe('USE=block', () => {
  test.each(['tcp', 'udp'] as const)('%s is refused at once, from the LAN and from the router', async (proto) => {
    await applyRules(router, { '10-x': `TO=${FAR} USE=block`, '20-y': 'USE=line1' });
    await expectRefused({ to: [FAR], proto });
    await expectRefused({ from: 'rtr', to: [FAR], proto });
    expect(await lines({ proto })).toBe('line1');
  });

  test('a rule for everything cuts off neither the LAN nor the router', async () => {
    await router.serve('rtr', { tcp: [7100] });
    await router.serve('lan', { tcp: [7101] });
    await applyRules(router, { '10-x': 'USE=block' });
    const inside = { to: ['10.10.0.1'], port: 7100, count: EACH } as const;
    expect(await router.share({ from: 'lan', ...inside })).toMatchObject({ ok: EACH });
    expect(await router.share({ from: 'rtr', ...inside })).toMatchObject({ ok: EACH });
    expect(await router.share({ from: 'rtr', to: [A], port: 7101, count: EACH })).toMatchObject({ ok: EACH });
    await expectRefused({});
  });
});

describe('connections that run', () => {
  test('apply moves none and cuts none: to another line, to block, and without rules', async () => {
    await applyRules(router, {});
    const lan = { from: 'lan', ms: 60_000, count: 24, localAddresses: router.clients } as const;
    const holds = await Promise.all([
      router.startHold(lan),
      router.startHold({ ...lan, proto: 'udp' }),
      router.startHold({ from: 'rtr', ms: 60_000, count: 12 }),
    ]);
    for (const use of ['line1', 'line2 ELSE=block', 'block', 'line3,line1']) {
      await applyRules(router, { '10-x': `USE=${use}` });
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await applyRules(router, {});
    const got = await Promise.all(holds.map((hold) => hold.stop()));
    const gap = Math.max(...got.flatMap(({ flows }) => flows.map(({ longestGapMs }) => longestGapMs)));
    console.log(
      `held over 5 changes: ${got.map((each) => `${each.survived}/${each.flows.length}`).join(', ')}; ${gap} ms`,
    );
    for (const each of got) {
      expect(each).toMatchObject({ survived: each.flows.length, broken: 0, stalled: 0, sourcesConstant: true });
    }
  });

  test('a list: the next line takes over, new connections return, those that run stay; STICKY=no goes with them', async () => {
    await applyRules(router, { '10-wg': 'PROTO=udp DPORT=5060 USE=line1,line2 STICKY=no', '20-x': 'USE=line1,line2' });
    expect(await lines({})).toBe('line1');
    await router.down(0);
    expect(await lines({})).toBe('line2');
    const common = { ms: 30_000, count: 8 } as const;
    const [tcp, udp, follow, own] = await Promise.all([
      router.startHold({ ...common, from: 'lan' }),
      router.startHold({ ...common, from: 'lan', proto: 'udp' }),
      router.startHold({ ...common, from: 'lan', proto: 'udp', port: 5060 }),
      router.startHold({ ...common, from: 'rtr', proto: 'udp', port: 5060 }),
    ]);
    await router.up(0);
    expect(await lines({})).toBe('line1');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    for (const hold of [tcp, udp]) {
      const got = await hold.stop();
      expect(got).toMatchObject({ survived: 8, broken: 0, sourcesConstant: true });
      expect(got.flows[0]!.sources).toEqual([address[1]]);
    }
    for (const hold of [follow, own]) {
      const got = await hold.stop();
      expect(got).toMatchObject({ survived: 8, broken: 0 });
      console.log(
        `STICKY=no: ${JSON.stringify(got.flows[0]!.sources)}, ${got.flows[0]!.longestGapMs} ms without an echo`,
      );
      expect(got.flows.map(({ sources }) => sources)).toEqual(Array(8).fill([address[1], address[0]]));
    }
  });
});

describe('no link of the rule is up', () => {
  test('ELSE=balance: by the others; ELSE=block: refused, and by no other line, not even before the hook has run', async () => {
    await applyRules(router, { '10-b': `FROM=${B} USE=line2 ELSE=block`, '20-a': `FROM=${A} USE=line2` });
    expect(await lines({ localAddresses: [A, B] })).toBe('line2');
    const probe = await router.startProbe({ from: 'lan', localAddresses: [B], ms: 20_000, timeoutMs: 400 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await router.lineHangup(1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await router.ppp('ip-down', 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const seen = await probe.stop();
    const sources = [...new Set(seen.probes.flatMap(({ source }) => source ?? []))];
    console.log(`ELSE=block while its line died: ${seen.probes.length} probes, sources ${sources.join()}`);
    expect(sources).toEqual([address[1]]);
    await expectRefused({ localAddresses: [B] });
    await expectRefused({ localAddresses: [B], proto: 'udp' });
    expect(await lines({ localAddresses: [A] })).toBe('line1 line3');
    await router.up(1);
    expect(await lines({ localAddresses: [A, B] })).toBe('line2');
  });

  test('the router’s own: held back while its line dies, refused after', async () => {
    await applyRules(router, { '10-own': 'IIF=lo USE=line2 ELSE=block' });
    expect(await lines({ from: 'rtr' })).toBe('line2');
    // A port of its own: a probe from the same source port as a flow of the tests before would rightly stay on that flow's line.
    const probe = await router.startProbe({ from: 'rtr', proto: 'udp', port: HELD, ms: 20_000, timeoutMs: 400 });
    await router.lineHangup(1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    const seen = await probe.stop();
    expect([...new Set(seen.probes.flatMap(({ source }) => source ?? []))]).not.toContain(address[0]);
    expect([...new Set(seen.probes.flatMap(({ source }) => source ?? []))]).not.toContain(address[2]);
    await router.ppp('ip-down', 1);
    await expectRefused({ from: 'rtr' });
    await expectRefused({ from: 'rtr', proto: 'udp' });
    await router.up(1);
  });

  test('an event that changes no rule’s choice loads no firewall', async () => {
    await applyRules(router, { '10-x': 'USE=line2,line1', '20-y': `FROM=${A} USE=balance` });
    await router.down(0);
    await router.up(0);
    const [down, up] = (await router.journal()).slice(-2);
    expect([...down!.changed, ...up!.changed].filter((change) => change.startsWith('nft'))).toEqual([]);
    await router.down(1);
    expect((await router.journal()).at(-1)!.changed).toContain('nft -f - (table inet wanhook)');
    await router.up(1);
  });
});
