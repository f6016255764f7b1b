/**
 * docs/keepalived.md as it stands: two routers with lines of their own on one LAN, and a client whose gateway is the address
 * that keepalived moves. The switch of the LAN is a bridge in the first lab's LAN host, which is the client, too.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProcessHandle } from '../support/lab-process.ts';
import { createRouter, type Router } from '../support/router.ts';

const CHECKOUT = path.resolve(import.meta.dirname, '../..');
const GATEWAY = '10.10.0.254';
const CONFIG = /^```\n(global_defs[^`]*)^```$/m.exec(
  readFileSync(path.join(CHECKOUT, 'docs/keepalived.md'), 'utf8'),
)![1]!;

/** The command as install.sh puts it together. */
const INSTALL = `cp ${CHECKOUT}/hooks/health.sh /usr/lib/wanhook/
  sed 's|@NODE@|${process.execPath}|' ${CHECKOUT}/hooks/wanhook-command.sh >/usr/sbin/wanhook
  chmod 755 /usr/sbin/wanhook /usr/lib/wanhook/health.sh`;

describe('a pair of routers with keepalived', () => {
  let first: Router;
  let second: Router;
  const running: ProcessHandle[] = [];

  beforeAll(async () => {
    const before = INSTALL;
    [first, second] = await Promise.all([
      createRouter({ links: ['ppp', 'dhcp'], before }),
      createRouter({ links: [{ kind: 'ppp', address: '192.0.2.51' }], before }),
    ]);
    // The second router leaves its own LAN for the first one's.
    const cable = ['link', 'add', 'second', 'type', 'veth', 'peer', 'name', 'lan1', 'netns', String(second.rtr.pid)];
    execFileSync('nsenter', ['-t', String(first.lan.pid), '-n', 'ip', ...cable]);
    await first.lan.sh(`ip link add br0 type bridge; ip addr flush dev eth0
      for port in eth0 second; do ip link set $port master br0 up; done
      ip addr add 10.10.0.2/24 dev br0; ip link set br0 up; ip route replace default via ${GATEWAY}`);
    await second.rtr.sh(
      'ip link set lan0 down; ip addr flush dev lan0; ip addr add 10.10.0.3/24 dev lan1; ip link set lan1 up',
    );
    await second.configure([{ ID: 1, PPP_IPPARAM: 'line1' }], { LAN: 'lan1' });
    for (const index of [0, 1]) await first.up(index);
    await second.up(0);
    running.push(await keepalived(first, 'lan0', 150), await keepalived(second, 'lan1', 100));
  });
  afterAll(async () => {
    await Promise.all(running.map((each) => each.kill()));
    await Promise.all([first.destroy(), second.destroy()]);
  });

  async function keepalived({ rtr }: Router, device: string, priority: number): Promise<ProcessHandle> {
    const text = CONFIG.replace('interface eth0', `interface ${device}`)
      .replace('192.168.1.1/24', `${GATEWAY}/24`)
      .replace('priority 150', `priority ${priority}`);
    await rtr.sh('mkdir -p /etc/keepalived; cat >/etc/keepalived/keepalived.conf; keepalived -t', { stdin: text });
    return rtr.spawn(['keepalived', '--dont-fork', '--log-console', '--vrrp']);
  }
  const has = async ({ rtr }: Router) => (await rtr.sh('ip -o -4 addr show')).includes(` ${GATEWAY}/24 `);
  /** Who has the address; nobody and both are told as such. */
  const owner = async () => {
    const [one, two] = await Promise.all([has(first), has(second)]);
    return one && two ? 'both' : one ? 'first' : two ? 'second' : 'nobody';
  };
  async function until(want: 'first' | 'second'): Promise<number> {
    const started = Date.now();
    while ((await owner()) !== want) {
      if (Date.now() - started > 30_000) throw new Error(`it is with ${await owner()}, not ${want}`);
      await sleep(50);
    }
    return Date.now() - started;
  }
  /** From the client to the Internet, by whoever has the address. */
  const ping = async () => {
    const { code } = await first.lan.run(['ping', '-n', '-c', '5', '-i', '0.3', '-W', '1', '203.0.113.10'], {
      check: false,
    });
    return code === 0;
  };
  const asked = async ({ rtr }: Router) =>
    (await rtr.run(['/usr/sbin/wanhook', 'health'], { check: false })).stdout.trim();

  test('the first has it while one of its lines works', async () => {
    await until('first');
    expect(await ping()).toBe(true);
    await first.down(0);
    expect(await asked(first)).toBe('healthy: line2 up');
    await sleep(4000);
    expect(await owner()).toBe('first');
    expect(await ping()).toBe(true);
  });

  test('without any line it gives it up, and takes it back with the first line', async () => {
    await first.down(1);
    expect(await asked(first)).toBe('not healthy: line1 down, line2 down');
    const gone = await until('second');
    expect(await ping()).toBe(true);
    await first.up(0);
    expect(await asked(first)).toBe('healthy: line1 up');
    const back = await until('first');
    expect(await ping()).toBe(true);
    console.log(`keepalived: given up after ${gone} ms, taken back after ${back} ms`);
    expect(gone).toBeLessThan(12_000);
  });

  test('no hook tells: the carrier is enough', async () => {
    await first.rtr.sh('ip link set ppp0 down');
    expect(await asked(first)).toMatch(/^not healthy: line1 down \(ppp0 has no carrier\)/);
    await until('second');
    await first.rtr.sh('ip link set ppp0 up');
    await first.must('apply');
    await until('first');
  });

  test('up but dead, as the record has it then: given up', async () => {
    await first.rtr.sh("sed -i 's/ up / dead /' /run/wanhook/health");
    expect(await asked(first)).toBe('not healthy: line1 dead, line2 down');
    await until('second');
    await first.must('apply');
    await until('first');
  });

  test('stopped: given up; and with no line anywhere the first keeps it', async () => {
    await first.must('stop');
    await until('second');
    await second.down(0);
    await until('first');
    await first.must('apply');
    expect(await owner()).toBe('first');
  });

  test('a check costs no process: an average of a hundred', async () => {
    const script = 'TIMEFORMAT="%R %U %S"; time for i in {1..100}; do /usr/sbin/wanhook health >/dev/null || :; done';
    const { stderr } = await first.rtr.run(['bash', '-c', script]);
    const [wall = 0, user = 0, system = 0] = stderr.trim().split(' ').map(Number);
    console.log(`wanhook health: ${wall * 10} ms, CPU ${(user + system) * 10} ms`);
    // Node alone takes some 40 ms of CPU.
    expect((user + system) * 10).toBeLessThan(20);
  });
});
