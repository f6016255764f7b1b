/** What `wanhook explain` says, held to what traffic then does. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../../src/cli/explain-answer.ts';
import type { ShareOptions } from '../support/lab-traffic.ts';
import { applyRules } from '../support/router-rules.ts';
import { createRouter, type Router } from '../support/router.ts';

const [NEAR, FAR, NOWHERE] = ['203.0.113.10', '203.0.113.14', '203.0.113.15'];
const CLIENT = '10.10.0.2';
const OTHER = '10.10.0.3';

let router: Router;
let address: readonly string[] = [];
beforeAll(async () => {
  router = await createRouter({
    links: ['ppp', 'ppp', 'dhcp'],
    clients: 2,
    keys: [{ WEIGHT: 1 }, { WEIGHT: 2 }, { WEIGHT: 5 }],
  });
  for (const line of [0, 1, 2]) await router.up(line);
  address = router.lines.map((line) => line.address);
  await applyRules(
    router,
    {
      '10-far': `FROM=${CLIENT} SET=far USE=line3`,
      '20-exception': `FROM=${CLIENT} PROTO=udp USE=balance`,
      '30-client': `FROM=${CLIENT} USE=line2,line1`,
      '40-nowhere': `TO=${NOWHERE} USE=block`,
      '50-own': 'IIF=lo PROTO=udp USE=line1',
    },
    { far: FAR },
  );
});
afterAll(() => router.destroy());

const explain = async (...argv: string[]) => JSON.parse(await router.must('explain', '--json', ...argv)) as Answer;
const lineOf = (source: string) => `line${address.indexOf(source) + 1}`;

const cases: readonly (readonly [argv: string, want: Partial<Answer>, traffic: Partial<ShareOptions>])[] = [
  [`--from ${CLIENT} ${FAR}:7000`, { by: 'rule', rule: '10-far', verdict: 'link', table: '20003 (wan-line3)' }, { localAddresses: [CLIENT], to: [FAR] }],
  [`--from ${CLIENT} ${NEAR}:7000`, { by: 'rule', rule: '30-client', verdict: 'link', mark: '0x2000000/0x3f000000' }, { localAddresses: [CLIENT] }],
  [`--from ${CLIENT} --proto udp ${NEAR}:7000`, { by: 'rule', rule: '20-exception', verdict: 'balance' }, { localAddresses: [CLIENT], proto: 'udp' }],
  [`--from ${OTHER} ${NEAR}:7000`, { by: 'balance', rule: null, verdict: 'balance', table: '20000 (wan-balance)' }, { localAddresses: [OTHER] }],
  [`--from ${OTHER} ${NOWHERE}:7000`, { by: 'rule', rule: '40-nowhere', verdict: 'refused' }, { localAddresses: [OTHER], to: [NOWHERE] }],
  [`--proto udp ${NEAR}:7000`, { iif: 'lo', rule: '50-own', verdict: 'link' }, { from: 'rtr', proto: 'udp' }],
  [`--from 192.0.2.12 ${NEAR}:7000`, { iif: 'lo', by: 'source', verdict: 'link' }, { from: 'rtr', localAddresses: ['192.0.2.12'] }],
]; // prettier-ignore

test.each(cases)('%s', async (argv, want, traffic) => {
  const answer = await explain(...argv.split(' '));
  expect(answer).toMatchObject(want);
  const got = await router.share({ from: 'lan', count: 60, ...traffic });
  const lines = Object.keys(got.sources).map(lineOf).toSorted();
  expect(lines).toEqual(answer.links.map(({ name }) => name));
  if (answer.verdict === 'refused') expect(got.errors).toEqual({ ECONNREFUSED: 60 });
  else expect(got.ok).toBe(60);
});

test('the shares of the balance are the live group’s', async () => {
  const { links } = await explain('--from', OTHER, NEAR);
  expect(links).toEqual([
    { name: 'line1', share: 12.5 },
    { name: 'line2', share: 25 },
    { name: 'line3', share: 62.5 },
  ]);
});

test('what stays in the LAN is no link’s business', async () => {
  expect(await explain('10.10.0.2')).toMatchObject({
    by: 'main',
    verdict: 'local',
    links: [],
    route: '10.10.0.0/24 dev lan0 src 10.10.0.1',
  });
  expect(await explain('--from', OTHER, '10.10.0.1')).toMatchObject({ by: 'main', verdict: 'local' });
});

test('a connection that runs: its memory decides, whatever the rules say by now', async () => {
  await router.serve('net', { tcp: [7200] });
  const hold = await router.startHold({ from: 'lan', localAddresses: [CLIENT], port: 7200, count: 1, ms: 30_000 });
  const flow = await router.rtr.sh(`conntrack -L -p tcp --dport 7200 2>/dev/null`);
  const sport = /sport=(\d+)/.exec(flow)![1]!;
  const ask = ['--from', CLIENT, '--sport', sport, `${NEAR}:7200`];
  await router.rtr.sh('sed -i s/line2,line1/line1/ /etc/wanhook/rules/30-client.env');
  await router.must('apply');
  expect(await explain(...ask)).toMatchObject({
    by: 'memory',
    verdict: 'link',
    links: [{ name: 'line2' }],
    table: '20002 (wan-line2)',
  });
  expect(await explain('--from', CLIENT, `${NEAR}:7200`)).toMatchObject({
    rule: '30-client',
    links: [{ name: 'line1' }],
  });
  await hold.stop();
});

test('live: a link that has just died, before its hook; and after', async () => {
  await router.lineHangup(0);
  const before = await router.wanhook('explain', '--from', CLIENT, `${NEAR}:80`);
  // Another link takes over at once: the rule's only one is not up any more.
  expect(before.stderr).toMatch(/changes pending/);
  expect(before.stdout).toContain('rule 30-client: USE=line1: none is up, ELSE=balance');
  expect(before.stdout).toMatch(/link +line2 28.6%, line3 71.4%/);
  await router.ppp('ip-down', 0);
  await router.up(0);
  const text = await router.must('explain', '--from', CLIENT, `${NEAR}:80`);
  expect(text).toBe(`from     10.10.0.2 by lan0
to       203.0.113.10
decides  rule 30-client: USE=line1: the first that is up
mark     0x1000000/0x3f000000
table    20001 (wan-line1)
route    default dev ppp0 src 192.0.2.11
link     line1
`);
});
