/** BALANCE=pair as traffic: a client's connections to one server stay on one link, wherever the lines go meanwhile. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';
import type { Answer } from '../../src/cli/explain-answer.ts';
import { applyRules } from '../support/router-rules.ts';

/** For `wanhook use`: the host's cgroups are everybody's. */
const CGROUP = `/sys/fs/cgroup/wanhook-lab-${process.pid}`;
let router: Router;
const PAIR = { LAN: 'lan0', BALANCE: 'pair' };
const keys: LinkKeys[] = [];

beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 4 });
  router.lines.forEach(({ kind, device }, index) => {
    keys.push({ ID: index + 1, ...(kind === 'ppp' ? { PPP_IPPARAM: `line${index + 1}` } : { DEVICE: device }) });
  });
  await router.configure(keys, PAIR);
  for (const { index } of router.lines) await router.up(index);
  await router.serve('net', { tcp: [7001, 7002], udp: [7001] });
});
beforeEach(async () => {
  await router.configure(keys, PAIR);
  await router.must('apply');
  await router.must('pins', 'flush');
});
afterEach(async () => expect(await router.strays()).toEqual([]));
afterAll(() => router.destroy());

type Sources = Record<string, string[]>;

/** Each client to each server, `times` connections: the sources that the server saw, by "client>server". */
async function pairs(times: number, given: { port?: number; proto?: 'tcp' | 'udp' } = {}): Promise<Sources> {
  const found: Sources = {};
  for (const client of router.clients) {
    const count = router.servers.length * times;
    const seen = await router.share({ from: 'lan', localAddresses: [client], to: router.servers, count, ...given });
    expect(seen).toMatchObject({ ok: count, errors: {} });
    for (const [server, sources] of Object.entries(seen.byServer)) found[`${client}>${server}`] = Object.keys(sources);
  }
  return found;
}

async function own(times: number): Promise<Sources> {
  const count = router.servers.length * times;
  const seen = await router.share({ from: 'rtr', to: router.servers, count, proto: 'udp' });
  expect(seen).toMatchObject({ ok: count, errors: {} });
  return Object.fromEntries(Object.entries(seen.byServer).map(([server, sources]) => [server, Object.keys(sources)]));
}

const addressOf = (index: number) => router.lines[index]!.address;
const spread = (got: Sources) =>
  router.lines.map(({ address }) => Object.values(got).filter(([source]) => source === address).length);

/** Every pair kept to one link, and every line that is up had some. */
function expectKept(got: Sources, lines: readonly number[]): void {
  expect(Object.values(got).filter((sources) => sources.length !== 1)).toEqual([]);
  lines.forEach((index) => expect(spread(got)[index], `line ${index}`).toBeGreaterThan(0));
}

interface Pin {
  readonly client: string;
  readonly server: string;
  readonly port: string | null;
  readonly link: string;
  readonly expires: number;
}
const pins = async () => JSON.parse(await router.must('pins', '--json')) as Pin[];
/** What `pins` says, in the words of the traffic. */
const remembered = (all: readonly Pin[]): Sources =>
  Object.fromEntries(
    all.map(({ client, server, link }) => [`${client}>${server}`, [addressOf(Number(link.slice(-1)) - 1)]]),
  );

test.each(['tcp', 'udp'] as const)('pairs keep to one link, and pins tells which (%s)', async (proto) => {
  const got = await pairs(6, { proto });
  expectKept(got, [0, 1, 2]);
  console.log(`${Object.keys(got).length} pairs over three links: ${spread(got).join(':')}`);
  expect(remembered(await pins())).toEqual(got);
  expect(await pairs(3, { proto }), 'later connections').toEqual(got);
  const [{ expires }] = (await pins()) as [Pin];
  expect(expires).toBeGreaterThan(1190);
  expect(expires).toBeLessThanOrEqual(1200);
});

const explain = async (...argv: string[]) => JSON.parse(await router.must('explain', '--json', ...argv)) as Answer;

