/** `wanhook use LINK -- COMMAND`, as installed, with its shell front: any program, one link, nothing left behind. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RunOptions } from '../support/lab-process.ts';
import { createRouter, type Router } from '../support/router.ts';

const ROOT = join(import.meta.dirname, '../..');
const TRAFFIC = join(ROOT, 'dist/test/traffic.cjs');
const SERVER = '203.0.113.10';
/** The host's cgroups are everybody's: the lab's are in one of its own. */
const CGROUP = `/sys/fs/cgroup/wanhook-lab-${process.pid}`;
const FRONT = readFileSync(join(ROOT, 'hooks/wanhook-command.sh'), 'utf8').replace(
  'node=@NODE@',
  `node=${process.execPath}`,
);

let router: Router;
let address: readonly string[] = [];
beforeAll(async () => {
  router = await createRouter({
    links: ['ppp', 'ppp', 'dhcp', 'ppp'],
    before: `mount -t cgroup2 none /sys/fs/cgroup; mkdir -p ${CGROUP}
      mkdir -p /usr/lib/wanhook/hooks; cp /usr/lib/wanhook/*.cjs /usr/lib/wanhook/hooks/`,
  });
  await router.rtr.sh('cat >/usr/sbin/wanhook; chmod 755 /usr/sbin/wanhook', { stdin: FRONT });
  for (const line of [0, 1, 2]) await router.up(line);
  address = router.lines.map((line) => line.address);
  await router.share({ from: 'lan', count: 4 }); // starts the server
});
afterEach(async () => {
  expect(await router.strays()).toEqual([]);
  expect(await left()).toEqual(['table inet wanhook']);
});
afterAll(async () => {
  await router.rtr.sh(`rmdir ${CGROUP}`);
  await router.destroy();
});

/** Tables, cgroups and notes that are there. */
async function left(): Promise<string[]> {
  const text = await router.rtr.sh(
    `nft list tables; find ${CGROUP} -mindepth 1 -type d; ls /run/wanhook/uses 2>/dev/null || :`,
  );
  return text.split('\n').filter((line) => line !== '');
}

const inCgroup = (argv: readonly string[]) => ['sh', '-c', `echo $$ >${CGROUP}/cgroup.procs; exec "$@"`, 'sh', ...argv];
const use = (link: string, command: readonly string[], options?: RunOptions) =>
  router.rtr.run(inCgroup(['wanhook', 'use', link, '--', ...command]), { check: false, ...options });
const traffic = (...argv: string[]) => [process.execPath, TRAFFIC, ...argv];

interface Summary {
  readonly ok: number;
  readonly sources: Record<string, number>;
}
const summaryOf = (stdout: string) =>
  (JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { summary: Summary }).summary;

test.each([0, 1, 2])('TCP, UDP and ping by line %i, whatever the balance says', async (line) => {
  for (const proto of ['tcp', 'udp']) {
    const to = router.servers.join();
    const { stdout, stderr, code } = await use(
      `line${line + 1}`,
      traffic('share', '--to', to, '--proto', proto, '--count', '44'),
    );
    // Only the first server listens: the others refuse, by the same line.
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Object.keys(summaryOf(stdout).sources)).toEqual([address[line]]);
  }
  await use(`line${line + 1}`, ['ping', '-q', '-c', '2', '-i', '0.05', SERVER]);
  const marks = await router.rtr.sh(
    `conntrack -L -p icmp 2>/dev/null | grep -o 'mark=[0-9]*' | sort -u; conntrack -D -p icmp >/dev/null 2>&1`,
  );
  expect(marks.trim()).toBe(`mark=${(line + 1) * 2 ** 24}`);
});

test.each([
  [['sh', '-c', 'exit 37'], 37],
  [['sh', '-c', 'kill -TERM $$'], 143],
  [['true'], 0],
] as const)('%j ends with its own exit code', async (command, want) => {
  expect(await use('line1', command)).toMatchObject({ code: want, stdout: '', stderr: '' });
});

test('a command that is not there', async () => {
  const { code, stderr } = await use('line1', ['no-such-command']);
  expect({ code, stderr }).toEqual({
    code: 127,
    stderr: 'wanhook: cannot run "no-such-command": spawn no-such-command ENOENT\n',
  });
});

test.each([
  ['line4', 1, 'link "line4" is down: waiting for its first event'],
  ['line9', 2, 'there is no link "line9"; there are line1, line2, line3, line4'],
])('%s cannot be used: says why, runs nothing', async (link, want, message) => {
  const { code, stdout, stderr } = await use(link, ['echo', 'ran']);
  expect({ code, stdout, stderr }).toEqual({ code: want, stdout: '', stderr: `wanhook: ${message}\n` });
});

test('as the user who called sudo, in that user’s environment; Node gets none of it', async () => {
  const env = { SUDO_UID: '65534', SUDO_GID: '65534', SUDO_USER: 'nobody', NODE_OPTIONS: '--no-such', X: 'a\nb' };
  const script =
    'id -u; id -g; id -Gn; echo "$HOME $USER"; printf "%s|" "$NODE_OPTIONS" "$X"; head -c1 /run/wanhook/state.json';
  const { stdout, stderr } = await use('line2', ['sh', '-c', script], { env });
  expect(stdout).toBe('65534\n65534\nnogroup\n/nonexistent nobody\n--no-such|a\nb|');
  expect(stderr).toContain('Permission denied');
  // Where everybody may read it: the checkout may be in somebody's home.
  await router.rtr.sh(`install -m 644 ${TRAFFIC} /run/traffic.cjs`);
  const share = [process.execPath, '/run/traffic.cjs', 'share', '--to', SERVER, '--count', '12'];
  const rest = ['env', '-u', 'NODE_OPTIONS', ...share];
  const got = summaryOf((await use('line2', rest, { env })).stdout);
  expect(got).toMatchObject({ ok: 12, sources: { [address[1]!]: 12 } });
});

