/** BALANCE=client as traffic: every LAN client has one link, by load and weight, through deaths, changes and reboots. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../../src/cli/explain-answer.ts';
import { applyRules } from '../support/router-rules.ts';
import { createRouter, type LinkKeys, type Router } from '../support/router.ts';

let router: Router;
const CLIENT = { LAN: 'lan0', BALANCE: 'client' };
const keys: LinkKeys[] = [];
const WEIGHTS = [1, 2, 3];

beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 30 });
  router.lines.forEach(({ kind, device }, index) => {
    const identity = kind === 'ppp' ? { PPP_IPPARAM: `line${index + 1}` } : { DEVICE: device };
    keys.push({ ID: index + 1, WEIGHT: WEIGHTS[index]!, ...identity });
  });
  await router.configure(keys, CLIENT);
  for (const { index } of router.lines) await router.up(index);
});
/** Nobody is known: the table, the record and what is saved are gone. */
beforeEach(async () => {
  await router.must('stop');
  await router.rtr.sh('rm -rf /var/lib/wanhook /etc/wanhook/clients');
  await router.configure(keys, CLIENT);
  await router.must('apply');
});
afterEach(async () => expect(await router.strays()).toEqual([]));
afterAll(() => router.destroy());

/** Each of these clients connects `times` times to each of two servers; the line of each (they must have one). */
async function speak(clients = router.clients, times = 1): Promise<Record<string, number>> {
  const to = router.servers.slice(0, 2);
  const count = clients.length * to.length * times;
  const seen = await router.share({ from: 'lan', localAddresses: clients, to, count, concurrency: 1 });
  expect(seen).toMatchObject({ ok: count, errors: {} });
  return Object.fromEntries(
    Object.entries(seen.byClient).map(([client, sources]) => {
      const lines = Object.keys(sources).map((source) => router.lines.findIndex(({ address }) => address === source));
      expect(lines, client).toHaveLength(1);
      return [client, lines[0]!];
    }),
  );
}

const counts = (got: Record<string, number>) =>
  router.lines.map(({ index }) => Object.values(got).filter((line) => line === index).length);

interface Row {
  readonly client: string;
  readonly link: string | null;
  readonly home: string | null;
  readonly why: string;
}
const explain = async (...argv: string[]) => JSON.parse(await router.must('explain', '--json', ...argv)) as Answer;
const listed = async () => JSON.parse(await router.must('clients', '--json')) as Row[];

test('thirty clients at weights 1:2:3 are 5:10:15, and stay', async () => {
  const got = await speak();
  expect(counts(got)).toEqual([5, 10, 15]);
  expect(await speak(router.clients, 2)).toEqual(got);
  const rows = await listed();
  expect(Object.fromEntries(rows.map(({ client, link }) => [client, Number(link!.slice(-1)) - 1]))).toEqual(got);
  expect(new Set(rows.map(({ why }) => why))).toEqual(new Set(['had the fewest clients for its weight']));
  expect(await router.plan(), 'what has come as prepared needs no new order').toEqual([]);
});

test('three hundred clients at weights 1:2:4, with nothing happening meanwhile: nobody is more than one away', async () => {
  await router.configure(
    keys.map((each, n) => ({ ...each, WEIGHT: [1, 2, 4][n]! })),
    CLIENT,
  );
  await router.must('apply');
  const many = Array.from({ length: 300 }, (_, n) => `10.11.${n >> 7}.${1 + (n & 127)}`);
  await router.lan.sh(`ip -batch - <<'IP'\n${many.map((each) => `addr add ${each}/32 dev eth0`).join('\n')}\nIP`);
  await router.rtr.run(['ip', 'route', 'add', '10.11.0.0/16', 'dev', 'lan0']);
  const got = await speak(many);
  const away = counts(got).map((count, n) => Math.abs(count - (300 * [1, 2, 4][n]!) / 7));
  expect(Math.max(...away), counts(got).join(':')).toBeLessThan(1);
  await router.lan.sh(`ip -batch - <<'IP'\n${many.map((each) => `addr del ${each}/32 dev eth0`).join('\n')}\nIP`);
  await router.rtr.run(['ip', 'route', 'del', '10.11.0.0/16', 'dev', 'lan0']);
});