test('explain: the pin decides, for LAN and router, by port, after rules; a dead link’s pin does not', async () => {
  await router.configure(keys, { ...PAIR, PAIR_BY_PORT: '7001' });
  await applyRules(router, { '10-balance': 'PROTO=udp USE=balance', '20-one': 'DPORT=7002 USE=line2' });
  const [client, server] = [router.clients[0]!, router.servers[0]!];
  const before = await explain('--from', client, `${server}:7000`);
  expect(before).toMatchObject({ by: 'balance', why: 'no rule matches', verdict: 'balance' });
  const [plain, apart, mine] = [await pairs(1), await pairs(1, { port: 7001 }), await own(1)];
  const linkOf = (source: string) => `line${router.lines.findIndex(({ address }) => address === source) + 1}`;
  const pair = `${client}>${server}`;
  for (const [argv, source, rule] of [
    [['--from', client, `${server}:7000`], plain[pair]![0]!, null],
    [['--from', client, server, '--proto', 'icmp'], plain[pair]![0]!, null],
    [['--from', client, `${server}:7001`], apart[pair]![0]!, null],
    [['--from', client, `${server}:7000`, '--proto', 'udp'], plain[pair]![0]!, '10-balance'],
    [[`${server}:53`], mine[server]![0]!, null],
  ] as const) {
    const answer = await explain(...argv);
    expect(answer, argv.join(' ')).toMatchObject({
      by: 'pin',
      rule,
      verdict: 'link',
      links: [{ name: linkOf(source) }],
    });
    expect(answer.why).toMatch(/its pair is pinned to line\d for 1\d{3} s more$/);
  }
  expect(await explain('--from', client, `${server}:7002`)).toMatchObject({ by: 'rule', links: [{ name: 'line2' }] });
  const line = router.lines.findIndex(({ address }) => address === plain[pair]![0]);
  await router.down(line);
  expect(await explain('--from', client, `${server}:7000`)).toMatchObject({
    by: 'balance',
    why: `its pair is pinned to line${line + 1}, which takes no connections: it is pinned anew`,
  });
  await router.up(line);
  expect(await router.must('explain', '--from', client, `${server}:7000`, '--proto', 'udp')).toMatch(
    /^decides +rule 10-balance: USE=balance; its pair is pinned to line\d for 1\d+ s more$/m,
  );
  await applyRules(router, {});
});

test('a dead link’s pairs move, only they, and do not move back', async () => {
  const before = await pairs(2);
  await router.down(0);
  const moved = await pairs(3);
  expectKept(moved, [1, 2]);
  for (const [pair, sources] of Object.entries(before)) {
    if (sources[0] === addressOf(0)) expect(moved[pair], pair).not.toEqual(sources);
    else expect(moved[pair], pair).toEqual(sources);
  }
  await router.up(0);
  expect(await pairs(3), 'after its return').toEqual(moved);
  expect(await router.plan()).toEqual([]);
});

test('a pair that rests while its link is away stays with it', async () => {
  const before = await pairs(1);
  await router.down(2);
  await router.up(2);
  expect(await pairs(2)).toEqual(before);
});

test('neither another timeout nor a reload of the main table nor an apply forgets a pair or cuts a connection', async () => {
  const before = await pairs(1);
  const held = await router.startHold({ from: 'lan', count: 20, ms: 20_000, localAddresses: router.clients });
  for (const main of [{ ...PAIR, PAIR_TIMEOUT: 3000, PAIR_BY_PORT: '7002' }, { ...PAIR, MSS: 1300 }, PAIR]) {
    await router.configure([...keys.slice(0, 2), { ...keys[2]!, WEIGHT: 9 }], main);
    await router.must('apply');
  }
  expect(await router.plan()).toEqual([]);
  expect(await pairs(1)).toEqual(before);
  expect(await held.stop()).toMatchObject({ survived: 20, broken: 0, stalled: 0, sourcesConstant: true });
});

