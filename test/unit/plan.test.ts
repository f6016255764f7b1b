/** Desired state, the plan's order, and operations as commands. What they come to in real life is in test/scenarios/. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { desiredFor, NOTHING } from '../../src/desired/desired.ts';
import { sharingLinks } from '../../src/desired/routing.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { isSameListing, normalListing, parseIpBatch, parseMainGateway } from '../../src/kernel/observe.ts';
import { firewallTransaction, pasteable } from '../../src/kernel/render.ts';
import type { Config, Desired, LinkConfig, LinkStatus, LinkUp, Observed, Op } from '../../src/model.ts';
import { GLOBAL_DEFAULTS } from '../../src/config/keys.ts';
import { PROBE_DEFAULTS } from '../../src/config/probe-keys.ts';
import { plan } from '../../src/plan.ts';
import { createFakeKernel } from '../support/fake-kernel.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { createTestWorld } from '../support/world.ts';

const CONFIG: Config = { ...GLOBAL_DEFAULTS, links: [] };
const link = (id: number, more: Partial<LinkConfig> = {}): LinkConfig => ({
  name: `l${id}`,
  id,
  weight: 1,
  tier: 1,
  metered: false,
  failback: 'immediate',
  onDown: 'failover',
  masquerade: true,
  mss: 'auto',
  ...more,
});
const up = (id: number, more: Partial<LinkConfig> = {}, mtu = 1492): LinkStatus => ({
  up: true,
  link: link(id, more),
  device: `ppp${id}`,
  mtu,
  address: `192.0.2.${id}`,
  onlink: false,
});
const near = (id: number): LinkStatus => ({
  ...(up(id) as LinkUp),
  ...{ gateway: '192.0.2.254', onlink: true, sharedSubnet: '192.0.2.0/24' },
});
const down = (id: number, more: Partial<LinkConfig> = {}): LinkStatus => ({
  up: false,
  link: link(id, more),
  present: false,
  pointToPoint: true,
  reason: 'x',
});
const SOCKETS = {
  ...PROBE_DEFAULTS,
  targets: [{ text: 'tcp://203.0.113.1:443', kind: 'tcp', address: '203.0.113.1', port: 443 } as const],
};
const desired = (...statuses: LinkStatus[]) => desiredFor({ ...CONFIG, links: statuses.map((s) => s.link) }, statuses);
const EMPTY: Observed = {
  ...{ rules: [], routes: [], nexthops: [], groups: [] },
  ...{ neighbours: [], permanent: [], sysctls: {} },
};

test('up to seven links there are no jumps; beyond it each has a target, whatever is up', () => {
  const jumps = (statuses: readonly LinkStatus[]) => {
    const { rules } = desired(...statuses);
    const found = rules.filter((rule) => rule.goto !== undefined);
    expect(found.filter(({ goto }) => !rules.some((rule) => rule.pref === goto))).toEqual([]);
    return found.map((rule) => [rule.pref, rule.goto]);
  };
  const links = (count: number, status: typeof up | typeof down) =>
    Array.from({ length: count }, (_, n) => status(n + 1));
  expect(jumps(links(7, up))).toEqual([]);
  for (const status of [up, down]) {
    expect(jumps(links(8, status))).toEqual([
      [20099, 20199],
      [20199, 20299],
      [20199, 20201],
      [20299, 20349],
    ]);
    expect(jumps(links(63, status))).toHaveLength(3 + 7);
  }
  // Who is forwarded is no probe.
  expect(jumps(Array.from({ length: 8 }, (_, n) => up(n + 1, { probe: SOCKETS })))[0]).toEqual([20_004, 20_010]);
});

/** `id tier up|down` → who shares. */
test.each([
  [[], []],
  [
    [up(1), up(2)],
    [1, 2],
  ],
  [[up(1), up(2, { tier: 2 })], [1]],
  [[down(1), up(2, { tier: 2 }), up(3, { tier: 3 })], [2]],
  [[down(1), down(2, { tier: 2 })], []],
] as const)('sharing links %#', (statuses, want) => {
  expect(sharingLinks(statuses).map((status) => status.link.id)).toEqual(want);
});