test('what a rule steers binds nobody', async () => {
  await router.serve('net', { tcp: [7002] });
  await applyRules(router, { '10-one': 'DPORT=7002 USE=line3' });
  const seen = await router.share({ from: 'lan', localAddresses: router.clients, count: 30, port: 7002 });
  expect(seen).toMatchObject({ ok: 30 });
  expect(await listed()).toEqual([]);
  expect(counts(await speak())).toEqual([5, 10, 15]);
  await applyRules(router, {});
});

test('explain: whose link, and why; the router’s own connections are no client’s', async () => {
  await router.rtr.sh(`mkdir -p /etc/wanhook/clients; cd /etc/wanhook/clients
    printf 'CLIENT=10.10.0.8/29\\nLINK=line1\\n' >room.env`);
  await router.configure(keys, { ...CLIENT, REBALANCE: 'gradual' });
  await router.must('apply');
  const ask = (from: string) => explain('--from', from, '203.0.113.10:80');
  expect(await ask('10.10.0.2')).toMatchObject({
    by: 'client',
    verdict: 'balance',
    why: 'it has no link yet; the one with the fewest clients for its weight, most likely line3',
  });
  expect(await ask('10.10.0.9')).toMatchObject({ by: 'client', links: [{ name: 'line1' }], why: 'fixed by clients/room.env' }); // prettier-ignore
  const got = await speak();
  for (const client of ['10.10.0.2', '10.10.0.20', '10.10.0.31']) {
    const answer = await ask(client);
    expect(answer).toMatchObject({ by: 'client', verdict: 'link', links: [{ name: `line${got[client]! + 1}` }] });
    expect(answer.why).toMatch(/^had the fewest clients for its weight; its last new connection was \d+ s ago$/);
  }
  const lost = Object.keys(got).find((client) => got[client] === 1)!;
  await router.down(1);
  expect((await ask(lost)).why).toMatch(/^line2 takes no connections: its next one chooses; .* most likely line\d$/);
  const [moved] = Object.values(await speak([lost]));
  await router.up(1);
  expect(await ask(lost)).toMatchObject({ by: 'client', links: [{ name: `line${moved! + 1}` }] });
  expect((await ask(lost)).why).toMatch(/^was sent away from line2 while that was down/);
  expect(await explain('203.0.113.10:80')).toMatchObject({ by: 'balance', iif: 'lo' });
});

test('never: a dead link’s clients, and only they, are spread by load, and stay there', async () => {
  const before = await speak();
  await router.down(0);
  const moved = await speak();
  expect(counts(moved)).toEqual([0, 12, 18]);
  for (const client of router.clients.filter((each) => before[each] !== 0)) expect(moved[client]).toBe(before[client]);
  await router.up(0);
  expect(await speak()).toEqual(moved);
});

test('clients that come after a link’s return go where there is room', async () => {
  const [early, late] = [router.clients.slice(0, 24), router.clients.slice(24)];
  await speak(early);
  await router.down(0);
  expect(counts(await speak(early))).toEqual([0, 10, 14]);
  await router.up(0);
  expect(counts(await speak(late)), 'five to the empty link').toEqual([5, 0, 1]);
});

test('return: they come back with their next connection, and running connections stay', async () => {
  await router.configure(keys, { ...CLIENT, REBALANCE: 'return' });
  await router.must('apply');
  const before = await speak();
  await router.down(2);
  const moved = await speak();
  expect(counts(moved)).toEqual([10, 20, 0]);
  const held = await router.startHold({ from: 'lan', count: 30, ms: 20_000, localAddresses: router.clients });
  await router.up(2);
  expect((await listed()).filter(({ link, home }) => link !== home)).toEqual([]);
  expect(await speak()).toEqual(before);
  expect(await held.stop()).toMatchObject({ survived: 30, broken: 0, stalled: 0, sourcesConstant: true });
});

test('gradual: they come back once they have been quiet', async () => {
  await router.configure(keys, { ...CLIENT, REBALANCE: 'gradual', REBALANCE_QUIET: 3 });
  await router.must('apply');
  const before = await speak();
  await router.down(1);
  const moved = await speak();
  expect(counts(moved)[1]).toBe(0);
  await router.up(1);
  expect(await speak()).toEqual(moved);
  const away = (await listed()).filter(({ link, home }) => link !== home);
  expect(away).toHaveLength(10);
  expect(away[0]!.why).toBe('was sent away from line2 while that was down');
  await new Promise((resolve) => setTimeout(resolve, 4000));
  expect(await speak()).toEqual(before);
});