test('ports of PAIR_BY_PORT are remembered apart', async () => {
  await router.configure(keys, { ...PAIR, PAIR_BY_PORT: '7001' });
  await router.must('apply');
  const plain = await pairs(2, { port: 7002 });
  const apart = await pairs(2, { port: 7001 });
  expectKept(plain, [0, 1, 2]);
  expectKept(apart, [0, 1, 2]);
  expect(apart).not.toEqual(plain);
  const found = await pins();
  expect(remembered(found.filter(({ port }) => port === null))).toEqual(plain);
  expect(remembered(found.filter(({ port }) => port === 'tcp/7001'))).toEqual(apart);
  expect(found).toHaveLength(2 * Object.keys(plain).length);
});

test('the router’s own connections to a server keep to one link, and do not move back either', async () => {
  const before = await own(5);
  expectKept(before, []);
  await router.down(1);
  const moved = await own(5);
  expectKept(moved, []);
  expect(Object.values(moved).flat()).not.toContain(addressOf(1));
  await router.up(1);
  expect(await own(5)).toEqual(moved);
  const found = await pins();
  expect(found.map(({ client }) => client)).toEqual(router.servers.map(() => 'router'));
  expect(await router.must('pins', 'flush', `router>${router.servers[0]!}`)).toBe('1 pairs forgotten\n');
});

/** Of IPv4 only: the router's own IPv6 multicast on lan0 (MLD) shows up there too, unmarked. */
test('what the monitor asks makes no pin for the router’s own connections', async () => {
  const target = router.servers[0]!;
  const connect = (address: string, port: number) =>
    router.rtr.run([
      process.execPath,
      '-e',
      `require('net').connect({ host: '${target}', port: 7001, localAddress: '${address}', localPort: ${port} }, function () { this.end(); })`,
    ]);
  const pins = () => router.rtr.sh('nft list map inet wanhook_memory own');
  for (const { device, address, index } of router.lines) {
    await router.rtr.run(['fping', '-c', '1', '-I', device, '-S', address, target]);
    // src/desired/numbers.ts: the ports of this link's questions.
    await connect(address, 61_000 + 64 * index + 3);
  }
  expect(await pins()).not.toContain('elements');
  await connect(addressOf(0), 0);
  expect(await pins()).toContain(target);
});

test('foreign bits of both marks stay, and pairs are kept all the same', async () => {
  await router.rtr.sh(`nft -f - <<'NFT'
table inet foreign {
  counter lost {}
  chain raw { type filter hook prerouting priority raw; iifname lan0 meta mark set 0x00000a01; }
  chain late {
    type filter hook postrouting priority 0
    meta nfproto ipv4 iifname lan0 meta mark & 0xc0ffffff != 0x00000a01 counter name lost
    meta nfproto ipv4 iifname lan0 ct mark & 0xc0ffffff != 0 counter name lost
  }
}
NFT`);
  const got = await pairs(4);
  expectKept(got, [0, 1, 2]);
  expect(await router.rtr.sh('nft list counter inet foreign lost')).toContain('packets 0 ');
  await router.rtr.sh(`nft flush chain inet foreign raw
    nft add rule inet foreign raw return
    nft add chain inet foreign mangle '{ type filter hook prerouting priority mangle - 1; }'
    nft add rule inet foreign mangle iifname lan0 ct state new ct mark set ct mark '|' 0x00000a02
    nft flush chain inet foreign late
    nft add rule inet foreign late meta nfproto ipv4 iifname lan0 ct mark '&' 0xc0ffffff != 0x00000a02 counter name lost`);
  expect(await pairs(4)).toEqual(got);
  expect(await router.rtr.sh('nft list counter inet foreign lost')).toContain('packets 0 ');
  await router.rtr.run(['nft', 'delete', 'table', 'inet', 'foreign']);
});

test('a rule decides before a pin, also when it blocks, and the pin stays', async () => {
  const pinned = await pairs(4, { port: 7001 });
  expectKept(pinned, [0, 1, 2]);
  await applyRules(router, { '10-one': 'DPORT=7002 USE=line2', '20-none': 'PROTO=udp USE=block' });
  const ruled = await pairs(2, { port: 7002 });
  expect([...new Set(Object.values(ruled).flat())]).toEqual([addressOf(1)]);
  const blocked = await router.share({ from: 'lan', to: router.servers, count: 4, port: 7001, proto: 'udp' });
  expect(blocked).toMatchObject({ ok: 0 });
  expect(await pairs(2, { port: 7001 })).toEqual(pinned);
  await applyRules(router, {});
});

