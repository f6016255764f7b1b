/** IPv6 where somebody has said which line: rules, sets, fixed clients, `wanhook use`; and `explain` held to what traffic does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../../src/cli/explain-answer.ts';
import { type ProcessHandle, SLOW } from '../support/lab-process.ts';
import type { ShareOptions } from '../support/lab-traffic.ts';
import { applyRules } from '../support/router-rules.ts';
import { createRouter, type Router } from '../support/router.ts';
import { addIpv6, type Ipv6 } from '../support/router6.ts';

const ROOT = join(import.meta.dirname, '../..');
const TRAFFIC = join(ROOT, 'dist/test/traffic.cjs');
const [FIRST, SECOND, THIRD] = ['2001:db8:ff::10', '2001:db8:ff::11', '2001:db8:ff::12'];
const LOCAL = 'fd00:1::2';
const CGROUP = `/sys/fs/cgroup/wanhook-lab6-${process.pid}`;
const FRONT = readFileSync(join(ROOT, 'hooks/wanhook-command.sh'), 'utf8').replace(
  'node=@NODE@',
  `node=${process.execPath}`,
);

let router: Router;
let six: Ipv6;
/** The third line has IPv4 alone. */
beforeAll(async () => {
  router = await createRouter({
    links: ['ppp', 'ppp', 'ppp'],
    before: `mount -t cgroup2 none /sys/fs/cgroup; mkdir -p ${CGROUP}
      mkdir -p /usr/lib/wanhook/hooks; cp /usr/lib/wanhook/*.cjs /usr/lib/wanhook/hooks/`,
  });
  await router.rtr.sh('cat >/usr/sbin/wanhook; chmod 755 /usr/sbin/wanhook', { stdin: FRONT });
  six = await addIpv6(router);
  for (const index of [0, 1, 2]) await router.up(index);
  for (const index of [0, 1]) {
    await six.pppUp(index);
    await six.delegate(index);
  }
  await router.share({ from: 'lan', count: 4 }); // starts the server
});
afterAll(async () => {
  try {
    expect(await six.strays()).toEqual([]);
    await router.rtr.sh(`rmdir ${CGROUP}`);
  } finally {
    await router.destroy();
  }
});

const lineOf = (source: string) => `line${/^2001:db8:a(\d):/.exec(source)?.[1] ?? source}`;
const linesOf = (sources: Readonly<Record<string, number>>) =>
  [...new Set(Object.keys(sources).map(lineOf))].toSorted();
const explain = async (...argv: string[]) => JSON.parse(await router.must('explain', '--json', ...argv)) as Answer;

/** What `explain` says, and by which lines such connections then leave. */
async function holds(argv: string, want: Partial<Answer>, traffic: Partial<ShareOptions>): Promise<void> {
  const answer = await explain(...argv.split(' '));
  expect(answer, argv).toMatchObject(want);
  const got = await router.share({ from: 'lan', count: 16, ...traffic });
  expect(linesOf(got.sources), argv).toEqual(answer.links.map(({ name }) => name).toSorted());
  expect(got.ok, JSON.stringify(got.errors)).toBe(answer.verdict === 'refused' ? 0 : 16);
}

test('rules and sets: each family its own, the router and the LAN', async () => {
  const host = six.hostOf(0);
  await applyRules(
    router,
    {
      '10-far': 'FROM=10.10.0.0/24,fd00:1::/64 SET=far USE=line2',
      '20-range': `FROM=fd00:1::2-fd00:1::3 PROTO=udp USE=line3,line1`,
      '30-host': `FROM=${host} TO=${FIRST} USE=line2`,
      '40-nowhere': `FROM=${LOCAL} TO=2001:db8:ff::11 USE=block`,
      '50-own': `IIF=lo TO=${THIRD}/128 USE=line1`,
      '60-four': 'TO=203.0.113.0/24 USE=line3',
    },
    { far: `203.0.113.14\n2001:DB8:FF:0::12 # the far one\n` },
  );
  expect(await router.plan()).toEqual([]);
  const link = { by: 'rule', verdict: 'link' } as const;
  const lan = { localAddresses: [LOCAL] };
  await holds(`--from ${LOCAL} [${THIRD}]:7000`, { ...link, rule: '10-far', table: '20002 (wan-line2)' }, { ...lan, to: [THIRD] });
  await holds(`--from ${LOCAL} --proto udp [${FIRST}]:7000`, { ...link, rule: '20-range', mark: '0x1000000/0x3f000000' }, { ...lan, to: [FIRST], proto: 'udp' });
  // A rule is somebody's word: it counts for more than the line whose address a host has.
  await holds(`--from ${host} [${FIRST}]:7000`, { ...link, rule: '30-host' }, { to: [FIRST], localAddresses: [host] });
  await holds(`--from ${LOCAL} ${SECOND}`, { by: 'rule', rule: '40-nowhere', verdict: 'refused' }, { ...lan, to: [SECOND] });
  await holds(`[${THIRD}]:7000`, { ...link, iif: 'lo', rule: '50-own' }, { from: 'rtr', to: [THIRD] });
  await holds(`--from ${LOCAL} [${FIRST}]:7000`, { by: 'balance', verdict: 'balance', table: '20000 (wan-balance)' }, { ...lan, to: [FIRST] });
  await holds(`--from ${host} [${SECOND}]:7000`, { by: 'source', verdict: 'link' }, { to: [SECOND], localAddresses: [host] });
  const four = await router.share({ from: 'lan', count: 12 });
  expect(Object.keys(four.sources)).toEqual([router.lines[2]!.address]);
}); // prettier-ignore