test('plan(nothing, nothing) is nothing', () => expect(plan(EMPTY, NOTHING)).toEqual([]));

/** Every state that two links and a blocked one can be in; the kernel goes from each to each. */
const STATES: Readonly<Record<string, Desired>> = {
  nothing: NOTHING,
  'all down': desired(down(1), down(2), down(3, { onDown: 'block' })),
  one: desired(up(1), down(2), down(3, { onDown: 'block' })),
  other: desired(down(1), up(2), down(3, { onDown: 'block' })),
  both: desired(up(1), up(2), down(3, { onDown: 'block' })),
  'both, other weights': desired(up(1, { weight: 9 }), up(2), down(3, { onDown: 'block' })),
  'all three': desired(up(1), up(2), up(3, { onDown: 'block' })),
  'tier two waits': desired(up(1), up(2, { tier: 2 }), down(3)),
  'tier one is gone': desired(down(1), up(2, { tier: 2 }), down(3)),
  'one link only': desired(up(1)),
  'asked by sockets': desired(up(1, { probe: SOCKETS }), up(2, { probe: SOCKETS }), down(3, { probe: SOCKETS })),
  'two in one subnet': desired(near(1), near(2), down(3)),
  'one in that subnet': desired(near(1), down(2), down(3)),
  'other marks': desiredFor({ ...CONFIG, markMask: 0xff }, [up(1), up(2)]),
  'other numbers': desiredFor({ ...CONFIG, tableBase: 300, prefBase: 5 }, [up(1), up(2)]),
};
const NAMES = Object.keys(STATES);
const MOVES = NAMES.flatMap((from) => NAMES.map((to) => [from, to] as const));

test.each(MOVES)('from %s to %s: nothing refused, nothing left to do', async (from, to) => {
  const fake = createFakeKernel();
  for (const id of [1, 2, 3]) {
    fake.addDevice(`ppp${id}`);
    fake.setUp(`ppp${id}`, true);
    fake.addAddress(`ppp${id}`, `192.0.2.${id}`);
  }
  const kernel = createKernel(fake.runner, fake.procSys);
  let loaded: string | undefined;
  const observe = async ({ sysctls }: Desired): Promise<Observed> => ({
    ...(await kernel.observe()),
    sysctls: kernel.readSysctls(Object.keys(sysctls)),
    ...(loaded !== undefined && { firewall: loaded }),
  });
  for (const name of [from, to]) {
    const want = STATES[name]!;
    expect(await kernel.apply(plan(await observe(want), want))).toEqual([]);
    loaded = want.firewall;
    expect(plan(await observe(want), want)).toEqual([]);
  }
});

/** The table of a plain route that is put there; routes by nexthop follow their group. */
const filled = (op: Op) => (op.op === 'route-replace' && op.route.nexthopId === undefined ? op.route.table : undefined);
const pointed = (op: Op) => (op.op === 'rule-add' ? op.rule.table : undefined);

test.each(MOVES)('from %s to %s: in an order that may be cut off anywhere', (from, to) => {
  const [before, want] = [STATES[from]!, STATES[to]!];
  const ops = plan({ ...EMPTY, ...before, groups: before.group ? [before.group] : [] }, want);
  const words = ops.map((op) => op.op);
  const inOrder = (first: Op['op'], then: Op['op']) => {
    if (!words.includes(first) || !words.includes(then)) return;
    expect(words.lastIndexOf(first), `${first} before ${then}`).toBeLessThan(words.indexOf(then));
  };
  inOrder('sysctl-set', 'firewall-load');
  inOrder('sysctl-set', 'rule-add');
  inOrder('firewall-load', 'nexthop-replace');
  inOrder('nexthop-replace', 'group-replace');
  inOrder('rule-add', 'rule-del');
  inOrder('rule-add', 'route-del');
  inOrder('route-del', 'rule-del');
  inOrder('rule-del', 'firewall-delete');
  // Fill first, then point; and a group's route comes again with the group.
  for (const [index, op] of ops.entries()) {
    const table = pointed(op);
    const late = table !== undefined && ops.slice(index).some((other) => filled(other) === table);
    expect(late, `a rule to table ${table ?? ''}, which is still empty`).toBe(false);
    if (op.op === 'group-replace') expect(ops[index + 1]).toMatchObject({ route: { nexthopId: op.group.id } });
  }
});

