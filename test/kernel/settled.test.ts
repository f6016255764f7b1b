/** A hook that is told what it was told before, and finds all as it was, is done before its bundle is loaded; otherwise never. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { configure, install, overlayDirs, wanhook } from '../demo/router.ts';
import { createLab, type Lab } from '../support/lab.ts';

const UP = '/etc/ppp/ip-up.d/wanhook';
const LINKS = '/etc/wanhook/links';
const STATE = '/run/wanhook';
const HOOKS = '/usr/lib/wanhook/hooks';

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ links: ['ppp', 'ppp'], overlay: overlayDirs() });
  await install(lab);
  for (const n of [0, 1]) await lab.lineUp(n);
  await setUp();
});
afterAll(() => lab.destroy());
beforeEach(async () => {
  await wanhook(lab, 'apply');
  for (const n of [0, 1, 0, 1]) await hook(n);
});

async function setUp(): Promise<void> {
  const keys = (n: number) => [`dsl${n}`, [`ID=${n + 1}`, `PPP_IPPARAM=dsl${n}`, 'PROBE=none']] as const;
  await configure(lab, Object.fromEntries([0, 1].map(keys)));
  await lab.rtr.sh(`mkdir -p ${LINKS}/../clients`);
  await waitForClock();
}
/** Not for ever. */
const until = (condition: string) => `for _ in $(seq 150); do ${condition} && break; sleep 0.1; done`;
/** Files that were changed a moment ago may be changed once more without a trace. */
const waitForClock = () => lab.rtr.sh('sleep 2.1');

const words = (n: number, address = lab.lines[n]!.address) => `ppp${n} eth0 0 ${address} 192.0.2.254 dsl${n}`;
const touched = (path: string) => lab.rtr.sh(`stat -c %y ${STATE}/${path} 2>&1 || :`);
/** What takes the lock drops its event first; what has decided without keeps that. Both show. */
async function hook(n: number, address?: string): Promise<'settled' | 'decided, nothing new' | 'decided'> {
  const [events, kept] = [await touched('events'), await touched('settled')];
  await lab.rtr.sh(`env -i ${UP} ${words(n, address)}`);
  if ((await touched('events')) !== events) return 'decided';
  return (await touched('settled')) === kept ? 'settled' : 'decided, nothing new';
}
const plan = async () => (await lab.rtr.run(['/usr/sbin/wanhook', 'plan'], { check: false })).stdout;

test('each line’s hook, again and again, also while lifetimes run off', async () => {
  expect([await hook(0), await hook(1), await hook(0)]).toEqual(['settled', 'settled', 'settled']);
  await lab.rtr.sh('ip addr add 198.51.100.77/32 dev lan0 valid_lft 1000 preferred_lft 900');
  expect([await hook(0), await hook(0)]).toEqual([NOTHING_NEW, 'settled']);
  await lab.rtr.sh('sleep 1.1');
  expect(await hook(0)).toBe('settled');
  expect(await lab.rtr.sh(`ls ${STATE} | grep -c look || :`)).toBe('0\n');
  await lab.rtr.sh('ip addr del 198.51.100.77/32 dev lan0');
});

const NOTHING_NEW = 'decided, nothing new';
/** The bundle decides, and finds kept what it would keep. */
const KEPT = 'settled';

test.each<[what: string, change: string, how?: string]>([
  ['a rule of ours is gone', 'ip rule del pref 20300'],
  ['our table is gone', 'nft delete table inet wanhook'],
  ['an element of a set is gone', 'nft delete element inet wanhook wan "{ ppp0 }"'],
  ['a route is gone', 'ip route flush table 20001'],
  ['a weight in the group is another', 'ip nexthop replace id 20999 group 20001,9/20002,1 proto 201'],
  ['a sysctl is another', 'echo 1 >/proc/sys/net/ipv4/conf/ppp0/rp_filter'],
  ['the record is lost', `rm ${STATE}/state.json`],
  ['the record is damaged', `echo '{' >${STATE}/state.json`],
  ['another version is installed', `cp -p ${HOOKS}/ip-up.cjs /run/; mv /run/ip-up.cjs ${HOOKS}/`],
  ['half of an upgrade is installed', `mv ${HOOKS}/settled.cjs /run/`, KEPT],
  ['it is installed again', `mv /run/settled.cjs ${HOOKS}/; ip rule del pref 20300`],
  ['the last good configuration is lost', `rm ${STATE}/config.json`],
  ['what health.sh reads is lost', `rm ${STATE}/health`],
  ['hooks can drop nothing', `rmdir ${STATE}/hooks`],
  ['a run that changed something was killed', `: >${STATE}/changes`],
  ['what was kept is damaged', `sed -i '2s/.*/[/' ${STATE}/settled`, NOTHING_NEW],
  ['what was kept is half', `sed -i '2s/.*/{"look":""}/' ${STATE}/settled`, NOTHING_NEW],
  [
    'what was kept begins with a line that no process can be given',
    `{ head -c 200000 /dev/zero | tr '\\0' x; cat ${STATE}/settled; } >/run/long; cat /run/long >${STATE}/settled`,
    NOTHING_NEW,
  ],
  ['what was kept is of another change', `sed -i '1s/^/1/' ${STATE}/settled`, NOTHING_NEW],
])('decided anew, and put right, when %s', async (what, change, how = 'decided') => {
  if (what !== 'it is installed again') expect(await hook(0)).toBe('settled');
  await lab.rtr.sh(change);
  expect(await hook(0)).toBe(how);
  expect(await plan()).toBe('');
  // Of a bundle that is as young nothing is kept.
  if (what === 'another version is installed') await waitForClock();
});