test('stop and apply, a lost table, a reboot and a change of modes forget nobody', async () => {
  const before = await speak();
  await router.must('stop');
  await router.must('apply');
  expect(await speak(), 'stop and apply').toEqual(before);
  await router.rtr.run(['nft', 'delete', 'table', 'inet', 'wanhook_memory']);
  await router.must('apply');
  expect(await speak(), 'a lost table').toEqual(before);
  await router.rtr.sh('nft flush ruleset; rm -rf /run/wanhook');
  await router.must('apply');
  await router.ppp('ip-up', 0);
  await router.ppp('ip-up', 1);
  expect(await speak(), 'a reboot').toEqual(before);
  const held = await router.startHold({ from: 'lan', count: 30, ms: 20_000, localAddresses: router.clients });
  for (const BALANCE of ['pair', 'flow', 'client', 'flow', 'pair', 'client']) {
    await router.configure(keys, { ...CLIENT, BALANCE });
    await router.must('apply');
    expect(await router.plan(), BALANCE).toEqual([]);
  }
  expect(await speak(), 'other modes').toEqual(before);
  expect(await held.stop()).toMatchObject({ survived: 30, broken: 0, stalled: 0, sourcesConstant: true });
});

test('fixed by prefix, by address and by MAC address; while the link is down like any other', async () => {
  await router.rtr.sh(`mkdir -p /etc/wanhook/clients; cd /etc/wanhook/clients
    printf 'CLIENT=10.10.0.8/29\\nLINK=line1\\n' >room.env
    printf 'CLIENT=10.10.0.10\\nLINK=line2\\n' >nas.env`);
  await router.must('apply');
  const room = ['10.10.0.8', '10.10.0.9', '10.10.0.11', '10.10.0.15'];
  const got = await speak(['10.10.0.10', ...room, '10.10.0.16', '10.10.0.17', '10.10.0.18']);
  expect(room.map((client) => got[client])).toEqual([0, 0, 0, 0]);
  expect(got['10.10.0.10']).toBe(1);
  expect((await listed()).find(({ client }) => client === '10.10.0.10')?.why).toBe('fixed by clients/nas.env');
  await router.down(0);
  const moved = await speak(room);
  expect(Object.values(moved)).not.toContain(0);
  await router.up(0);
  expect(new Set(Object.values(await speak(room))), 'back where they belong').toEqual(new Set([0]));
  const mac = /[0-9a-f:]{17}/.exec(await router.lan.sh('cat /sys/class/net/eth0/address'))![0];
  await router.rtr.sh(`printf 'CLIENT=${mac.toUpperCase()}\\nLINK=line3\\n' >/etc/wanhook/clients/phone.env`);
  await router.must('apply');
  expect(counts(await speak())).toEqual([0, 0, 30]);
  const why = `fixed by clients/phone.env (MAC ${mac})`;
  expect(new Set((await listed()).map((row) => row.why))).toEqual(new Set([why]));
  expect(await explain('--from', router.clients[0]!, '203.0.113.10')).toMatchObject({
    by: 'client',
    links: [{ name: 'line3' }],
    why: expect.stringMatching(
      /^fixed by clients\/phone\.env \(MAC .*\); its last new connection was \d+ s ago$/,
    ) as string,
  });
});

test('foreign bits of the packet’s mark stay, and clients are bound all the same', async () => {
  await router.rtr.sh(`nft -f - <<'NFT'
table inet foreign {
  counter lost {}
  chain raw { type filter hook prerouting priority raw; iifname lan0 meta mark set 0x00000a01; }
  chain late { type filter hook postrouting priority 0; meta nfproto ipv4 iifname lan0 meta mark & 0xc0ffffff != 0x00000a01 counter name lost; }
}
NFT`);
  const got = await speak();
  expect(counts(got)).toEqual([5, 10, 15]);
  expect(await router.rtr.sh('nft list counter inet foreign lost')).toContain('packets 0 ');
  await router.rtr.run(['nft', 'delete', 'table', 'inet', 'foreign']);
  expect(await speak()).toEqual(got);
});