const OPS: readonly (readonly [op: Op, want: string])[] = [
  [
    { op: 'rule-add', rule: { pref: 20000, table: 254, suppressPrefixlength: 0 } },
    'ip rule add pref 20000 lookup 254 suppress_prefixlength 0 protocol 201',
  ],
  [
    { op: 'rule-add', rule: { pref: 20001, from: '192.0.2.2', to: '192.0.2.0/24', table: 20001 } },
    'ip rule add pref 20001 from 192.0.2.2 to 192.0.2.0/24 lookup 20001 protocol 201',
  ],
  [
    {
      op: 'route-replace',
      route: { table: 1, type: 'unicast', device: 'a', source: '192.0.2.2', destination: '192.0.2.0/24' },
    },
    'ip route replace 192.0.2.0/24 dev a src 192.0.2.2 table 1 proto 201',
  ],
  [
    { op: 'rule-del', rule: { pref: 1, fwmark: { value: 0xff, mask: 0x80000000 }, table: 3 } },
    'ip rule del pref 1 fwmark 0xff/0x80000000 lookup 3 protocol 201',
  ],
  [
    {
      op: 'route-replace',
      route: { table: 5, type: 'unicast', device: 'eth1', gateway: '192.0.2.1', source: '192.0.2.2', onlink: true },
    },
    'ip route replace default via 192.0.2.1 dev eth1 src 192.0.2.2 table 5 proto 201 onlink',
  ],
  [{ op: 'route-del', route: { table: 5, type: 'unreachable' } }, 'ip route del unreachable default table 5 proto 201'],
  [
    { op: 'route-replace', route: { table: 5, type: 'unicast', nexthopId: 7 } },
    'ip route replace default nhid 7 table 5 proto 201',
  ],
  [{ op: 'nexthop-replace', nexthop: { id: 7, device: 'ppp0' } }, 'ip nexthop replace id 7 dev ppp0 protocol 201'],
  [
    { op: 'nexthop-replace', nexthop: { id: 7, device: 'eth1', gateway: '192.0.2.1', onlink: true } },
    'ip nexthop replace id 7 via 192.0.2.1 dev eth1 onlink protocol 201',
  ],
  [{ op: 'nexthop-del', nexthop: { id: 7, device: 'ppp0' } }, 'ip nexthop del id 7'],
  [
    {
      op: 'group-replace',
      group: {
        id: 9,
        members: [
          { id: 7, weight: 2 },
          { id: 8, weight: 255 },
        ],
      },
    },
    'ip nexthop replace id 9 group 7,2/8,255 protocol 201',
  ],
  [{ op: 'group-del', group: { id: 9, members: [] } }, 'ip nexthop del id 9'],
  [
    { op: 'sysctl-set', key: 'net/ipv4/conf/eth0.7/rp_filter', value: '2' },
    'sysctl -qw net/ipv4/conf/eth0.7/rp_filter=2',
  ],
  [
    { op: 'firewall-delete' },
    "nft -f - <<'EOF'\n" +
      ['wanhook', 'wanhook_kept', 'wanhook_watch']
        .map((name) => `table inet ${name}\ndelete table inet ${name}\n`)
        .join('') +
      'EOF',
  ],
  [{ op: 'socket-kill', address: '192.0.2.7' }, 'ss -K -H -n -t -4 src 192.0.2.7'],
];

test.each(OPS)('%j', (op, want) => expect(pasteable(op)).toBe(want));

test.each(['2', '', "it's", '$(id)', 'a b\nc', '1 2 3', '`x`', "'\\''", '-n', '*'])(
  'a shell takes %j as it is',
  (value) => {
    const [, pasted = ''] = pasteable({ op: 'sysctl-set', key: 'key', value }).split('key=', 2);
    expect(execFileSync('sh', ['-c', `printf %s key=${pasted}`], { encoding: 'utf8' })).toBe(`key=${value}`);
  },
);

