/** PREFIXES: a line's IPv6 prefixes that no client tells of; alone, and beside what a client tells. */
import { expect, test } from 'vitest';
import { parseConfig, type ConfigFiles } from '../../src/config/parse.ts';
import { showProblem } from '../../src/errors.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { playStep } from '../support/world-steps.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const parsed = (links: Readonly<Record<string, string>>, main = '') => {
  const named = Object.entries(links).map(([name, text], n) => ({
    ...{ path: `links/${name}.env`, name, text: `ID=${n + 1}\nDEVICE=eth${n + 1}\n${text}` },
  }));
  const files: ConfigFiles = { main: { path: 'wanhook.env', text: main }, links: named };
  return parseConfig(files);
};
const problemsOf = (...given: Parameters<typeof parsed>) => parsed(...given).problems.map(showProblem);

test.each([
  ['none', undefined],
  ['2001:db8:1::/56', ['2001:db8:1::/56']],
  ['2001:DB8:0001:0:0::/56', ['2001:db8:1::/56']],
  ['2001:db8:1::/56 2001:db8:2::/64', ['2001:db8:1::/56', '2001:db8:2::/64']],
  ['2001:db8:2::/64, 2001:db8:1::/56,2001:db8:2:0::/64', ['2001:db8:2::/64', '2001:db8:1::/56']],
  ['2000::/16', ['2000::/16']],
  ['fd00:1::/48', ['fd00:1::/48']],
  [Array.from({ length: 16 }, (_, n) => `2001:db8:${n}::/48`).join(','), Array.from({ length: 16 }, (_, n) => `2001:db8:${n}::/48`.replace(':0::', '::'))],
])('PREFIXES="%s"', (text, want) => {
  const { config, problems } = parsed({ dsl: `PREFIXES="${text}"\n` });
  expect(problems).toEqual([]);
  expect(config?.links[0]?.prefixes).toEqual(want);
}); // prettier-ignore

const EXPECTED =
  'none, or at most 16 IPv6 prefixes such as 2001:db8:1::/56, /16 to /64, without host bits, separated by spaces or commas';
