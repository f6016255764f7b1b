/** The monitor's probes on a real kernel: they go by their link or not at all, and a silent link is known in time. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProber, type Cpu, type Prober } from '../support/prober-run.ts';
import { createRouter, type Router } from '../support/router.ts';
import { startServices } from '../support/services.ts';

const ICMP = 'PROBE=icmp://203.0.113.10,icmp://203.0.113.11,icmp://203.0.113.12 FLAP_PENALTY=0';
const SOCKETS = [
  'PROBE=tcp://203.0.113.13:7000',
  'dns://203.0.113.14/example.org',
  'http://203.0.113.15/generate_204 PROBE_INTERVAL=0.3 PROBE_TIMEOUT=0.5 FLAP_PENALTY=0',
].join();
const SHORT = 'PROBE_INTERVAL=0.3 PROBE_TIMEOUT=0.5 FLAP_PENALTY=0';
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let router: Router;
beforeAll(async () => {
  const keys = [SOCKETS, SOCKETS, SOCKETS].map((text) => ({ PROBE: text.replace(/ .*/, '').replace('PROBE=', '') }));
  router = await createRouter({ links: ['ppp', 'dhcp', 'dhcp'], keys: [keys[0]!, keys[1]!, { ...keys[2]!, TIER: 2 }] });
  for (const line of [0, 1, 2]) await router.up(line);
  await router.serve('net', { tcp: [7000] });
  await startServices(router);
});
afterAll(() => router.destroy());

async function withProber(
  keys: readonly string[],
  act: (prober: Prober) => Promise<void>,
  env: Record<string, string> = {},
): Promise<Cpu> {
  const prober = await startProber(router, keys, env);
  try {
    await act(prober);
    return await prober.stop();
  } finally {
    await prober.process.kill('SIGKILL');
  }
}

/** Does the last round that ended say so? */
async function lastRound(prober: Prober, link: string, want: object): Promise<void> {
  await expect.poll(() => prober.rounds(link).at(-1)?.results, { timeout: 20_000 }).toMatchObject(want);
}