test('a shell takes the firewall as it is', () => {
  const { firewall = '' } = desired(up(1), up(2));
  const command = pasteable({ op: 'firewall-load', text: firewall });
  const got = execFileSync('sh', ['-c', command.replace(/^nft -f -/, 'cat')], { encoding: 'utf8' });
  expect(got).toBe(firewallTransaction(firewall));
});

/** MSS setting, MTU → the clamp. */
test.each([
  ['auto', 1492, 1452],
  ['auto', 1400, 1360],
  ['auto', 1500, undefined],
  ['auto', 9000, undefined],
  ['off', 1492, undefined],
  [1300, 1500, 1300],
  [1300, 1492, 1300],
] as const)('MSS=%s on a device of MTU %i clamps to %s', (mss, mtu, want) => {
  const { firewall = '' } = desired(up(1, { mss }, mtu));
  expect(/option maxseg size set (\d+)/.exec(firewall)?.[1]).toBe(want?.toString());
  expect(firewall).toContain(
    want === undefined ? ' map clamp { type ifname : verdict; }\n' : `"ppp1" : jump mss_${want} `,
  );
});

test('links of one MSS share a chain; none without masquerade are in its set', () => {
  const { firewall = '' } = desired(up(1), up(2), up(3, { masquerade: false, mss: 'off' }));
  expect(firewall.match(/maxseg size set/g)).toHaveLength(1);
  expect(firewall).toContain('set wan { type ifname; elements = { "ppp1", "ppp2", "ppp3" }; }');
  expect(firewall).toContain('set masqueraded { type ifname; elements = { "ppp1", "ppp2" }; }');
});

test('the mark of the highest link at the top of the mark', () => {
  const { rules, firewall } = desiredFor({ ...CONFIG, markMask: 0xfc000000 }, [up(63)]);
  expect(rules.find(({ fwmark }) => fwmark)?.fwmark).toEqual({ value: 0xfc000000, mask: 0xfc000000 });
  expect(firewall).toContain('ct mark set ct mark & 0x03ffffff | 0xfc000000;');
});

test('rules for probes by sockets come before main, for links that are up and have such targets', () => {
  const of = (probe: LinkConfig['probe']) =>
    desired(up(1, probe && { probe }), down(2, probe && { probe })).rules.filter(({ sports }) => sports);
  expect(of(undefined)).toEqual([]);
  expect(of(PROBE_DEFAULTS)).toEqual([]);
  expect(of({ ...PROBE_DEFAULTS, targets: [{ text: 'gateway', kind: 'gateway' }] })).toEqual([]);
  expect(of(SOCKETS)).toEqual([
    { pref: 20005, from: '192.0.2.1', sports: [61_000, 61_063], table: 20001 },
    { pref: 20006, from: '192.0.2.1', sports: [61_000, 61_063], type: 'unreachable' },
  ]);
  const [last] = desired(up(63, { probe: SOCKETS })).rules;
  expect(last?.sports).toEqual([64_968, 65_031]);
});

test('rules for probes of IPv6 are of its own targets, and of no other family', () => {
  const six = { ...(up(1, { probe6: SOCKETS }) as LinkUp), address: '2001:db8:1::5', family: 6 } as const;
  const none = { verdicts: {}, ending: new Set<string>() };
  const of = (more: Partial<LinkConfig>) =>
    desiredFor(CONFIG, [up(1, more)], undefined, undefined, undefined, {
      ...none,
      statuses: [{ ...six, link: { ...six.link, ...more } }],
    }).rules.filter(({ sports }) => sports);
  expect(of({})).toEqual([
    { family: 6, pref: 20005, from: '2001:db8:1::5', sports: [61_000, 61_063], table: 20001 },
    { family: 6, pref: 20006, from: '2001:db8:1::5', sports: [61_000, 61_063], type: 'unreachable' },
  ]);
  expect(of({ probe6: PROBE_DEFAULTS })).toEqual([]);
  expect(of({ probe: SOCKETS, probe6: PROBE_DEFAULTS }).map(({ family }) => family)).toEqual([undefined, undefined]);
});

test('a router without a LAN does not forward for us', () => {
  expect(desired(up(1)).sysctls).toHaveProperty(['net/ipv4/ip_forward'], '1');
  expect(desiredFor({ ...CONFIG, lan: 'none' }, [up(1)]).sysctls).not.toHaveProperty(['net/ipv4/ip_forward']);
});

