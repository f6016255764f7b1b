/**
 * The hooks of every client as install.sh puts them where each distribution looks for them, and what of a client's recorded
 * calls gets through them to node: all that its parser reads, and nothing of what was planted there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HookInput } from '../../src/events/hook-input.ts';
import { assertBuilt } from '../support/built.ts';
import { startHolder, type Holder } from '../support/lab-node.ts';
import { capturesIn, inWords, readCapture } from '../support/world-captures.ts';
import { parseHook } from '../../src/events/hooks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INSTALL = join(ROOT, 'install.sh');

function run(argv: readonly string[]): { code: number; out: string } {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8', cwd: '/' });
  return { code: status ?? -1, out: stdout + stderr };
}

beforeAll(assertBuilt);

describe('below a directory', () => {
  let scratch = '';
  beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), 'wanhook-distros-'))));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const install = (distro: string, ...more: string[]) => {
    const got = run([INSTALL, '--destdir', join(scratch, distro), '--distro', distro, ...more]);
    expect(got, got.out).toMatchObject({ code: 0 });
  };
  /** Hooks outside our own directory, and scripts in it that are not the same everywhere. */
  const hooks = (distro: string) => {
    const find = ['-type', 'f', '-printf', '/%P %m\\n'];
    const files = execFileSync('find', [join(scratch, distro), ...find], { encoding: 'utf8' }).split('\n');
    const common =
      /^\/(?:usr\/lib\/wanhook\/(?:hooks|manifest|health|run-hook)|usr\/sbin|usr\/share|etc\/wanhook|etc\/systemd)/;
    return files.filter((file) => file !== '' && !common.test(file)).toSorted();
  };
  const EVERYWHERE = [
    '/etc/NetworkManager/dispatcher.d/90-wanhook 755',
    ...['configured', 'degraded', 'no-carrier', 'off', 'routable'].map(
      (state) => `/etc/networkd-dispatcher/${state}.d/90-wanhook 755`,
    ),
  ];
  const IFUPDOWN = ['/etc/network/if-post-down.d/wanhook 755', '/etc/network/if-up.d/wanhook 755'];
  const ppp = (pattern: string) =>
    ['ip-up', 'ip-down', 'ipv6-up', 'ipv6-down'].map((hook) => `/etc/ppp/${pattern.replace('*', hook)} 755`);

  test.each([
    [
      'debian',
      [
        ...ppp('*.d/wanhook'),
        ...IFUPDOWN,
        '/etc/dhcp/dhclient-exit-hooks.d/zz-wanhook 644',
        '/usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook 644',
        '/usr/lib/wanhook/udhcpc.script 755',
      ],
    ],
    [
      'arch',
      [
        ...ppp('*.d/wanhook.sh'),
        '/usr/lib/wanhook/dhclient-exit-hook.sh 644',
        '/usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook 644',
        '/usr/lib/wanhook/udhcpc.script 755',
      ],
    ],
    [
      'fedora',
      [
        ...ppp('*.local'),
        '/etc/dhcp/dhclient-exit-hooks.d/zz-wanhook 755',
        '/usr/libexec/dhcpcd-hooks/90-wanhook 644',
        '/usr/lib/wanhook/udhcpc.script 755',
      ],
    ],
    [
      'alpine',
      [
        ...ppp('*'),
        ...IFUPDOWN,
        ...['bound', 'deconfig', 'renew'].map((action) => `/etc/udhcpc/post-${action}/wanhook 755`),
        '/usr/lib/wanhook/dhclient-exit-hook.sh 644',
        '/usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook 644',
      ],
    ],
  ])('%s', (distro, want) => {
    install(distro);
    expect(hooks(distro)).toEqual([...EVERYWHERE, ...want].toSorted());
    for (const file of hooks(distro)) {
      expect(readFileSync(join(scratch, distro, file.split(' ')[0]!), 'utf8')).not.toMatch(/@[A-Z]+@/);
    }
    install(distro, '--uninstall', '--purge');
    expect(hooks(distro)).toEqual([]);
  });

  test.each(['fedora', 'alpine'])(
    '%s: the administrator’s own script goes on, behind ours, and is given back',
    (distro) => {
      const path = join(scratch, distro, distro === 'fedora' ? '/etc/ppp/ip-up.local' : '/etc/ppp/ip-up');
      const before = `${path}.before-wanhook`;
      const theirs = `#!/bin/sh\necho "theirs: $# $1 $MINE" >>${scratch}/${distro}.log\nexit 7\n`;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, theirs);
      chmodSync(path, 0o750);
      install(distro);
      install(distro);
      expect(readFileSync(path, 'utf8')).toContain('hook=ip-up');
      expect(readFileSync(before, 'utf8')).toBe(theirs);
      const args = ['ppp0', '', '0', '192.0.2.1', '192.0.2.2', ''];
      expect(spawnSync(path, args, { env: { MINE: 'passed on' } }).status).toBe(0);
      expect(readFileSync(join(scratch, `${distro}.log`), 'utf8')).toBe('theirs: 6 ppp0 passed on\n');
      install(distro, '--uninstall', '--purge');
      expect(readFileSync(path, 'utf8')).toBe(theirs);
      expect(execFileSync('stat', ['-c', '%a %h', path], { encoding: 'utf8' })).toBe('750 1\n');
      expect(existsSync(before)).toBe(false);
    },
  );

  describe('in the administrator’s place only what we have written is ours', () => {
    const at = (name: string, end = '') => join(scratch, 'edited', `/etc/ppp/${name}.local${end}`);
    const BEFORE = '.before-wanhook';
    const put = (path: string, text: string) => {
      rmSync(path, { force: true });
      writeFileSync(path, text, { mode: 0o755 });
    };
    const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);
    const runIt = (...more: string[]) => {
      const got = run([INSTALL, '--destdir', join(scratch, 'edited'), '--distro', 'fedora', ...more]);
      expect(got, got.out).toMatchObject({ code: 0 });
      return got.out.split('\n').filter((line) => line.includes('warning'));
    };
    /** What another version, or an interrupted run, has left in the manifest. */
    const record = (name: string, entry: string) => {
      const path = join(scratch, 'edited/usr/lib/wanhook/manifest');
      writeFileSync(path, read(path)!.replace(new RegExp(`^file \\w+ (.*/${name}\\.local)$`, 'm'), entry));
    };
    const sumOf = (path: string) => execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);
    const [OLD, NEW] = ['#!/bin/sh\n: old\n', '#!/bin/sh\n: new\n'];
    let ours = '';

    test('an update keeps what differs from what it had installed', () => {
      mkdirSync(dirname(at('ip-up')), { recursive: true });
      runIt();
      ours = read(at('ip-up'))!;
      put(at('ip-up'), `${ours}: mine\n`);
      put(at('ip-down'), NEW);
      // Kept before an interruption, and edited then.
      put(at('ipv6-up', BEFORE), OLD);
      put(at('ipv6-up'), NEW);
      // An older version's.
      put(at('ipv6-down'), OLD);
      record('ipv6-down', `file ${sumOf(at('ipv6-down'))} $1`);
      const warnings = runIt();
      for (const name of ['ip-up', 'ipv6-up', 'ipv6-down']) expect(read(at(name))).toMatch(/hook=ip/);
      expect([BEFORE, `${BEFORE}.1`].map((end) => read(at('ip-up', end)))).toEqual([undefined, `${ours}: mine\n`]);
      expect(read(at('ip-down', BEFORE))).toBe(NEW);
      expect([BEFORE, `${BEFORE}.1`].map((end) => read(at('ipv6-up', end)))).toEqual([NEW, OLD]);
      expect(read(at('ipv6-down', BEFORE))).toBe(undefined);
      expect(warnings).toEqual([
        expect.stringContaining(`your version is kept as ${at('ip-up', `${BEFORE}.1`)}.`),
        expect.stringContaining(`the older one is kept as ${at('ipv6-up', `${BEFORE}.1`)}`),
      ]);
    });

    test('--uninstall leaves what differs, and gives back what was kept, once', () => {
      put(at('ip-up'), `${ours}: mine\n`);
      // Two entries, of an interrupted update.
      record('ip-down', `$&\nfile ${'0'.repeat(64)} $1`);
      // Not yet replaced: an interrupted first installation.
      put(at('ipv6-up'), NEW);
      const warnings = runIt('--uninstall', '--purge');
      expect(warnings).toEqual([expect.stringContaining(`${at('ip-up')} has been changed`)]);
      expect(['ip-up', 'ip-down', 'ipv6-up', 'ipv6-down'].map((name) => read(at(name)))).toEqual([
        `${ours}: mine\n`,
        NEW,
        NEW,
        undefined,
      ]);
      for (const name of ['ip-down', 'ipv6-up']) expect(existsSync(at(name, BEFORE))).toBe(false);
    });
  });
});

