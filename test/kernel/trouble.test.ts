/** Missing tools, a full disk, broken files, hostile words: the command says so, hooks exit 0, routing stays as it was. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

let router: Router;
beforeEach(async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'], clients: 2 });
  for (const { index } of router.lines) await router.up(index);
});
afterEach(async () => {
  try {
    expect(await router.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});

/** New connections from the LAN and the router complete, on exactly this many lines. */
async function expectTraffic(lines: number): Promise<void> {
  for (const from of ['lan', 'rtr'] as const) {
    const got = await router.share({ from, count: 90 });
    expect(got).toMatchObject({ ok: 90, errors: {} });
    expect(Object.keys(got.sources)).toHaveLength(lines);
  }
}

/** The last thing that a person looking for the reason would find. */
const lastError = async () => (await router.journal()).findLast(({ error }) => error !== undefined)?.error;

describe('with something missing or broken', () => {
  /** `ip` without nexthop objects, as before iproute2 5.3: it says so, and stops its batch there. */
  const OLD_IP = `input=
case " $* " in *" -batch "*) input=$(cat) ;; esac
case "$* $input" in *nexthop*) echo 'Object "nexthop" is unknown, try "ip help".' >&2; echo 'Command failed -:4' >&2; exit 1 ;; esac
exec "$REAL" "$@" <<<"$input"`;
  const OLD_KERNEL = `input=
case " $* " in *" -batch "*) input=$(cat) ;; esac
case "$* $input" in *nexthop*) echo 'RTNETLINK answers: Operation not supported' >&2; echo 'Dump terminated' >&2; exit 2 ;; esac
exec "$REAL" "$@" <<<"$input"`;
  /** A copy of the state on a file system of its own, with no room left: for bytes, or for files. */
  const full = (options: string, fill: string) => `cp -a /run/wanhook /run/kept
mount -t tmpfs -o ${options} full /run/wanhook; cp -a /run/kept/. /run/wanhook/; cd /run/wanhook; ${fill} 2>/dev/null || :`;
  const NO_BYTES = full('size=64k', 'cat /dev/zero >fill');
  const NO_FILES = full('nr_inodes=16', 'for n in $(seq 20); do touch fill$n; done');
  const UNMOUNT = 'umount -l /run/wanhook';

  interface Broken {
    readonly name: string;
    readonly breaks: string | (() => Promise<void>);
    readonly mends: string | (() => Promise<void>);
    readonly says: RegExp;
    /** Not even the event could be kept for later. */
    readonly forgets?: true;
  }
  const broken: readonly Broken[] = [
    {
      name: 'no nft',
      breaks: 'rm /usr/sbin/nft',
      mends: () => router.fake('nft', undefined),
      says: /cannot find the command "nft" in .*: install the package nftables/,
    },
    {
      name: 'an nft that fails without a word',
      breaks: () => router.fake('nft', 'exit 1'),
      mends: () => router.fake('nft', undefined),
      says: /nft: exit code 1/,
    },
    {
      name: 'an nft that the kernel refuses',
      breaks: () =>
        router.fake('nft', 'echo "netlink: Error: cache initialization failed: Operation not permitted" >&2; exit 1'),
      mends: () => router.fake('nft', undefined),
      says: /nft: .*Operation not permitted/,
    },
    {
      name: 'an ip without nexthop objects',
      breaks: () => router.fake('ip', OLD_IP),
      mends: () => router.fake('ip', undefined),
      says: /no nexthop objects \(Linux 5\.3 and iproute2 5\.3 or later are needed\): Object "nexthop" is unknown/,
    },
    {
      name: 'a kernel without nexthop objects',
      breaks: () => router.fake('ip', OLD_KERNEL),
      mends: () => router.fake('ip', undefined),
      says: /no nexthop objects .*Operation not supported/,
    },
    {
      name: 'an ip that prints rubbish',
      breaks: () => router.fake('ip', 'echo "[{"; exit 0'),
      mends: () => router.fake('ip', undefined),
      says: /cannot understand|JSON/,
    },
    {
      name: 'an ip that is no program',
      breaks: 'printf "\\0\\0" >/usr/sbin/ip.new; chmod 755 /usr/sbin/ip.new; mv /usr/sbin/ip.new /usr/sbin/ip',
      mends: () => router.fake('ip', undefined),
      says: /cannot (run|understand)/,
    },
    { name: 'a full disk', breaks: NO_BYTES, mends: UNMOUNT, says: /cannot write .*ENOSPC/, forgets: true },
    { name: 'a disk without room for another file', breaks: NO_FILES, mends: UNMOUNT, says: /ENOSPC/, forgets: true },
    {
      name: 'a state that is a directory',
      breaks: 'cd /run/wanhook; mv state.json kept; mkdir state.json',
      mends: 'cd /run/wanhook; rmdir state.json; mv kept state.json',
      says: /cannot read \/run\/wanhook\/state\.json/,
    },
  ];

  test.each(broken)('$name: a line drops and another is to come up', async ({ breaks, mends, says, forgets }) => {
    await router.down(1);
    const run = async (what: Broken['breaks']) => {
      if (typeof what === 'string') await router.rtr.sh(what);
      else await what();
    };
    await run(breaks);
    await router.lineHangup(0);
    await router.lineUp(1, { address: '192.0.2.44' });
    const before = await router.snapshot();

    for (const argv of [['apply'], ['event', 'down', 'eth1']]) {
      const { code, stdout, stderr } = await router.wanhook(...argv);
      expect([argv, code, stdout]).toEqual([argv, 1, '']);
      expect(stderr).toMatch(says);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toMatch(/^wanhook: /);
    }
    // Hooks exit 0 in silence, which `ppp` and `dhclient` check; syslog has the reason.
    await router.rtr.sh('rm -f /run/syslog');
    await router.ppp('ip-down', 0);
    await router.ppp('ip-up', 1);
    await router.dhclient('RENEW', 2);
    expect(await router.syslog()).toMatch(says);
    expect(await router.syslog()).toContain('-t wanhook -p daemon.err');
    expect(await router.snapshot()).toBe(before);
    await expectTraffic(1);

    await run(mends);
    // The event given by hand above may have been kept: it was asked for.
    await router.dhclient('BOUND', 2);
    await router.must('apply');
    if (forgets === true) await router.must('event', 'up', 'ppp1');
    expect(await router.plan()).toEqual([]);
    await expectTraffic(2);
    await router.up(0);
    await expectTraffic(3);
  });

  test('what a command prints cannot be written: it fails and says so; a reader that has seen enough is none', async () => {
    const run = async (words: string, to: string) => {
      const command = `node /usr/lib/wanhook/wanhook.cjs ${words} 2>/run/err ${to}; echo "\${PIPESTATUS[0]}"; cat /run/err`;
      return (await router.rtr.run(['bash', '-c', command])).stdout;
    };
    const said = /^1\nwanhook: cannot write to standard output: ENOSPC[^\n]*\n$/;
    for (const words of ['status', 'status --json', '--help', '--version']) {
      expect(await run(words, '>/dev/full')).toMatch(said);
    }
    expect(await run('status', '| sleep 0')).toBe('0\n');
    expect(await run('status', '| head -n 1 >/dev/null')).toBe('0\n');
    expect(await run('status', '>/dev/null')).toBe('0\n');
    expect(await run('no-such-command', '2>/dev/full')).toMatch(/^2\n/);
    // What it did is done, and told: the exit code is of the words, not of the routing.
    await router.rtr.sh('ip rule del pref 20300');
    expect(await run('apply', '>/dev/full')).toMatch(said);
    expect(await router.plan()).toEqual([]);
  });

  test('a broken configuration: the command tells all of it at once, hooks go on with the last good one', async () => {
    await router.rtr.sh(`cd /etc/wanhook; cp -a . /run/etc
      echo 'WEIGTH=3' >>links/line1.env; echo 'WEIGHT=900' >>links/line2.env; echo 'ID=1' >links/line3.env
      echo 'TABLE_BASE=twenty' >>wanhook.env; head -c 100 /dev/urandom >links/noise.env; mkdir links/dir.env`);
    const before = await router.snapshot();
    for (const argv of [['apply'], ['plan'], ['check']]) {
      const { code, stderr } = await router.wanhook(...argv);
      expect([argv, code]).toEqual([argv, 2]);
      expect(stderr).toMatch(/^\/etc\/wanhook\/wanhook\.env:2: TABLE_BASE="twenty" is not valid: expected /m);
      expect(stderr).toMatch(/^\/etc\/wanhook\/links\/line1\.env:3: unknown key WEIGTH/m);
      expect(stderr).toMatch(/^\/etc\/wanhook\/links\/line2\.env:3: WEIGHT="900" is not valid: expected /m);
      expect(stderr).toMatch(/^\/etc\/wanhook\/links\/line3\.env: /m);
      expect(stderr).toMatch(/^\/etc\/wanhook\/links\/noise\.env/m);
      expect(stderr).toMatch(/^\/etc\/wanhook\/links\/dir\.env: is no file/m);
    }
    expect(await router.snapshot()).toBe(before);
    await router.down(0);
    await expectTraffic(2);
    await router.up(0);
    await router.down(2);
    await router.up(2);
    await expectTraffic(3);
    expect(await router.syslog()).toContain('going on with the last good configuration');
    // `stop` needs none; `apply` comes when there is one again.
    await router.must('stop');
    await router.rtr.sh('rm -r /etc/wanhook; cp -a /run/etc /etc/wanhook');
    await router.must('apply');
    await expectTraffic(3);
  });

  test.each([
    ['empty', ': >state.json'],
    ['cut off', 'head -c 200 state.json >cut; mv cut state.json'],
    ['noise', 'head -c 2000 /dev/urandom >state.json'],
    ['of another version', `sed -i 's/"version":1/"version":99/' state.json`],
    [
      'somebody else’s JSON',
      `echo '{"version":1,"links":{"line1":7},"verdicts":{},"sysctls":{},"stopped":false}' >state.json`,
    ],
    ['gone', 'rm state.json'],
  ])('a state.json that is %s: hooks and commands go on with the kernel, and routing stays', async (_, act) => {
    const links = router.lines.map(({ device }, index) => ({ ID: index + 1, DEVICE: device }));
    await router.configure(links);
    await router.must('apply');
    const flows = await router.startHold({ from: 'lan', count: 24, ms: 60_000, localAddresses: router.clients });
    const before = await router.snapshot();
    await router.rtr.sh(`cd /run/wanhook; ${act}`);
    await router.dhclient('RENEW', 2);
    expect(await router.snapshot()).toBe(before);
    await router.rtr.sh(`cd /run/wanhook; ${act}`);
    await router.must('apply');
    expect(await router.snapshot()).toBe(before);
    expect(await router.plan()).toEqual([]);
    await expectTraffic(3);
    expect(await flows.stop()).toMatchObject({ survived: 24, sourcesConstant: true });
    if (!act.startsWith('rm')) {
      expect((await router.journal()).flatMap(({ notes }) => notes).join('\n')).toContain('state.json is damaged');
    }
  });

  test('a damaged state.json: resolvers, a tunnel’s named server and helpers are found in the kernel', async () => {
    await router.rtr.sh(`echo HELPERS=ftp >>/etc/wanhook/wanhook.env; echo 203.0.113.9 vpn.example.org >>/etc/hosts
      printf 'ID=4\\nPPP_IPPARAM=vpn\\nTUNNEL_SERVER=vpn.example.org\\n' >/etc/wanhook/links/vpn.env`);
    await router.must('apply');
    const before = await router.snapshot();
    expect(before).toContain('ct helper set "ftp_tcp"');
    expect(before).toMatch(/^20050:\tfrom all to 203\.0\.113\.9 lookup 2000/m);
    await router.rtr.sh('echo rubbish >/run/wanhook/state.json; sed -i /vpn/d /etc/hosts');
    await router.ppp('ip-up', 0);
    expect(await router.snapshot()).toBe(before);
    await expectTraffic(3);
  });

  test('a damaged state.json while lines are named by their ipparam alone', async () => {
    await router.rtr.sh('echo rubbish >/run/wanhook/state.json');
    const before = await router.snapshot();
    await router.dhclient('RENEW', 2);
    expect(await router.snapshot()).toBe(before);
    await expectTraffic(3);
  });

  test('a damaged state.json while nothing in main names the dhcp line’s gateway', async () => {
    await router.rtr.sh('ip route del default via 198.51.100.1 dev eth1; echo rubbish >/run/wanhook/state.json');
    const before = await router.snapshot();
    await router.must('apply');
    expect(await router.snapshot()).toBe(before);
    await expectTraffic(3);
  });

  test('after a damaged state.json, stop still restores what it can: nothing of ours remains', async () => {
    await router.rtr.sh('echo rubbish >/run/wanhook/state.json');
    await router.must('stop');
    const after = await router.snapshot();
    expect(after).not.toMatch(/\bproto(col)? 201\b|wanhook/);
  });
});