test('a firewall is compared as the kernel lists it: spaces and the order of elements do not count', () => {
  const one =
    'table inet wanhook {\n\tset wan {\n\t\ttype ifname\n\t\telements = { "a", "b",\n\t\t\t     "c" }\n\t}\n}\n';
  const two = 'table inet wanhook { set wan { type ifname elements = { "c", "a", "b" } } }';
  expect(normalListing(one).trim()).toBe(normalListing(two).trim());
  expect(normalListing(one)).not.toBe(normalListing(one.replace('"c"', '"d"')));
  expect(isSameListing(one, one.replace('"a", "b"', '"b", "a"'))).toBe(true);
  expect(isSameListing(one, one.replace('"a"', '"d"'))).toBe(false);
  // As the record of an older version has it.
  expect(isSameListing(one, normalListing(one))).toBe(true);
  const moving = 'set s { type ipv4_addr flags dynamic,timeout elements = { 192.0.2.1 timeout 5s } }';
  expect(isSameListing(moving, normalListing(moving))).toBe(true);
  expect(isSameListing(moving, moving.replace('elements = { 192.0.2.1 timeout 5s } ', ''))).toBe(true);
});

test('a firewall that somebody changed or dropped is loaded again, and only then', async () => {
  const world = createTestWorld(new Map([['links/a.env', 'ID=1\nDEVICE=ppp0\n']]));
  const loads = async () => (await world.apply()).ops.filter(({ op }) => op === 'firewall-load').length;
  expect([await loads(), await loads()]).toEqual([1, 0]);
  world.fake.setFirewall(world.fake.firewall()?.replace('ct state invalid drop', 'accept'));
  expect([await loads(), await loads()]).toEqual([1, 0]);
  await fakeSteps(world).dropFirewall();
  expect([await loads(), await loads()]).toEqual([1, 0]);
});

test('sysctls by netlink are as their files have them; what is not understood is left to those', () => {
  const conf = (family: string, name: string, more: object) => ({ family, interface: name, forwarding: true, ...more });
  const netconf = [
    conf('inet', 'ppp0', { rp_filter: 'loose', ignore_routes_with_linkdown: true }),
    conf('inet', 'eth0.5', { rp_filter: 'strict', ignore_routes_with_linkdown: false }),
    conf('inet', 'eth1', { rp_filter: 'off' }),
    conf('inet', 'eth2', { rp_filter: 7, ignore_routes_with_linkdown: 1 }),
    conf('inet', 'eth3', { rp_filter: '<unknown>' }),
    conf('inet6', 'eth1', { ignore_routes_with_linkdown: true }),
  ];
  expect(parseIpBatch(`${'[]\n'.repeat(6)}${JSON.stringify(netconf)}\n`).sysctls).toEqual({
    'net/ipv4/conf/ppp0/rp_filter': '2',
    'net/ipv4/conf/ppp0/ignore_routes_with_linkdown': '1',
    'net/ipv4/conf/eth0.5/rp_filter': '1',
    'net/ipv4/conf/eth0.5/ignore_routes_with_linkdown': '0',
    'net/ipv4/conf/eth1/rp_filter': '0',
    'net/ipv6/conf/eth1/ignore_routes_with_linkdown': '1',
  });
});

test('what ip prints is read, empty dumps in any spelling too', () => {
  const lists = { devices: [], rules: [], routes: [], nexthops: [], groups: [], neighbours: [], permanent: [] };
  const nothing = { ...lists, sysctls: {} };
  expect(parseIpBatch('[]\n[]\n[]\n[]\n[]\n[]\n[]\n')).toEqual(nothing);
  expect(parseIpBatch('[{}]\n[ ]\n[{},{}]\n[]\n[ ]\n[]\n[]\n')).toEqual(nothing);
  expect(() => parseIpBatch('[]\n[]\n')).toThrow('cannot understand what "ip -j -batch" printed');
  expect(parseMainGateway('[{"dst":"default","scope":"link"},{"dst":"default","gateway":"192.0.2.1"}]')).toBe(
    '192.0.2.1',
  );
  expect(parseMainGateway('[]')).toBeUndefined();
});