test.each([
  '2001:db8:1::1/56',
  '2001:db8:1:1::/56',
  '2001:db8:1::',
  '2001:db8:1::1',
  '2001:db8:1::/65',
  '2001:db8:1::/128',
  '2000::/15',
  '2001:db8:1::/056',
  '::/0',
  '::1/64',
  'fe80::/64',
  'ff02::/16',
  '::ffff:0:0/96',
  '192.0.2.0/24',
  '2001:db8:1::/56;id',
  '2001:db8:1::/56 none',
  ',2001:db8:1::/56',
  'yes',
  Array.from({ length: 17 }, (_, n) => `2001:db8:${n}::/48`).join(','),
])('PREFIXES="%s" is refused', (text) => {
  const want = `links/dsl.env:3: PREFIXES=${JSON.stringify(text)} is not valid: expected ${EXPECTED}`;
  // What a stranger may have written is shown shortened.
  const [got, ...more] = problemsOf({ dsl: `PREFIXES="${text}"\n` });
  expect(more).toEqual([]);
  expect(got).toMatch(/^links\/dsl\.env:3: PREFIXES=".* is not valid: /);
  expect(got?.endsWith(EXPECTED)).toBe(true);
  if (text.length < 40) expect(got).toBe(want);
});

const A = 'PREFIXES=2001:db8:1::/56';
const CONFLICTS: readonly (readonly [string, Record<string, string>, string, readonly string[]])[] = [
  ['two lines', { a: A, b: 'PREFIXES=2001:db8:2::/56' }, '', []],
  ['one within another of the same line', { a: `${A},2001:db8:1:1::/64` }, '', []],
  ['the same twice', { a: A, b: A }, '', ['links/b.env: PREFIXES: 2001:db8:1::/56 is already taken by links/a.env']],
  [
    'wider, narrower',
    { a: A, b: 'PREFIXES=2001:db8:1::/48', c: 'PREFIXES="fd00::/48 2001:db8:1:f::/64"' },
    '',
    [
      'links/b.env: PREFIXES: 2001:db8:1::/48 overlaps 2001:db8:1::/56 of links/a.env',
      'links/c.env: PREFIXES: 2001:db8:1:f::/64 overlaps 2001:db8:1::/56 of links/a.env',
    ],
  ],
  [
    'for a link without IPv6',
    { a: `IPV6=no\n${A}`, b: A },
    '',
    [
      'links/a.env: PREFIXES with IPV6=no: they are IPv6 prefixes, and would be nothing to the link',
      'links/b.env: PREFIXES: 2001:db8:1::/56 is already taken by links/a.env',
    ],
  ],
  [
    'for a router without IPv6',
    { a: A },
    'IPV6=no',
    ['links/a.env: PREFIXES with IPV6=no: they are IPv6 prefixes, and would be nothing to the link'],
  ],
  ['none, for a link without IPv6', { a: 'IPV6=no\nPREFIXES=none' }, '', []],
  ['as a default for all', { a: '' }, A, ["wanhook.env:1: PREFIXES belongs in a link's file, not in wanhook.env"]],
];
test.each(CONFLICTS)('%s', (_, links, main, want) => expect(problemsOf(links, main)).toEqual(want));

const [ONE, TWO] = ['2001:db8:b:100::/56', '2001:db8:b:200::/56'];
const OFFICE = 'config links/office.env ID=1 DEVICE=eth1 GATEWAY=198.51.100.1';
const IPV6 = ['line eth1 advertises 2001:db8:a::5', 'wanhook apply'];
const UP = ['line lan0 up 10.10.0.1', 'line eth1 up 198.51.100.2', ...IPV6];
const GONE = ['line eth1 advertises off', 'wanhook apply'];

async function play(world: TestWorld, ...steps: readonly string[]): Promise<TestWorld> {
  for (const step of steps) await playStep(fakeSteps(world), step);
  return world;
}
const played = (keys: string, ...steps: readonly string[]) => play(createTestWorld(), `${OFFICE}${keys}`, ...steps);

/** What the kernel has of ours about the prefixes `2001:db8:b:…`. */
function inKernel(world: TestWorld): { rules: string[]; ends: string[]; own: string[] } {
  const lines = world.fake.dump('ours');
  const found = (pattern: RegExp) => lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);
  const own = /set own6 \{.*elements = \{ (.*?) \}/.exec(world.fake.firewall() ?? '')?.[1] ?? '';
  return {
    rules: found(/pref 20300 from (2001:db8:b:\S+) lookup 20001 /),
    ends: found(/route add unreachable (2001:db8:b:\S+) /),
    own: own
      .split(', ')
      .flatMap((each) => /^"eth1" \. (2001:db8:b:.*)$/.exec(each)?.[1] ?? [])
      .toSorted(),
  };
}
const told = (world: TestWorld) => {
  const { WANHOOK_PREFIXES_UP: up, WANHOOK_PREFIXES_DOWN: down } = world.told.at(-1) ?? {};
  return [up, down];
};
const everywhere = (...prefixes: string[]) => ({ rules: prefixes, ends: prefixes, own: prefixes });

test.each([
  ['the key alone', ` PREFIXES=${ONE},${TWO}`, [], [ONE, TWO]],
  ['a client alone', '', [`dhclient BOUND6 eth1 ${ONE}`], [ONE]],
  ['both the same', ` PREFIXES=${ONE}`, [`dhclient BOUND6 eth1 ${ONE}`], [ONE]],
  ['each its own', ` PREFIXES=${ONE}`, [`dhclient BOUND6 eth1 ${TWO}`], [ONE, TWO]],
  ['the client gives its own back', ` PREFIXES=${ONE}`, [`dhclient BOUND6 eth1 ${TWO}`, `dhclient EXPIRE6 eth1 ${TWO}`], [ONE]],
  ['the client gives the same back', ` PREFIXES=${ONE}`, [`dhclient BOUND6 eth1 ${ONE}`, `dhclient EXPIRE6 eth1 ${ONE}`], [ONE]],
])('%s: rule, end here, no masquerade, scripts, status', async (_, keys, steps, want) => {
  const world = await played(keys, ...UP, ...steps);
  expect(inKernel(world)).toEqual(everywhere(...want));
  expect(told(world)).toEqual([want.join(' '), '']);
  const { links } = JSON.parse((await world.command('status', '--json')).out) as {
    links: { ipv6: { state: string; delegated: string[] } }[];
  };
  expect(links[0]?.ipv6).toMatchObject({ state: 'up', delegated: want });
  expect(await world.plan()).toEqual([]);
}); // prettier-ignore

test('its IPv6 goes: no rule, but still no way round and no masquerade; hosts are told', async () => {
  const world = await played(` PREFIXES=${ONE}`, ...UP, ...GONE);
  expect(inKernel(world)).toEqual({ ...everywhere(ONE), rules: [] });
  expect(told(world)).toEqual(['', ONE]);
  await play(world, ...IPV6);
  expect(inKernel(world)).toEqual(everywhere(ONE));
  expect(told(world)).toEqual([ONE, '']);
});

test('the key is taken away, and the client’s stays', async () => {
  const world = await played(` PREFIXES=${ONE}`, ...UP, `dhclient BOUND6 eth1 ${TWO}`, OFFICE, 'wanhook apply');
  expect(inKernel(world)).toEqual(everywhere(TWO));
});

const CABLE = 'config links/cable.env ID=2 DEVICE=eth2 GATEWAY=203.0.113.1';
const CABLE_UP = ['line eth2 up 203.0.113.2', 'line eth2 advertises 2001:db8:c::5', 'wanhook apply'];
const sourceRules = (world: TestWorld) =>
  world.fake.dump('ours').flatMap((line) => /pref 20300 from (2001:db8:b:\S+ lookup \d+) /.exec(line)?.[1] ?? []);

test.each([
  ['the same', ONE],
  ['within it', '2001:db8:b:1ff::/64'],
  ['around it', '2001:db8:b::/48'],
])(
  'a client’s prefix that another link’s file has (%s): the file counts, and the journal says so',
  async (_, given) => {
    const links = [`${OFFICE} PREFIXES=${ONE}`, CABLE];
    const bound = [TWO, given].map((prefix) => `dhclient BOUND6 eth2 ${prefix}`);
    const world = await play(createTestWorld(), ...links, ...UP, ...CABLE_UP, ...bound);
    expect(sourceRules(world)).toEqual([`${ONE} lookup 20001`, `${TWO} lookup 20002`]);
    const note = `${given}, delegated over cable, is left out as a whole: PREFIXES of office has it, or a part of it; correct that if it is not office's`;
    expect(world.journal().at(-1)?.notes).toEqual([note]);
    const { length } = world.journal();
    await play(world, `dhclient RENEW6 eth2 ${given}`);
    expect(world.journal()).toHaveLength(length);
    await play(world, 'wanhook apply');
    expect(world.journal().at(-1)?.notes).toEqual([note]);
    expect(await world.plan()).toEqual([]);
    // Corrected: it need not be delegated again.
    await play(world, OFFICE, 'wanhook apply');
    expect(sourceRules(world)).toEqual([TWO, given].map((prefix) => `${prefix} lookup 20002`));
    expect(world.journal().at(-1)?.notes).toEqual([]);
  },
);

test('a line that never had IPv6: the kernel’s is left alone', async () => {
  const world = await played(
    ` PREFIXES=${ONE}`,
    'line lan0 up 10.10.0.1',
    'line eth1 up 198.51.100.2',
    'wanhook apply',
  );
  expect(world.fake.dump('ours').filter((line) => line.startsWith('ip -6'))).toEqual([]);
  expect(await world.plan()).toEqual([]);
});

test('a lost state: what the file says is not taken for a client’s', async () => {
  const world = await played(
    ` PREFIXES=${ONE}`,
    ...UP,
    `dhclient BOUND6 eth1 ${TWO}`,
    'the state is lost',
    'wanhook apply',
  );
  expect(inKernel(world)).toEqual(everywhere(ONE, TWO));
  expect(world.state().v6?.links['office']?.prefixes).toEqual([TWO]);
});

test('a state of before the key', async () => {
  const world = await played('', ...UP, `dhclient BOUND6 eth1 ${ONE}`);
  const before = world.state();
  await play(world, `${OFFICE} PREFIXES=${TWO},${ONE}`, 'wanhook apply');
  expect(inKernel(world)).toEqual(everywhere(ONE, TWO));
  expect(world.state().v6?.links).toEqual(before.v6?.links);
});

test('NPT=yes: the LAN’s own prefix becomes a subnet of it', async () => {
  const lan = 'stranger addr add fd00:1::1/64 dev lan0';
  const [first, ...rest] = UP;
  const world = await played(` NPT=yes PREFIXES=${ONE}`, first!, lan, ...rest);
  expect(world.fake.firewall()).toContain('snat ip6 prefix to ip6 saddr map { fd00:1::/64 : 2001:db8:b:100::/64 }');
});

const DSL = 'config links/office.env ID=1 PPP_IPPARAM=dsl';
const ROUTER = 'stranger addr add 2001:db8:b:100::1/64 dev lan0';
const DIALLED = ['line ppp0 up 192.0.2.11', 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl'];
const SESSION6 = ['stranger addr add fe80::2/128 peer fe80::1 dev ppp0', 'ipv6-up ppp0 fe80::2 fe80::1 dsl'];
const route6 = (world: TestWorld) =>
  world.fake.dump('ours').filter((line) => line.startsWith('ip -6 route add default') && line.includes('table 20001'));

test('a dialled line without an address: up with its IPv6, never by the prefix alone', async () => {
  const world = await play(createTestWorld(), `${DSL} PREFIXES=${ONE}`, 'line lan0 up 10.10.0.1', ROUTER, ...DIALLED);
  expect(route6(world)).toEqual([]);
  await play(world, ...SESSION6);
  expect(inKernel(world).rules).toEqual([ONE]);
  expect(route6(world)).toEqual([expect.stringContaining('dev ppp0')]);
  // The next session has no IPv6, and ipv6-down was lost.
  await play(world, 'line ppp0 hangs up', ...DIALLED);
  expect(route6(world)).toEqual([]);
  expect(inKernel(world)).toMatchObject({ rules: [], ends: [ONE] });
  expect(await world.plan()).toEqual([]);
});

test('a static line: an address on the LAN is enough', async () => {
  const keys = ` GATEWAY6=fe80::1 PREFIXES=${ONE}`;
  const world = await played(keys, 'line lan0 up 10.10.0.1', ROUTER, 'line eth1 up 198.51.100.2', 'wanhook apply');
  expect(inKernel(world).rules).toEqual([ONE]);
  expect(route6(world)).toEqual([expect.stringContaining('via fe80::1 dev eth1')]);
  expect(await world.plan()).toEqual([]);
});

test('killed when its rules were there and nobody had noted it: a hook finds them, without any address', async () => {
  const bound = 'dhclient BOUND eth1 198.51.100.2 198.51.100.1';
  const world = await played(` PREFIXES=${ONE}`, 'line lan0 up 10.10.0.1', 'line eth1 up 198.51.100.2', bound);
  await play(world, 'stranger addr add fe80::5/64 dev eth1');
  const before = world.state();
  await play(world, 'dhclient RENEW eth1 198.51.100.2 198.51.100.1');
  expect(inKernel(world)).toEqual({ ...everywhere(ONE), rules: [] });
  // Meanwhile the key says another one.
  world.writeState(before);
  world.echoed.splice(0);
  await play(world, `config links/office.env ID=1 DEVICE=eth1 PREFIXES=${TWO}`);
  await play(world, 'dhclient RENEW eth1 198.51.100.2 198.51.100.1');
  expect(world.echoed.filter((command) => command.startsWith('ip -6'))).toEqual([
    `ip -6 route replace unreachable ${TWO} table 254 metric 65535 proto 201`,
    `ip -6 route del unreachable ${ONE} table 254 metric 65535 proto 201`,
  ]);
  expect(world.errors).toEqual([]);
  expect(inKernel(world)).toEqual({ ...everywhere(TWO), rules: [] });
  expect(await world.plan()).toEqual([]);
});