describe('onto a live system', () => {
  let machine: Holder;
  const inside = async (...args: string[]) => {
    const { code, stdout, stderr } = await machine.run([INSTALL, ...args], { check: false });
    return { code, out: stdout + stderr };
  };
  beforeAll(async () => {
    machine = await startHolder('clients', ['/etc', '/usr', '/var/lib']);
    await machine.finish(`find /etc /usr/lib /usr/sbin /usr/share/*/ /var/lib -xdev -name '*wanhook*' -prune -exec rm -rf {} +
      printf '#!/bin/sh\\ncat >>/run/syslog\\n' >/usr/bin/logger`);
  });
  afterAll(() => machine.end());

  test('the hooks of the clients that are here, and of no others', async () => {
    await machine.sh(`for program in /usr/sbin/dhcpcd /usr/sbin/NetworkManager /usr/sbin/ifup /usr/bin/networkd-dispatcher \\
        /usr/sbin/udhcpc /usr/bin/busybox; do [ ! -e $program ] || { mkdir -p /run/away; mv $program /run/away; }; done
      for program in pppd dhclient; do [ -e /usr/sbin/$program ] || install -m 755 /bin/true /usr/sbin/$program; done
      install -m 755 /bin/true /usr/sbin/dhcpcd`);
    const got = await inside('--distro', 'debian');
    expect(got.out).toContain('hooks, as debian has them, for: pppd dhclient dhcpcd\n');
    expect(await machine.sh('ls /etc/ppp/ip-up.d /usr/lib/dhcpcd/dhcpcd-hooks')).toMatch(/^wanhook$[^]*^90-wanhook$/m);
    expect(await machine.sh('ls -d /etc/NetworkManager/dispatcher.d/* || :')).not.toContain('wanhook');
    // One is gone, and another one has come.
    await machine.sh('rm /usr/sbin/dhcpcd; install -m 755 /bin/true /usr/sbin/NetworkManager');
    const again = await inside('--distro', 'debian');
    expect(again.out).toContain('+ rm /usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook\n');
    expect(again.out).toContain('+ install -m 755 /etc/NetworkManager/dispatcher.d/90-wanhook\n');
    expect(again.out).toContain('for: pppd dhclient networkmanager\n');
  });

  test('the administrator’s script that ours runs is not run for a trial', async () => {
    const script = '/etc/ppp/ip-up.local';
    await machine.sh(`printf '#!/bin/sh\\necho "ran: $*" >>/run/theirs\\n' >${script}; chmod 755 ${script}`);
    const got = await inside('--distro', 'fedora');
    expect(got, got.out).toMatchObject({ code: 0 });
    expect(await machine.sh('cat /run/theirs 2>&1 || :')).toContain('No such file');
    expect(await machine.sh(`${script} ppp7; cat /run/theirs`)).toBe('ran: ppp7\n');
    await machine.sh(`rm ${script}.before-wanhook`);
  });

  test('--all: of all, and what is left to do is said', async () => {
    const got = await inside('--distro', 'debian', '--all');
    expect(got.out).toContain('for: pppd dhclient dhcpcd udhcpc networkmanager networkd ifupdown\n');
    expect(got.out).toContain('udhcpc: start it for your lines with  -s /usr/lib/wanhook/udhcpc.script\n');
    expect(got.code).toBe(0);
  });

  test('the distribution is the one of /etc/os-release', async () => {
    await machine.sh(`rm -f /etc/os-release; printf 'ID=rocky\\nID_LIKE="rhel centos fedora"\\n' >/etc/os-release`);
    expect((await inside()).out).toContain('hooks, as fedora has them, for: pppd');
    await machine.sh(`printf 'ID=haiku\\n' >/etc/os-release`);
    const got = await inside('--all');
    expect(got.out).toContain('warning: no distribution known to wanhook (haiku');
    expect(got.out).toContain('hooks, as debian has them');
  });

  describe('what reaches node', () => {
    /** As the daemon runs its hook; undefined: it runs none of ours. */
    const START: Readonly<Record<string, (call: HookInput) => readonly string[] | undefined>> = {
      dhcpcd: () => ['/bin/sh', '-euc', 'IFS=a; . /usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook; echo "status $?"'],
      udhcpc: ({ args }) => ['/usr/lib/wanhook/udhcpc.script', ...args],
      networkmanager: ({ args }) => ['/etc/NetworkManager/dispatcher.d/90-wanhook', ...args],
      networkd: ({ env }) => {
        const state = env['STATE'] ?? '';
        const hooked = ['routable', 'configured', 'degraded', 'no-carrier', 'off'].includes(state);
        return hooked ? [`/etc/networkd-dispatcher/${state}.d/90-wanhook`] : undefined;
      },
      ifupdown: ({ env }) => {
        const directory = { 'post-up': 'if-up.d', 'post-down': 'if-post-down.d' }[env['PHASE'] ?? ''];
        return directory === undefined ? undefined : [`/etc/network/${directory}/wanhook`];
      },
    };
    const FOLDERS = {
      dhcpcd: 'dhcpcd-9.4.1-deb12',
      udhcpc: 'udhcpc-1.35.0-deb12',
      networkmanager: 'networkmanager-1.42.4-deb12',
      networkd: 'networkd-dispatcher-2.2.3-deb12',
      ifupdown: 'ifupdown-0.8.41-deb12',
    };
    const PLANTED = { NODE_OPTIONS: '--require=/nonexistent', NODE_EXTRA_CA_CERTS: '/x', LD_BIND_NOW: '1', FOO: 'bar' };

    beforeAll(async () => {
      const dump = `require('fs').writeFileSync('/run/dump', JSON.stringify({ args: process.argv.slice(2), env: process.env }))`;
      const files = Object.keys(FOLDERS).map((client) => `/usr/lib/wanhook/hooks/${client}.cjs`);
      await machine.run(['tee', ...files], { stdin: dump });
      // The distribution's script of udhcpc; lines for the captures' devices.
      await machine.sh(`mkdir -p /etc/udhcpc /etc/wanhook/links
        printf '#!/bin/sh\\necho "$1 of $interface" >>/run/configured; exit 3\\n' >/etc/udhcpc/default.script
        chmod 755 /etc/udhcpc/default.script
        printf 'ID=1\\nDEVICE=hkc0\\n' >/etc/wanhook/links/cable.env
        printf 'ID=2\\nDEVICE=hkl0\\n' >/etc/wanhook/links/other.env`);
    });

    async function through(argv: readonly string[], env: HookInput['env']): Promise<HookInput | null> {
      const { PATH, ...rest } = env;
      await machine.sh('rm -f /run/dump');
      await machine.run(argv, {
        exactEnv: true,
        check: false,
        env: { ...rest, ...PLANTED, PATH } as Record<string, string>,
      });
      const text = await machine.sh('cat /run/dump 2>/dev/null || echo null');
      return JSON.parse(text) as HookInput | null;
    }

    test.each(Object.entries(FOLDERS))(
      '%s: every recorded call means the same through its hook',
      async (client, folder) => {
        for (const name of capturesIn(folder)) {
          const call = readCapture(folder, name);
          const argv = START[client]!(call);
          if (argv === undefined) continue;
          const got = await through(argv, call.env);
          const want = inWords(parseHook(client, call));
          if (want.includes(' lo') || want.includes('all devices') || want.includes('of no device')) {
            expect(got, name).toBe(null);
            continue;
          }
          expect(inWords(parseHook(client, got!)), name).toBe(want);
          for (const planted of Object.keys(PLANTED)) expect(got!.env, name).not.toHaveProperty(planted);
        }
      },
    );

    test('udhcpc: the distribution’s script runs first, and its status is udhcpc’s to know', async () => {
      await machine.sh('rm -f /run/configured');
      const env = { interface: 'hkc0', PATH: '/usr/bin:/bin' };
      const got = await machine.run(['/usr/lib/wanhook/udhcpc.script', 'deconfig'], {
        exactEnv: true,
        env,
        check: false,
      });
      expect(got.code).toBe(3);
      expect(await machine.sh('cat /run/configured')).toBe('deconfig of hkc0\n');
      await machine.sh('mv /etc/udhcpc/default.script /run/; rm -f /run/syslog /usr/share/udhcpc/default.script');
      const none = await machine.run(['/usr/lib/wanhook/udhcpc.script', 'bound'], {
        exactEnv: true,
        env,
        check: false,
      });
      expect(none.code).toBe(1);
      await machine.sh('mv /run/default.script /etc/udhcpc/');
    });

    test('another device, or none: node is not started', async () => {
      for (const client of Object.keys(FOLDERS)) {
        const env = {
          interface: 'eth7',
          IFACE: 'eth7',
          DEVICE_IP_IFACE: 'eth7',
          reason: 'BOUND',
          STATE: 'routable',
          PHASE: 'post-up',
        };
        for (const call of [env, { ...env, interface: '', IFACE: '', DEVICE_IP_IFACE: '' }]) {
          const argv = START[client]!({ args: client === 'networkmanager' ? ['', 'up'] : [], env: call })!;
          expect(await through(argv, { ...call, PATH: '/usr/bin:/bin' }), client).toBe(null);
        }
      }
    });

    test('dhcpcd: the hook leaves its shell as it was', async () => {
      const script = `set -eu; reason=BOUND; interface=hkc0; set >/run/a; . /usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook; echo "status $?"
        set >/run/b; cmp /run/a /run/b && echo same`;
      await machine.sh('mv /usr/lib/wanhook /usr/lib/gone');
      expect(await machine.sh(script)).toBe('status 0\nsame\n');
      await machine.sh('mv /usr/lib/gone /usr/lib/wanhook');
    });
  });
});