test('explain: the LAN, this router, what refuses, and a connection that runs', async () => {
  expect(await explain('fd00:1::2')).toMatchObject({ by: 'main', verdict: 'local', links: [] });
  expect(await explain('--from', LOCAL, 'fd00:1::1')).toMatchObject({ by: 'main', verdict: 'local' });
  expect(await explain('--from', '2001:db8:a2::2', `[${FIRST}]:7000`)).toMatchObject({ iif: 'lo', by: 'source' });
  expect(await explain('2001:db8:a1:1ff::9')).toMatchObject({ by: 'main', verdict: 'unreachable', links: [] });
  const hold = await router.startHold({ from: 'lan', localAddresses: [LOCAL], to: [THIRD], count: 1, ms: 30_000 });
  const flow = await router.rtr.sh(`conntrack -L -f ipv6 -p tcp --orig-dst ${THIRD} 2>/dev/null | grep ESTABLISHED`);
  const sport = /sport=(\d+)/.exec(flow)![1]!;
  await applyRules(router, { '10-far': `TO=${THIRD} USE=line1` });
  const runs = await explain('--from', LOCAL, '--sport', sport, `[${THIRD}]:7000`);
  expect(runs).toMatchObject({ by: 'memory', links: [{ name: 'line2' }] });
  expect(await explain('--from', LOCAL, `[${THIRD}]:7000`)).toMatchObject({
    rule: '10-far',
    links: [{ name: 'line1' }],
  });
  await hold.stop();
});

test('fixed clients: by address, by prefix, by MAC address', async () => {
  const mac = (await router.lan.sh('cat /sys/class/net/eth0/address')).trim();
  await applyRules(router, {});
  await router.rtr.sh(`mkdir -p /etc/wanhook/clients; cd /etc/wanhook; echo BALANCE=client >>wanhook.env
    printf 'CLIENT=fd00:1::/64\\nLINK=line1\\n' >clients/lan.env
    printf 'CLIENT=FD00:1:0::2\\nLINK=line2\\n' >clients/host.env`);
  await router.must('apply');
  expect(await router.plan()).toEqual([]);
  const lan = { localAddresses: [LOCAL], to: [FIRST] };
  const fixed = { by: 'client', verdict: 'link' } as const;
  await holds(`--from ${LOCAL} [${FIRST}]:7000`, { ...fixed, why: 'fixed by clients/host.env' }, lan);
  expect(await explain('--from', 'fd00:1::3', FIRST)).toMatchObject({ why: 'fixed by clients/lan.env' });
  await router.rtr.sh(`printf 'CLIENT=${mac}\\nLINK=line2\\n' >/etc/wanhook/clients/lan.env`);
  await router.must('apply');
  const why = `fixed by clients/lan.env (MAC ${mac})`;
  await holds(`--from ${LOCAL} [${FIRST}]:7000`, { ...fixed, why }, lan);
  const host = { localAddresses: [six.hostOf(0)], to: [FIRST] };
  await holds(`--from ${six.hostOf(0)} [${FIRST}]:7000`, { ...fixed, why }, host);
  await router.rtr.sh('rm -r /etc/wanhook/clients');
  await router.must('apply');
  await router.share({ from: 'lan', count: 1, ...lan });
  const learnt = await explain('--from', LOCAL, `[${FIRST}]:7000`);
  expect(learnt).toMatchObject({ by: 'client', verdict: 'link' });
  expect(learnt.why).toMatch(/^its address has been given line[12], for 86\d{3} s more$/);
  await holds(`--from ${six.hostOf(0)} [${FIRST}]:7000`, { by: 'source', verdict: 'link' }, host);
});