test('what a rule or `use` steers neither makes nor moves nor lengthens a pin', async () => {
  await router.configure(keys, { ...PAIR, PAIR_TIMEOUT: 60 });
  await applyRules(router, { '10-one': 'DPORT=7002 USE=line2' });
  await pairs(1, { port: 7002 });
  await router.rtr.sh(`mount -t cgroup2 none /sys/fs/cgroup; mkdir ${CGROUP}
    sh -c 'echo $$ >${CGROUP}/cgroup.procs; exec "$0" "$@"' ${process.execPath} /usr/lib/wanhook/wanhook.cjs \
      use line3 -- bash -c 'exec 3<>/dev/tcp/${router.servers[0]!}/7001'
    rmdir ${CGROUP}; umount /sys/fs/cgroup`);
  expect(await pins(), 'none made, neither at the beginning nor at the end').toEqual([]);
  const pinned = await pairs(1, { port: 7001 });
  const before = await pins();
  expect(new Set(before.map(({ link }) => link)).size).toBeGreaterThan(1);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await pairs(2, { port: 7002 });
  const after = await pins();
  expect(remembered(after), 'none moved').toEqual(pinned);
  const oldest = (all: readonly Pin[]) => Math.max(...all.map(({ expires }) => expires));
  expect(oldest(after), 'none lengthened').toBeLessThanOrEqual(oldest(before) - 2);
  await applyRules(router, {});
});

test('a connection that outlives its pin is learnt at its end, unless a rule steered it', async () => {
  await router.configure(keys, { ...PAIR, PAIR_TIMEOUT: 2 });
  await applyRules(router, { '10-one': 'DPORT=7002 USE=line2' });
  const [steered, free] = await Promise.all(
    [7002, 7000].map((port, n) =>
      router.startHold({ from: 'lan', count: 1, ms: 4000, port, localAddresses: [router.clients[n]!] }),
    ),
  );
  await Promise.all([steered!.result, free!.result]);
  expect((await pins()).map(({ client }) => client)).toEqual([router.clients[1]]);
  await applyRules(router, {});
});

test('a pair is forgotten PAIR_TIMEOUT after its last connection ended', async () => {
  await router.configure(keys, { ...PAIR, PAIR_TIMEOUT: 3 });
  await router.must('apply');
  const held = await router.startHold({ from: 'lan', count: 1, ms: 4000, localAddresses: [router.clients[0]!] });
  await held.result;
  const [pin, ...more] = await pins();
  expect(more).toEqual([]);
  expect(pin, 'the end of the connection counts, not its beginning').toMatchObject({ client: router.clients[0] });
  await new Promise((resolve) => setTimeout(resolve, 4500));
  expect(await pins()).toEqual([]);
});

test('a full memory remembers no more, and cuts nothing', async () => {
  const elements = Array.from({ length: 65_536 }, (_, n) => `10.99.${n >> 8}.${n & 255} . 203.0.113.10`);
  const stdin = `add element inet wanhook_memory pair { ${elements.map((key) => `${key} timeout 60s : 0x01000000`).join(',\n')} }\n`;
  await router.rtr.run(['nft', '-f', '-'], { stdin });
  const got = await router.share({ from: 'lan', count: 200, to: router.servers });
  expect(got).toMatchObject({ ok: 200, errors: {} });
  const started = performance.now();
  await router.down(0);
  const down = performance.now() - started;
  await router.up(0);
  expect(await router.must('pins', 'flush', 'line1')).toMatch(/^6553\d pairs forgotten\n$/);
  console.log(`the hook of a line that drops, with 65536 pairs: ${down.toFixed(0)} ms`);
  const again = await pairs(2);
  expectKept(again, [0, 1, 2]);
});