test('beside it everybody else is shared as ever, and an event that loads the firewall does not disturb it', async () => {
  const hold = router.rtr.spawn(
    inCgroup(['wanhook', 'use', 'line3', '--', ...traffic('hold', '--to', SERVER, '--count', '8', '--ms', '20000')]),
  );
  await hold.waitLine(/established/);
  const others = await router.share({ from: 'rtr', proto: 'udp', count: 60 });
  expect(Object.keys(others.sources).toSorted()).toEqual(address.slice(0, 3).toSorted());
  await router.up(3); // a new device is added to the firewall, another size loads it anew
  await router.rtr.sh('ip link set ppp2 mtu 1400');
  await router.must('apply');
  expect((await router.journal()).at(-1)!.changed).toContain('nft -f - (table inet wanhook)');
  expect(await router.plan()).toEqual([]);
  await router.down(3);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await hold.kill()).toBe(0); // passed on to the command

  const summary = JSON.parse(hold.lines.at(-1)!) as { summary: { survived: number; flows: { sources: string[] }[] } };
  expect(summary.summary.survived).toBe(8);
  expect(summary.summary.flows.map(({ sources }) => sources)).toEqual(Array(8).fill([address[2]]));
});

test.each(['tcp', 'udp'])('its link dies and returns: %s waits, and never leaves by another', async (proto) => {
  const probe = router.rtr.spawn(
    inCgroup([
      'wanhook',
      'use',
      'line2',
      '--',
      ...traffic('probe', '--to', SERVER, '--proto', proto, '--ms', '2500', '--timeout', '300'),
    ]),
  );
  await probe.waitLine(/startedAt/);
  await router.lineHangup(1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await router.ppp('ip-down', 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await router.up(1);
  expect(await probe.exited).toBe(0);
  const seen = probe.lines
    .filter((line) => line.startsWith('{"at"'))
    .map((line) => JSON.parse(line) as { at: number; source?: string });
  const sources = [...new Set(seen.flatMap(({ source }) => source ?? []))];
  const answered = seen.filter(({ source }) => source !== undefined);
  console.log(`${proto}: ${answered.length} of ${seen.length} answered, all from ${sources.join()}`);
  expect(sources).toEqual([address[1]]);
  expect(Math.max(...answered.map(({ at }) => at))).toBeGreaterThan(2000);
  expect(answered.length).toBeLessThan(seen.length);
});

test('its link dies and returns: no echo leaves by another', async () => {
  const others = [0, 2].map((index) => router.isps[index]!);
  const counter = `table ip witness {
    counter echoes {}
    chain pre { type filter hook prerouting priority raw - 1; iifname "line" icmp type echo-request counter name echoes; }
  }`;
  for (const isp of others) await isp.run(['nft', '-f', '-'], { stdin: counter });
  const ping = router.rtr.spawn(inCgroup(['wanhook', 'use', 'line2', '--', 'ping', '-i', '0.02', '-w', '30', SERVER]));
  try {
    await ping.waitLine(/bytes from/);
    await router.lineHangup(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await router.ppp('ip-down', 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const isp of others) expect(await isp.sh('nft list counter ip witness echoes')).toContain('packets 0 ');
    await router.up(1);
    const before = ping.lines.length;
    await expect.poll(() => ping.lines.length, { timeout: 10_000 }).toBeGreaterThan(before + 5);
    for (const isp of others) {
      expect(await isp.sh('nft list counter ip witness echoes; nft delete table ip witness')).toContain('packets 0 ');
    }
  } finally {
    await ping.kill();
  }
});

test('what it leaves in the background keeps its link; the next one tidies up', async () => {
  const { code } = await use('line1', ['sh', '-c', 'sleep 0.7 >/dev/null 2>&1 &']);
  expect(code).toBe(0);
  expect(await left()).toHaveLength(4);
  await new Promise((resolve) => setTimeout(resolve, 900));
  await use('line1', ['true']);
});

test('killed: the command goes on over its link; stop takes everything away', async () => {
  const sleeper = router.rtr.spawn(inCgroup(['wanhook', 'use', 'line1', '--', 'sleep', '30']));
  // Its command runs, and not only all that is made for it.
  const runs = `for pid in $(cat ${CGROUP}/wanhook-*/cgroup.procs); do cat /proc/$pid/comm; done 2>/dev/null || :`;
  await expect.poll(() => router.rtr.sh(runs), { timeout: 10_000 }).toContain('sleep');
  expect(await left()).toHaveLength(4);
  await sleeper.kill('SIGKILL');
  expect(await left()).toHaveLength(4);
  await router.must('stop');
  expect((await left()).filter((line) => line.includes('table') || line.endsWith('.json'))).toEqual([]);
  await router.rtr.sh(`cat ${CGROUP}/wanhook-*/cgroup.procs | xargs -r kill; sleep 0.3; rmdir ${CGROUP}/wanhook-*`);
  await router.must('apply');
});