const inCgroup = (argv: readonly string[]) => ['sh', '-c', `echo $$ >${CGROUP}/cgroup.procs; exec "$@"`, 'sh', ...argv];
const use = (link: string, command: readonly string[]) =>
  router.rtr.run(inCgroup(['wanhook', 'use', link, '--', ...command]), { check: false });
const traffic = (...argv: string[]) => [process.execPath, TRAFFIC, ...argv];
interface Summary {
  readonly ok: number;
  readonly sources: Record<string, number>;
  readonly errors: Record<string, number>;
}
const summaryOf = (stdout: string) =>
  (JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { summary: Summary }).summary;

test('use: TCP, UDP and ping by one line; by a line without IPv6 only IPv4', async () => {
  for (const [line, proto] of [[1, 'udp'], [2, 'tcp']] as const) {
    const to = six.servers.join();
    const { stdout } = await use(`line${line}`, traffic('share', '--to', to, '--proto', proto, '--count', '12'));
    const got = summaryOf(stdout);
    expect(got.ok, JSON.stringify(got.errors)).toBe(12);
    expect(linesOf(got.sources)).toEqual([`line${line}`]);
  }
  expect((await use('line2', ['ping', '-6', '-q', '-c', '3', '-i', '0.05', FIRST])).code).toBe(0);
  expect(await pinged()).toEqual([`mark=${2 * 2 ** 24}`]);
  const refused = summaryOf((await use('line3', traffic('share', '--to', `${FIRST},203.0.113.10`, '--count', '6'))).stdout);
  expect(refused).toMatchObject({ ok: 3, sources: { [router.lines[2]!.address]: 3 } });
  expect((await use('line3', ['ping', '-6', '-c', '1', '-W', '1', SECOND])).code).not.toBe(0);
}); // prettier-ignore

/** The marks of the router's pings since the last time. */
const pinged = async () =>
  (
    await router.rtr.sh(
      `conntrack -L -f ipv6 -p icmpv6 2>/dev/null | grep -o 'mark=[0-9]*' | sort -u; conntrack -D -f ipv6 -p icmpv6 >/dev/null 2>&1 || :`,
    )
  )
    .split('\n')
    .filter((line) => line !== '');

test('use: its line dies and returns: they wait, and never leave by another', async () => {
  const run = (...argv: string[]) => router.rtr.spawn(inCgroup(['wanhook', 'use', 'line2', '--', ...argv]));
  const slow = (amount: number) => String(amount * SLOW);
  const times = ['--ms', slow(30_000), '--timeout', slow(300), '--every', slow(20)];
  const probes: ProcessHandle[] = [];
  // One after the other: three at once wait for the lock longer than anybody does where the processor is emulated.
  for (const proto of ['tcp', 'udp']) {
    const probe = run(...traffic('probe', '--to', FIRST, '--proto', proto, ...times));
    await probe.waitLine(/startedAt/);
    probes.push(probe);
  }
  const ping = run('ping', '-6', '-q', '-i', '0.05', '-w', slow(30), FIRST);
  await expect.poll(pinged, { timeout: 10_000 * SLOW }).toEqual([`mark=${2 * 2 ** 24}`]);
  await router.down(1);
  await pinged();
  await new Promise((resolve) => setTimeout(resolve, 300 * SLOW));
  expect(await pinged()).toEqual([]);
  await router.up(1);
  await six.pppUp(1);
  for (const probe of probes) {
    const before = probe.lines.length;
    await expect
      .poll(() => probe.lines.slice(before).some((line) => line.includes('"source"')), { timeout: 10_000 * SLOW })
      .toBe(true);
    expect(await probe.kill()).toBe(0); // passed on to the command
    const seen = probe.lines
      .filter((line) => line.startsWith('{"at"'))
      .map((line) => JSON.parse(line) as { at: number; source?: string });
    const answered = seen.flatMap(({ source }) => source ?? []);
    expect([...new Set(answered.map(lineOf))]).toEqual(['line2']);
    expect(answered.length).toBeLessThan(seen.length);
  }
  await ping.kill();
});
