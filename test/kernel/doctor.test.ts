/** `wanhook doctor` in a router: what it says before and after somebody gets in our way; and that it changes nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../src/doctor/facts.ts';
import type { Managed } from '../../src/doctor/doctor.ts';
import { createRouter, type Router } from '../support/router.ts';

let router: Router;
beforeAll(async () => {
  router = await createRouter({ links: ['ppp', 'dhcp'] });
  for (const line of [0, 1]) await router.up(line);
});
afterAll(() => router.destroy());

interface Report {
  readonly links: readonly Managed[];
  readonly findings: readonly Finding[];
}
const look = async () => {
  const { code: exit, stdout } = await router.wanhook('doctor', '--json');
  const report = JSON.parse(stdout) as Report;
  const severities = report.findings.map(({ severity }) => severity);
  const code = severities.includes('error') ? 2 : Number(severities.includes('warning'));
  expect(exit).toBe(code);
  return report;
};
/** What this machine has, or lacks, besides: not the router's affair. */
let before: readonly string[] = [];

test('a router that works: nothing about its routing, and nothing changed', async () => {
  const snapshot = await router.snapshot();
  const { links, findings } = await look();
  before = findings.map(({ about }) => about);
  expect(links).toEqual([
    { link: 'line1', device: router.lines[0]!.device, clients: [] },
    { link: 'line2', device: router.lines[1]!.device, clients: [] },
  ]);
  expect(findings.filter(({ about }) => /^(?:rule|table|nexthop|flowtable|routing|link line2)/.test(about))).toEqual(
    [],
  );
  expect(await router.snapshot()).toEqual(snapshot);
});

test('everything that is in our way, each with its mend', async () => {
  await router.rtr.sh(
    `ip rule add pref 10 lookup 100
    ip rule add pref 30000 fwmark 0x1 lookup 100
    ip route add 10.77.0.0/16 dev lan0 table 20001
    nft add table ip others
    nft add chain ip others last '{ type filter hook postrouting priority 300 ; }'
    nft add rule ip others last meta mark set 0x1
    sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.${router.lines[0]!.device}.rp_filter=0`,
  );
  const { findings } = await look();
  const found = findings
    .filter(({ about }) => !before.includes(about))
    .map(({ severity, about }) => `${severity} ${about}`);
  expect(found.toSorted()).toEqual([
    `error ${router.lines[0]!.device}`,
    'error rule 10: from all lookup 100',
    'warning ip others last handle 2',
    'warning routing',
    'warning rule 30000: from all fwmark 0x1 lookup 100',
    'warning table 20001: 10.77.0.0/16 dev lan0 scope 253',
  ]);
});

test('for people: one line what, one line how', async () => {
  const { stdout } = await router.wanhook('doctor');
  expect(stdout).toMatch(
    /^error: rule 10: from all lookup 100: takes every connection before wanhook sees it\n {2}mend: \S/m,
  );
  expect(stdout).toMatch(/^LINK +DEVICE +MANAGED BY\nline1 .* nobody\n/);
});

test('what kernel and tools lack is found by trying, whatever version they say they have', async () => {
  const REFUSING = `case " $* " in *" -V "*) ;; *nexthop*) echo 'Object "nexthop" is unknown, try "ip help".' >&2; exit 1 ;;
    *managed*) echo 'Error: either "to" is duplicate, or "managed" is a garbage.' >&2; exit 255 ;; esac
exec "$REAL" "$@"`;
  const lacks = async () =>
    (await look()).findings.filter(({ about }) => about === 'kernel').map(({ problem }) => problem);
  expect((await lacks()).filter((problem) => /nexthop|managed/.test(problem))).toEqual([]);
  await router.fake('ip', REFUSING);
  await router.wanhook('apply');
  const lacking = await lacks();
  expect(lacking).toContainEqual(expect.stringMatching(/^has no nexthop objects .*: nothing of wanhook works$/));
  await router.fake('ip', REFUSING.replace('*nexthop*', 'never'));
  await router.must('apply');
  expect(await lacks()).toContainEqual(expect.stringMatching(/^has no "managed" neighbours/));
  await router.fake('ip', undefined);
  await router.must('apply');
});

test('a broken configuration is told with file and line, among the rest', async () => {
  await router.configure([{ ID: 99, DEVICE: 'ppp0' }]);
  const { findings } = await look();
  expect(findings).toContainEqual(
    expect.objectContaining({ severity: 'error', about: expect.stringMatching(/line1\.env:\d+$/) as string }),
  );
});