test('a silent line is dead within 6 s by default, and only that one; well again after five good rounds', async () => {
  await withProber([ICMP, ICMP, ICMP], async (prober) => {
    const tookMs: number[] = [];
    for (const at of [0, 700, 1400]) {
      await wait(at);
      const began = Date.now();
      await router.deadUpstream(1, true);
      const dead = await prober.until('line2', 'dead', began, 9000);
      tookMs.push(dead.at - began);
      expect(dead.reason).toMatch(
        /^no answer from 3 of 3 targets for \d s \(icmp:\/\/203.0.113.10: no answer within 2 s;/,
      );
      await router.deadUpstream(1, false);
      await prober.until('line2', 'alive', dead.at, 15_000);
    }
    console.log(`silent line, defaults: dead after ${tookMs.join(', ')} ms`);
    expect(Math.max(...tookMs)).toBeLessThan(6500);
    for (const link of ['line1', 'line3'])
      expect(prober.verdicts(link).map(({ verdict }) => verdict)).toEqual(['alive']);
  });
});

test('FAST=yes: within a second', async () => {
  const cpu = await withProber([`${ICMP} FAST=yes`, `${ICMP} FAST=yes`], async (prober) => {
    const tookMs: number[] = [];
    for (const at of [300, 370, 440]) {
      await wait(at);
      const began = Date.now();
      await router.deadUpstream(1, true);
      const dead = await prober.until('line2', 'dead', began, 5000);
      tookMs.push(dead.at - began);
      await router.deadUpstream(1, false);
      await prober.until('line2', 'alive', dead.at, 5000);
    }
    await wait(3000);
    console.log(`silent line, FAST=yes: dead after ${tookMs.join(', ')} ms`);
    expect(Math.min(...tookMs)).toBeLessThan(1000);
    expect(Math.max(...tookMs)).toBeLessThan(1500);
    expect(prober.verdicts('line1')).toHaveLength(1);
  });
  console.log(`FAST=yes, 2 links: ${(cpu.share * 100).toFixed(2)} % of a core`);
});

test('one target down is no link down, and is told', async () => {
  await router.net.sh('ip addr del 203.0.113.12/32 dev lo');
  try {
    await withProber([`${ICMP} PROBE_INTERVAL=0.3 PROBE_TIMEOUT=0.5`], async (prober) => {
      const down = { target: 'icmp://203.0.113.12', ok: false };
      await lastRound(prober, 'line1', [{ ok: true }, { ok: true }, down]);
      await wait(2000);
      expect(prober.verdicts('line1').map(({ verdict }) => verdict)).toEqual(['alive']);
    });
  } finally {
    await router.net.sh('ip addr add 203.0.113.12/32 dev lo');
  }
});

test('sockets, too, go by their link or not at all: against main, a rule and the balance', async () => {
  await withProber([SOCKETS, SOCKETS, SOCKETS], async (prober) => {
    const good = [{ ok: true }, { ok: true }, { ok: true }];
    for (const link of ['line1', 'line2', 'line3']) await lastRound(prober, link, good);
    // Somebody's more specific route to a target, by another line.
    await router.rtr.sh('ip route add 203.0.113.12/30 dev ppp0; ip route add 203.0.113.14/32 dev ppp0');
    // And the user's own rule, for all that the router itself sends.
    await router.rtr.sh("mkdir -p /etc/wanhook/rules; printf 'IIF=lo\\nUSE=line1\\n' >/etc/wanhook/rules/10-own.env");
    await router.must('apply');
    await wait(1000);
    expect(await router.strays()).toEqual([]);
    for (const link of ['line2', 'line3']) await lastRound(prober, link, good);
    // The second line is silent: not one answer comes by another.
    const began = Date.now();
    await router.deadUpstream(1, true);
    await prober.until('line2', 'dead', began, 5000);
    await wait(500);
    const since = prober.rounds('line2').slice(-1);
    expect(since[0]!.results.map(({ ok }) => ok)).toEqual([false, false, false]);
    await router.deadUpstream(1, false);
    await prober.until('line2', 'alive', began, 8000);
    // Its way is gone, without a word: refused, not sent elsewhere.
    const wayless = Date.now();
    await router.rtr.sh('ip route flush table 20002');
    const dead = await prober.until('line2', 'dead', wayless, 5000);
    expect(dead.reason).toContain('no route to it');
    expect(await router.strays()).toEqual([]);
    await router.must('apply');
    await prober.until('line2', 'alive', wayless, 8000);
    await router.rtr.sh('ip route del 203.0.113.12/30 dev ppp0; ip route del 203.0.113.14/32 dev ppp0');
    // No port is held by what is over.
    const waiting = await router.rtr.sh('ss -Htan state time-wait');
    expect(waiting.split('\n').filter((line) => /:6[12]\d{3}\s/.test(line))).toEqual([]);
  });
  expect(await router.strays()).toEqual([]);
});

test('eight links every two seconds: less than one per cent of a core', async () => {
  const eight = await createRouter({ links: ['ppp', 'ppp', 'ppp', 'ppp', 'dhcp', 'dhcp', 'dhcp', 'dhcp'] });
  try {
    for (const line of eight.lines) await eight.up(line.index);
    const prober = await startProber(
      eight,
      eight.lines.map(() => ICMP),
    );
    await wait(42_000);
    expect(prober.verdicts('line8').map(({ verdict }) => verdict)).toEqual(['alive']);
    const { share, own, children, seconds, rssMb } = await prober.stop();
    const percent = (value: number) => `${(value * 100).toFixed(2)} %`;
    console.log(
      `8 links, 24 targets, every 2 s: ${percent(share)} of a core (Node.js ${percent(own / seconds)}, ` +
        `8 fping ${percent(children / seconds)}), ${rssMb.toFixed(0)} MB`,
    );
    // A machine that is busy with other things has slower cores.
    expect(share).toBeLessThan(0.02);
  } finally {
    await eight.destroy();
  }
});

test('a resolver that fails, a captive portal', async () => {
  await withProber([SOCKETS], async (prober) => {
    await router.net.sh('touch /run/servfail /run/portal');
    await lastRound(prober, 'line1', [
      { ok: true },
      { ok: false, why: 'answers SERVFAIL' },
      { ok: false, why: 'HTTP 302 to "http://login.example/": a captive portal?' },
    ]);
    await router.net.sh('rm /run/servfail /run/portal');
    await lastRound(prober, 'line1', [{ ok: true }, { ok: true }, { ok: true }]);
  });
});

const SECURE = `
const { readFileSync } = require('node:fs');
const [key, cert] = ['key', 'cert'].map((name) => readFileSync('/run/' + name));
require('node:https').createServer({ key, cert }, (request, response) => {
  response.writeHead(204);
  response.end();
}).listen(443, '0.0.0.0', () => console.log('ready'));
`;

test('HTTPS: the certificate must be that address’s', async () => {
  const cert = await router.net.sh(
    `openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout /run/key -out /run/cert -subj /CN=x \\
      -addext subjectAltName=IP:203.0.113.16 2>/dev/null; cat /run/cert`,
  );
  await router.net.spawn([process.execPath, '-e', SECURE]).waitLine(/ready/);
  await router.rtr.sh('cat >/run/cert', { stdin: cert });
  const keys = [`PROBE=https://203.0.113.16/generate_204,https://203.0.113.17/ ${SHORT}`];
  const portal = (code: string) => ({ ok: false, why: `its certificate is not valid (${code}): a captive portal?` });
  const trusted = { NODE_EXTRA_CA_CERTS: '/run/cert' };
  await withProber(
    keys,
    (prober) => lastRound(prober, 'line1', [{ ok: true }, portal('ERR_TLS_CERT_ALTNAME_INVALID')]),
    trusted,
  );
  const self = portal('DEPTH_ZERO_SELF_SIGNED_CERT');
  await withProber(keys, (prober) => lastRound(prober, 'line1', [self, self]));
});

test('nobody else’s ports are harmed: a server of the router’s own in that range', async () => {
  const port = 61_000 + 64 + 7;
  await router.serve('rtr', { tcp: [port] });
  const fromLan = await router.share({ from: 'lan', to: ['10.10.0.1'], port, count: 20 });
  expect(fromLan).toMatchObject({ sent: 20, ok: 20 });
  const fromNet = await router.share({ from: 'net', to: [router.lines[1]!.address], port, count: 20 });
  expect(fromNet).toMatchObject({ sent: 20, ok: 20 });
});

test('the gateway: by echo; by ARP where it answers none; a PPP peer that never did is not judged', async () => {
  const KEYS = 'PROBE=gateway PROBE_INTERVAL=0.3 PROBE_TIMEOUT=0.5';
  await withProber([KEYS, KEYS], async (prober) => {
    await lastRound(prober, 'line1', [{ target: 'gateway', ok: true }]);
    const began = Date.now();
    await router.deadGateway(0, true);
    await router.deadGateway(1, true);
    // It has answered before: now it is dead, whatever ARP says.
    await prober.until('line1', 'dead', began, 5000);
    await prober.until('line2', 'dead', began, 5000);
  });
  await withProber([KEYS, KEYS], async (prober) => {
    await lastRound(prober, 'line2', [{ target: 'gateway', ok: true }]);
    await wait(1000);
    expect(prober.rounds('line1')).toEqual([]);
    expect(prober.verdicts('line2').map(({ verdict }) => verdict)).toEqual(['alive']);
  });
  await router.deadGateway(0, false);
  await router.deadGateway(1, false);
});

/** The user's own table as long as it takes; a second try begins without. */
async function withUsersTable(chain: string, work: () => Promise<void>): Promise<void> {
  await router.rtr.sh(`nft 'table inet users { chain out { type filter hook output priority 0; ${chain}; }; }'`);
  try {
    await work();
  } finally {
    await router.rtr.sh('nft delete table inet users');
  }
}

test('probes that the router’s own firewall eats: no verdict on the link, and it is told', async () => {
  const KEYS = 'PROBE=icmp://203.0.113.10,dns://203.0.113.14/example.org PROBE_INTERVAL=0.5 PROBE_TIMEOUT=0.5';
  await withProber([KEYS], async (prober) => {
    await lastRound(prober, 'line1', [{ ok: true }, { ok: true }]);
    const why = 'refused by the firewall of this machine';
    await withUsersTable('meta l4proto { icmp, udp } drop', async () => {
      await lastRound(prober, 'line1', [
        { ok: false, unsent: true, why },
        { ok: false, unsent: true, why },
      ]);
      await wait(3000);
      const told = prober.verdicts('line1').at(-1)!;
      expect(told).toMatchObject({ verdict: 'alive' });
      expect(told.reason).toBe(
        `cannot tell: probes do not leave this machine (icmp://203.0.113.10: ${why}; dns://203.0.113.14/example.org: ${why})`,
      );
    });
    await lastRound(prober, 'line1', [{ ok: true }, { ok: true }]);
  });
});

test.each([
  ['drops', 'drop'],
  ['rejects', 'reject with tcp reset'],
])('TCP that the router’s own firewall %s: no verdict on the link, and it is told', async (_, verdict) => {
  const KEYS = 'PROBE=tcp://203.0.113.13:7000,http://203.0.113.15/generate_204 PROBE_INTERVAL=0.5 PROBE_TIMEOUT=0.5';
  await withProber([KEYS], async (prober) => {
    await lastRound(prober, 'line1', [{ ok: true }, { ok: true }]);
    const why = 'refused by the firewall of this machine';
    await withUsersTable(`meta l4proto tcp ${verdict}`, async () => {
      await lastRound(prober, 'line1', [
        { ok: false, unsent: true, why },
        { ok: false, unsent: true, why },
      ]);
      await wait(2000);
      expect(prober.verdicts('line1').map((told) => told.verdict)).not.toContain('dead');
      expect(prober.verdicts('line1').at(-1)?.reason).toMatch(/^cannot tell: probes do not leave this machine/);
    });
    await lastRound(prober, 'line1', [{ ok: true }, { ok: true }]);
    // A question of the last failed round may still be under way.
    const tables = () => router.rtr.sh('nft list tables');
    await expect.poll(tables, { timeout: 5000 }).not.toContain('wanhook_asked');
  });
});

test('a silent line behind the user’s own NAT is dead, not eaten', async () => {
  const KEYS = 'PROBE=tcp://203.0.113.13:7000 PROBE_INTERVAL=0.5 PROBE_TIMEOUT=0.5 FLAP_PENALTY=0';
  const at = [0, 1, 2];
  await withProber([KEYS, KEYS, KEYS], async (prober) => {
    for (const line of at) await lastRound(prober, `line${line + 1}`, [{ ok: true }]);
    const [one, two, three] = at.map((line) => router.lines[line]!.device);
    // An address that is not the line's would be dropped by our own table.
    await router.rtr.sh(`ip addr add 192.0.2.99/32 dev ${one}; nft 'table ip users {
      chain post { type nat hook postrouting priority 90; oifname ${one} snat to 192.0.2.99; oifname ${two} masquerade fully-random; }
      chain out { type filter hook output priority raw; oifname ${three} notrack; }
    }'`);
    const began = Date.now();
    for (const line of at) await router.deadUpstream(line, true);
    for (const line of at) await prober.until(`line${line + 1}`, 'dead', began, 10_000);
    for (const line of at) await router.deadUpstream(line, false);
    await router.rtr.sh(`nft delete table ip users; ip addr del 192.0.2.99/32 dev ${one}`);
  });
});

test('killed, it leaves no process behind', async () => {
  const prober = await startProber(router, [ICMP.replace(' ', ' PROBE_INTERVAL=0.2 ')]);
  await lastRound(prober, 'line1', [{ ok: true }, { ok: true }, { ok: true }]);
  const running = async () => (await router.rtr.run(['pgrep', '-x', 'fping'], { check: false })).stdout;
  expect(await running()).not.toBe('');
  await prober.process.kill('SIGKILL');
  await expect.poll(running, { timeout: 10_000 }).toBe('');
});

test('without fping: ping', async () => {
  await router.rtr.sh('rm /usr/bin/fping');
  await withProber([`${ICMP} PROBE_INTERVAL=0.5 PROBE_TIMEOUT=0.5`], async (prober) => {
    await lastRound(prober, 'line1', [{ ok: true }, { ok: true }, { ok: true }]);
    const began = Date.now();
    await router.deadUpstream(0, true);
    await prober.until('line1', 'dead', began, 5000);
    await router.deadUpstream(0, false);
    await prober.until('line1', 'alive', began, 8000);
  });
});