describe('hostile words', () => {
  const BAD = '$(touch /run/pwned)`touch /run/pwned`; touch /run/pwned; ip link del lan0';
  const addresses = [
    ...['127.0.0.1', '224.0.0.1', '0.0.0.0', '255.255.255.255', '240.0.0.1', '0.1.2.3', '', '1.2.3', '010.0.0.1'],
    ...['0x7f000001', '2130706433', '::1', '192.0.2.1 192.0.2.2', '192.0.2.1/8', '192.0.2.1\nnew_routers=192.0.2.9'],
    ...['192.0.2.1\x1b[31m\x7f', '-4', '--help', BAD, 'A'.repeat(20_000)],
  ];
  const lease = {
    new_ip_address: '198.51.100.2',
    new_subnet_mask: '255.255.255.0',
    new_routers: '198.51.100.1',
    new_domain_name_servers: '198.51.100.1',
  };
  const dhclient: readonly Readonly<Record<string, string>>[] = [
    ...addresses.map((new_ip_address) => ({ ...lease, new_ip_address })),
    ...['255.0.255.0', '255.255.255', '24', '\n', BAD].map((new_subnet_mask) => ({ ...lease, new_subnet_mask })),
    ...addresses
      // A list is separated by white space, and its first usable router is taken.
      .filter((address) => address !== '' && !/^192\.0\.2\.1\s/.test(address))
      .map((new_routers) => ({ ...lease, new_routers })),
    ...['0 1 2', '33 1 2 3 4 5 6 7 8', '0 1 2 3 x', '24 300 1 2 1 2 3 4', '\n', BAD].map((routes) => ({
      ...lease,
      new_rfc3442_classless_static_routes: routes,
    })),
    ...['', 'eth1; reboot', '../../etc/passwd', 'eth1\nlan0', '-a', 'a'.repeat(300), BAD].map((name) => ({
      ...lease,
      interface: name,
    })),
  ];

  test('from a DHCP server: every one is told and none changes anything', async () => {
    const before = await router.snapshot();
    for (const env of dhclient) {
      await router.rtr.sh('rm -rf /run/syslog /run/wanhook/journal.jsonl');
      const told = JSON.stringify(env).slice(0, 200);
      await router.dhclient('BOUND', 2, env);
      expect([told, await router.syslog()]).toEqual([told, expect.stringMatching(/not usable, routing left as it is/)]);
      expect([told, await lastError()]).toEqual([told, expect.stringMatching(/variable (new_|interface)/)]);
      // On one line, without control bytes, and of a bearable length.
      const syslog = (await router.syslog()).trimEnd();
      expect(syslog).toMatch(/^[\x20-\x7e…]{1,1000}$/);
      expect([told, await router.snapshot()]).toEqual([told, before]);
    }
    expect(await router.rtr.run(['test', '-e', '/run/pwned'], { check: false })).toMatchObject({ code: 1 });
    expect(await router.plan()).toEqual([]);
    await expectTraffic(3);
  });

  test.each([
    ['rubbish among resolvers', { ...lease, new_domain_name_servers: `127.0.0.1 ${BAD} 198.51.100.1 224.0.0.1` }],
    ['other options', { ...lease, new_domain_name: BAD, new_host_name: 'x\ny', new_root_path: '\x01\x02' }],
    ['a second router that is rubbish', { ...lease, new_routers: '198.51.100.1 $(id)' }],
    ['our own address as the first router', { ...lease, new_routers: '198.51.100.2 198.51.100.1' }],
    ['an unknown reason', { ...lease, reason: BAD }],
    ['a name of somebody else’s device', { ...lease, interface: 'lan0' }],
    ['Node’s own variables', { ...lease, NODE_DEBUG: 'fs', FOO: 'x'.repeat(50_000) }],
  ])('%s in a lease that is otherwise good change nothing', async (_, env) => {
    const before = await router.snapshot();
    await router.dhclient('BOUND', 2, env);
    expect(await router.snapshot()).toBe(before);
    expect(await router.plan()).toEqual([]);
    expect(await router.rtr.run(['test', '-e', '/run/pwned'], { check: false })).toMatchObject({ code: 1 });
    await expectTraffic(3);
  });

  test('of a lease’s resolvers those that can be one are reached over its line; else routing stays', async () => {
    const toResolvers = /^20350:\t.*\n/gm;
    const rest = async () => (await router.snapshot()).replace(toResolvers, '');
    const before = await rest();
    const cases = [
      [`203.0.113.53 127.0.0.1 ${BAD} 198.51.100.53`, ['203.0.113.53', '198.51.100.53']],
      [`127.0.0.1 224.0.0.1 ${BAD}`, []],
    ] as const;
    for (const [new_domain_name_servers, reached] of cases) {
      await router.dhclient('BOUND', 2, { ...lease, new_domain_name_servers });
      expect((await router.snapshot()).match(toResolvers) ?? []).toEqual(
        reached.map((to) => `20350:\tfrom all to ${to} lookup 20003 proto 201\n`),
      );
      expect(await rest()).toBe(before);
      expect(await router.plan()).toEqual([]);
    }
    expect(await router.rtr.run(['test', '-e', '/run/pwned'], { check: false })).toMatchObject({ code: 1 });
    await expectTraffic(3);
  });

  test('from whoever calls pppd: every one is told and none changes anything', async () => {
    const good = ['ppp0', '/dev/pts/7', '115200', '192.0.2.11', '192.0.2.254', 'line1'];
    const at = (place: number, value: string) => good.map((word, n) => (n === place ? value : word));
    const calls: (readonly [string, readonly string[]])[] = [
      ['ip-up', []],
      ['ip-down', []],
      ['ip-up', ['ppp0']],
      ['ip-up', good.slice(0, 3)],
      ...['', 'ppp0; reboot', '../ppp0', 'ppp0\n', '-4', 'p'.repeat(300), BAD].flatMap((device) => [
        ['ip-up', at(0, device)] as const,
        ['ip-down', at(0, device)] as const,
      ]),
      ...addresses.map((address) => ['ip-up', at(3, address)] as const),
      ...['1.2.3', 'fe80::1', '\n', BAD].map((peer) => ['ip-up', at(4, peer)] as const),
    ];
    const before = await router.snapshot();
    for (const [hook, args] of calls) {
      await router.rtr.sh('rm -rf /run/syslog /run/wanhook/journal.jsonl');
      const told = `${hook} ${JSON.stringify(args).slice(0, 200)}`;
      await router.hook(hook, args, { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', IFNAME: 'ppp0' });
      expect([told, await router.syslog()]).toEqual([told, expect.stringMatching(/not usable, routing left as it is/)]);
      expect([told, await lastError()]).toEqual([told, expect.stringMatching(/argument [145] /)]);
      expect([told, await router.snapshot()]).toEqual([told, before]);
    }
    expect(await router.rtr.run(['test', '-e', '/run/pwned'], { check: false })).toMatchObject({ code: 1 });
    await expectTraffic(3);
  });

  test('late, foreign and repeated words of pppd and dhclient change nothing', async () => {
    const before = await router.snapshot();
    await router.ppp('ip-down', 0, { address: '192.0.2.200' });
    await router.ppp('ip-down', 0);
    await router.ppp('ip-up', 0);
    await router.ppp('ip-up', 0, { ipparam: BAD });
    await router.ppp('ip-up', 0, { device: 'ppp9', address: '192.0.2.9', ipparam: 'somebody' });
    await router.ppp('ip-down', 1, { device: 'ppp9', address: '192.0.2.12' });
    await router.dhclient('EXPIRE', 2, { old_ip_address: '198.51.100.99' });
    await router.dhclient('PREINIT', 2, {});
    await router.dhclient('BOUND', 2);
    expect(await router.snapshot()).toBe(before);
    expect(await router.plan()).toEqual([]);
    await expectTraffic(3);
  });
});