test('a look that hangs costs its limit once, and what the hook was told is written down long before', async () => {
  const began = performance.now();
  const waiting = lab.rtr.sh(`sleep 5; ls ${STATE}/events | wc -l`);
  await lab.rtr.sh(
    `nft=$(readlink -f /usr/sbin/nft); cp $nft /run/nft.real; cat >/run/nft; chmod 755 /run/nft
    mount --bind /run/nft $nft; env -i ${UP} ${words(0)}; umount $nft`,
    {
      stdin: '#!/bin/sh\n[ ! -e /run/hung ] || exec /run/nft.real "$@"\n: >/run/hung; exec sleep 60\n',
    },
  );
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(await waiting).toBe('1\n');
  expect(await plan()).toBe('');
});

test('what is kept is kept once, and is not long', async () => {
  const kept = async () => JSON.parse(await lab.rtr.sh(`sed 1d ${STATE}/settled`)) as { hooks: string[] };
  await lab.rtr.sh(`: >${STATE}/hooks/junk`);
  expect([await hook(0), await hook(0), await hook(0)]).toEqual(['decided', 'decided', 'decided']);
  await lab.rtr.sh(`rm ${STATE}/hooks/junk`);
  expect((await kept()).hooks).toHaveLength(2);
  await lab.rtr.sh(`env -i ${UP} ${words(0)} ${'x'.repeat(5000)}`);
  expect((await kept()).hooks).toHaveLength(2);
});

test('decided anew when it says something else, or when another’s word waits', async () => {
  expect(await hook(0, '198.51.100.9')).toBe('decided');
  await lab.rtr.sh(`printf '%s\\0' ip-down 6 ${words(1)} . >${STATE}/hooks/1-1`);
  expect(await hook(0)).toBe('decided');
});

test('a directory that others may write is told, whatever it says', async () => {
  await lab.rtr.sh(`printf '#!/bin/sh\ncat >>/run/syslog\n' >/run/logger; chmod 755 /run/logger
    mount --bind /run/logger /usr/bin/logger
    chmod 777 ${STATE}; env -i ${UP} ${words(0)}; chmod 700 ${STATE}
    umount /usr/bin/logger`);
  expect(await lab.rtr.sh('cat /run/syslog')).toContain(`will not use ${STATE}`);
});

test('whoever has the lock may be about to change what was seen: then it is waited for', async () => {
  await lab.rtr.sh(`rm ${STATE}/settled; ln -s 99999999.1.1 ${STATE}/lock`);
  expect([await hook(0), await hook(0), await hook(0)]).toEqual(['decided', 'settled', 'settled']);
  const holder = lab.rtr.sh(`ln -s $$.$(cut -d' ' -f22 /proc/$$/stat).1 ${STATE}/lock
    ${until(`[ -n "$(ls ${STATE}/events)" ]`)}
    rm ${STATE}/lock`);
  await lab.rtr.sh(until(`[ -L ${STATE}/lock ]`));
  expect(await hook(0)).toBe('decided');
  await holder;
  expect(await plan()).toBe('');
});

test('a trial ends by the clock: nothing is kept meanwhile', async () => {
  await wanhook(lab, 'try', '--confirm', '60');
  await waitForClock();
  expect([await hook(0), await hook(0), await hook(0)]).toEqual(['decided', 'decided', 'decided']);
  await wanhook(lab, 'confirm');
});

test('a configuration that another hook has parsed counts while every file is as it was', async () => {
  const weights = () => lab.rtr.sh('ip nexthop show id 20999');
  await lab.rtr.sh(`rm ${STATE}/settled`);
  expect(await hook(0)).toBe(NOTHING_NEW);
  expect(await lab.rtr.sh(`cat ${STATE}/ip-up.config`)).toContain('"weight":1');
  const edit = (weight: number) =>
    lab.rtr.sh(`printf 'ID=1\nPPP_IPPARAM=dsl0\nPROBE=none\nWEIGHT=${weight}\n' >${LINKS}/dsl0.env`);
  for (const weight of [5, 7]) {
    await edit(weight);
    await hook(0);
    expect(await weights()).toContain(`20001,${weight}/`);
  }
  await waitForClock();
  await hook(0);
  await lab.rtr.sh(
    `sed -i 's/"weight":7/"weight":9/' ${STATE}/ip-up.config; cp -p ${HOOKS}/ip-up.cjs /run/; mv /run/ip-up.cjs ${HOOKS}/`,
  );
  await hook(0);
  expect(await weights()).toContain('20001,7/');
  await edit(1);
  await waitForClock();
});

test.each([
  ['a key is edited in place, to one of the same length', `sed -i 's/ID=2/ID=3/' ${LINKS}/dsl1.env`],
  ['a line has a file', `printf 'ID=7\\nDEVICE=eth7\\n' >${LINKS}/new.env`],
  ['a line has none any more', `rm ${LINKS}/new.env ${LINKS}/dsl1.env`],
  ['others may write a file', `chmod 666 ${LINKS}/dsl0.env`],
])('decided anew when %s', async (_, change) => {
  expect(await hook(0)).toBe('settled');
  await lab.rtr.sh(change);
  expect([await hook(0), await hook(0)]).toEqual(['decided', 'decided']);
  await lab.rtr.sh(`chmod 644 ${LINKS}/dsl0.env`);
  await waitForClock();
});
