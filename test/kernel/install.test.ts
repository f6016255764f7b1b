/**
 * install.sh and the shims it installs: below a directory, and onto a live system. The live one is a throw-away
 * namespace: overlays on /etc, /usr and /var/lib, an empty /run, a network of its own; the host is never touched.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GLOBAL_DEFAULTS, GLOBAL_KEYS, LINK_DEFAULTS } from '../../src/config/keys.ts';
import { PROBE_KEYS } from '../../src/config/probe-keys.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { RULE_KEYS } from '../../src/config/rule-keys.ts';
import { startHolder, type Holder } from '../support/lab-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CAPTURES = join(ROOT, 'test/support/captures');
const PPP_HOOKS = ['ip-up', 'ip-down', 'ipv6-up', 'ipv6-down'] as const;

/** Those with one hook for everything. */
const CLIENTS = ['dhclient', 'dhcpcd', 'ifupdown', 'networkd', 'networkmanager', 'udhcpc'] as const;

const EXECUTABLES = [
  '/etc/NetworkManager/dispatcher.d/90-wanhook',
  '/etc/network/if-post-down.d/wanhook',
  '/etc/network/if-up.d/wanhook',
  ...['configured', 'degraded', 'no-carrier', 'off', 'routable'].map(
    (state) => `/etc/networkd-dispatcher/${state}.d/90-wanhook`,
  ),
  ...PPP_HOOKS.map((hook) => `/etc/ppp/${hook}.d/wanhook`),
  '/usr/lib/wanhook/health.sh',
  '/usr/lib/wanhook/run-hook.sh',
  '/usr/lib/wanhook/udhcpc.script',
  '/usr/sbin/wanhook',
];
const FILES = [
  '/etc/dhcp/dhclient-exit-hooks.d/zz-wanhook',
  '/etc/systemd/system/wanhook-monitor.service',
  '/etc/systemd/system/wanhook-scripts.path',
  '/etc/systemd/system/wanhook-scripts.service',
  '/etc/systemd/system/wanhook.service',
  '/etc/wanhook/clients/README',
  ...['10-mail', '20-resolvers', '30-ddns', '40-vpn', '50-prefixes'].map(
    (name) => `/etc/wanhook/events.d/${name}.example`,
  ),
  '/etc/wanhook/events.d/README',
  '/etc/wanhook/links/README',
  '/etc/wanhook/rules/README',
  '/etc/wanhook/sets/README',
  '/etc/wanhook/wanhook.env',
  '/usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook',
  ...[...CLIENTS, ...PPP_HOOKS, 'load', 'pending', 'settled', 'wanhook'].map(
    (name) => `/usr/lib/wanhook/hooks/${name}.cjs`,
  ),
  '/usr/lib/wanhook/manifest',
  '/usr/share/bash-completion/completions/wanhook',
  '/usr/share/fish/vendor_completions.d/wanhook.fish',
  '/usr/share/man/man5/wanhook.env.5',
  '/usr/share/man/man7/wanhook-hooks.7',
  '/usr/share/man/man8/wanhook.8',
  '/usr/share/zsh/vendor-completions/_wanhook',
];

/** A checkout of its own: installing builds in it, and others work in ours. */
let checkout = '';
let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'wanhook-install-'));
  chmodSync(scratch, 0o755);
  checkout = join(scratch, 'checkout');
  mkdirSync(checkout);
  for (const name of ['src', 'hooks', 'etc', 'docs', 'install.sh', 'package.json', 'package-lock.json']) {
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true, preserveTimestamps: true });
  }
  copyModules(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  install(['--destdir', join(scratch, 'first'), '--distro', 'debian']);
});
/**
 * A copy, without caches: npm empties the directory that it finds, and install.sh gives it to the checkout's owner. It is
 * fresh, however old ours is: npm would ask the network.
 */
function copyModules(from: string, to: string): void {
  mkdirSync(to);
  const names = readdirSync(from).filter((name) => name !== '.cache');
  execFileSync('cp', ['-a', '--reflink=auto', ...names.map((name) => join(from, name)), to]);
  utimesSync(join(to, '.package-lock.json'), new Date(), new Date());
}
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Outcome {
  code: number;
  out: string;
}

function run(argv: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8', cwd: '/' });
  return { code: status ?? -1, out: stdout + stderr };
}
/** On the host: so only with --destdir, or with what must fail. */
const tryInstall = (args: readonly string[]) => run([join(checkout, 'install.sh'), ...args]);
function install(args: readonly string[]): string {
  const { code, out } = tryInstall(args);
  if (code !== 0) throw new Error(`install.sh ${args.join(' ')}: exit ${code}\n${out}`);
  return out;
}

const FIND = ['-type', 'd', '-printf', '%p %m %U:%G\\n', '-o', '-printf', '%p %y %m %U:%G %s %T@ %l\\n'];
/** Every entry with mode, owner, size and time; of directories no time: it moves when a file comes and goes. */
const tree = (directory: string) =>
  execFileSync('find', [directory, ...FIND], { encoding: 'utf8' })
    .split('\n')
    .toSorted();

/** One captured `.env` or `.args`, unescaped (see captures/README.md). */
function captured(path: string): string[] {
  const lines = readFileSync(join(CAPTURES, path), 'utf8').split('\n').slice(0, -1);
  const character = (_: string, hex: string | undefined, letter: string) =>
    hex !== undefined ? String.fromCharCode(parseInt(hex, 16)) : letter === 'n' ? '\n' : letter;
  return lines.map((line) => line.replaceAll(/\\(?:x([0-9a-fA-F]{2})|(.))/g, character));
}
function capturedEnv(path: string): Record<string, string> {
  return Object.fromEntries(
    captured(`${path}.env`).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

test('the checkout’s modules are its own: what npm or chown does to them, it does to no other checkout', () => {
  const file = 'node_modules/esbuild/package.json';
  expect(statSync(join(checkout, file)).ino).not.toBe(statSync(join(ROOT, file)).ino);
});

describe('options', () => {
  test.each([
    [['--nonsense'], 2, 'unknown option "--nonsense"'],
    [['--destdir'], 2, '--destdir needs a directory'],
    [['--purge'], 2, '--purge goes with --uninstall'],
    [['--demo', '--uninstall'], 2, '--uninstall and --demo exclude each other'],
    [['--uninstall', '--demo'], 2, '--demo and --uninstall exclude each other'],
    [['--distro'], 2, 'unknown distribution "": --distro is one of debian arch fedora alpine'],
    [['--distro=beos'], 2, 'unknown distribution "beos"'],
    [['--demo', '--destdir', '/tmp/x'], 2, '--demo installs nothing'],
    [['--help'], 0, 'Usage: sudo ./install.sh'],
  ])('%j: exit %i', (args, code, text) => {
    const got = tryInstall(args);
    expect(got.out).toContain(text);
    expect(got.out).toContain('Usage:');
    expect(got.code).toBe(code);
  });

  test('not root: one line, exit 1', () => {
    const got = run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', join(checkout, 'install.sh')]);
    expect(got).toEqual({
      code: 1,
      out: 'install.sh: this needs root: try it with sudo (only --destdir does without)\n',
    });
  });

  test('not root, below a directory of its own: works', () => {
    const directory = join(scratch, 'unprivileged');
    mkdirSync(directory);
    execFileSync('chown', ['65534:65534', directory]);
    const argv = [
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      join(checkout, 'install.sh'),
      '--destdir',
      directory,
    ];
    expect(run(argv)).toMatchObject({ code: 0 });
    expect(run(argv)).toEqual({ code: 0, out: `installed below ${directory}\n` });
  });
});

describe('what is shipped', () => {
  test('every global key and every default for links is in wanhook.env, commented out, with its default', () => {
    const text = readFileSync(join(ROOT, 'etc/wanhook/wanhook.env'), 'utf8').replaceAll(/^#(?=[A-Z_]+=)/gm, '');
    const links = [{ path: 'links/a.env', name: 'a', text: 'ID=1\nDEVICE=eth0\n' }];
    const { config, problems } = parseConfig({ main: { path: 'wanhook.env', text }, links });
    expect(problems).toEqual([]);
    expect(config).toEqual({ ...GLOBAL_DEFAULTS, links: [{ ...LINK_DEFAULTS, name: 'a', id: 1, device: 'eth0' }] });
    const keys = text.split('\n').flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
    const linkKeys = [
      'WEIGHT',
      'TIER',
      'METERED',
      'FAILBACK',
      'ON_DOWN',
      'MASQUERADE',
      'MSS',
      'NPT',
      ...Object.keys(PROBE_KEYS),
    ];
    // TUNNEL_SERVER, TUNNEL_OVER, as DEVICE and ID, make no sense for all links.
    expect(keys.toSorted()).toEqual([...Object.keys(GLOBAL_KEYS), ...linkKeys].toSorted());
  });

  test('the examples in rules/README are right, and it names every key', () => {
    const readme = readFileSync(join(ROOT, 'etc/wanhook/rules/README'), 'utf8');
    const rules = [...readme.matchAll(/^(\d\d-[\w-]+)\.env:\n\n((?: {4}.*\n)+)/gm)].map(([, name, text]) => {
      return { path: `rules/${name!}.env`, name: name!, text: text! };
    });
    expect(rules).toHaveLength(5);
    const links = ['dsl', 'cable', 'office'].map((name, n) => ({
      path: name,
      name,
      text: `ID=${n + 1}\nDEVICE=ppp${n}`,
    }));
    const sets = [{ path: 'sets/work', name: 'work', text: '192.0.2.0/24' }];
    expect(parseConfig({ links, rules, sets })).toMatchObject({ problems: [], warnings: [] });
    expect([...readme.matchAll(/^ {2}([A-Z]+) /gm)].map(([, key]) => key)).toEqual(Object.keys(RULE_KEYS));
  });

  test('the examples in links/README are right', () => {
    const readme = readFileSync(join(ROOT, 'etc/wanhook/links/README'), 'utf8');
    const links = [...readme.matchAll(/^(\w+)\.env:\n\n((?: {4}.*\n)+)/gm)].map(([, name, text]) => {
      return { path: `links/${name!}.env`, name: name!, text: text! };
    });
    expect(links.map(({ name }) => name)).toEqual(['vpn', 'dsl', 'cable', 'office']);
    const { config, problems } = parseConfig({ links });
    expect(problems).toEqual([]);
    expect(config?.links).toMatchObject([
      { pppIpparam: 'dsl' },
      { device: 'eth1' },
      { gateway: '203.0.113.1' },
      { tunnelServer: 'vpn.example.org', tunnelOver: ['dsl', 'cable'] },
    ]);
  });
});

describe('below a directory', () => {
  const destination = () => join(scratch, 'first');
  const at = (path: string) => destination() + path;
  const write = (path: string, text: string) => writeFileSync(at(path), text);
  const read = (path: string) => readFileSync(at(path), 'utf8');

  test('all files, with their modes, owned by root; no placeholder left', () => {
    const got = tree(destination()).flatMap((line) => /^(\S+) f (\d+) (\S+)/.exec(line)?.slice(1, 4).join(' ') ?? []);
    const want = [...EXECUTABLES.map((path) => `${at(path)} 755 0:0`), ...FILES.map((path) => `${at(path)} 644 0:0`)];
    expect(got.toSorted()).toEqual(want.toSorted());
    for (const path of EXECUTABLES) expect(read(path)).not.toMatch(/@[A-Z]+@/);
    expect(read('/etc/ppp/ipv6-down.d/wanhook')).toContain('hook=ipv6-down');
  });

  test('the second run changes nothing', () => {
    const before = tree(destination());
    expect(install(['--destdir', destination()])).toBe(`installed below ${destination()}\n`);
    expect(tree(destination())).toEqual(before);
  });

  test('what was damaged is put right', () => {
    write('/usr/sbin/wanhook', 'rubbish');
    chmodSync(at('/etc/ppp/ip-up.d/wanhook'), 0o600);
    const out = install(['--destdir', destination()]);
    expect(out.split('\n').filter((line) => line.startsWith('+'))).toEqual([
      `+ install -m 755 ${at('/etc/ppp/ip-up.d/wanhook')}`,
      `+ install -m 755 ${at('/usr/sbin/wanhook')}`,
    ]);
  });

  test('an upgrade: new default of a file that nobody changed, a file no longer shipped', () => {
    // An older version: another default, one file more.
    write('/etc/wanhook/wanhook.env', 'old default\n');
    write('/usr/lib/wanhook/hooks/old.cjs', '// gone in the new version\n');
    const sum = execFileSync('sha256sum', [at('/etc/wanhook/wanhook.env')], { encoding: 'utf8' }).slice(0, 64);
    const manifest = read('/usr/lib/wanhook/manifest').replace(/^conf \w+ (.*wanhook\.env)$/m, `conf ${sum} $1`);
    write('/usr/lib/wanhook/manifest', `${manifest}file 0 644 /usr/lib/wanhook/hooks/old.cjs\n`);
    install(['--destdir', destination()]);
    expect(read('/etc/wanhook/wanhook.env')).toBe(readFileSync(join(ROOT, 'etc/wanhook/wanhook.env'), 'utf8'));
    expect(existsSync(at('/usr/lib/wanhook/hooks/old.cjs'))).toBe(false);
    expect(read('/usr/lib/wanhook/manifest')).not.toContain('old.cjs');
  });

  test('a changed file of the administrator stays, a changed default goes beside it, once', () => {
    write('/etc/wanhook/wanhook.env', 'WEIGHT=7\n');
    expect(install(['--destdir', destination()])).toBe(`installed below ${destination()}\n`);
    writeFileSync(join(checkout, 'etc/wanhook/wanhook.env'), '# a new default\n');
    expect(install(['--destdir', destination()])).toContain('is yours and stays as it is');
    expect(read('/etc/wanhook/wanhook.env')).toBe('WEIGHT=7\n');
    expect(read('/etc/wanhook/wanhook.env.new')).toBe('# a new default\n');
    rmSync(at('/etc/wanhook/wanhook.env.new'));
    expect(install(['--destdir', destination()])).toBe(`installed below ${destination()}\n`);
    cpSync(join(ROOT, 'etc/wanhook/wanhook.env'), join(checkout, 'etc/wanhook/wanhook.env'), {
      preserveTimestamps: true,
    });
  });

  test('what the administrator removed stays removed', () => {
    rmSync(at('/etc/wanhook/links/README'));
    install(['--destdir', destination()]);
    expect(existsSync(at('/etc/wanhook/links/README'))).toBe(false);
  });

  test('uninstall leaves what is the administrator’s, --purge nothing', () => {
    write('/etc/wanhook/links/dsl.env', 'ID=1\nPPP_IPPARAM=dsl\n');
    expect(install(['--uninstall', '--destdir', destination()])).toContain(`kept: ${at('/etc/wanhook/wanhook.env')}`);
    const left = () => tree(destination()).flatMap((line) => /^(\S+) f /.exec(line)?.[1] ?? []);
    expect(left()).toEqual([at('/etc/wanhook/links/dsl.env'), at('/etc/wanhook/wanhook.env')]);
    install(['--destdir', destination()]);
    install(['--uninstall', '--purge', '--destdir', destination()]);
    expect(left()).toEqual([]);
    install(['--uninstall', '--destdir', destination()]);
  });

  test('somebody else’s file in our place: refused, nothing changed', () => {
    const directory = join(scratch, 'taken');
    mkdirSync(join(directory, 'usr/sbin'), { recursive: true });
    writeFileSync(join(directory, 'usr/sbin/wanhook'), 'theirs');
    const before = tree(directory);
    const got = tryInstall(['--destdir', directory]);
    expect(got.out).toMatch(/usr\/sbin\/wanhook is there, and not from us: move it away\. Nothing has been changed/);
    expect(got.code).toBe(1);
    expect(tree(directory)).toEqual(before);
  });

  test('a full disk: says what failed, and a second run repairs it', () => {
    const directory = join(scratch, 'full');
    mkdirSync(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'full', directory]);
    try {
      const got = tryInstall(['--destdir', directory]);
      expect(got.out).toMatch(/No space left on device[^]*install\.sh: failed while installing \(what is done so far/);
      expect(got.code).not.toBe(0);
      execFileSync('mount', ['-o', 'remount,size=4m', directory]);
      install(['--destdir', directory]);
      const files = tree(directory).flatMap((line) => / f /.exec(line) && line.slice(directory.length).split(' ')[0]!);
      expect(files.filter(Boolean).toSorted()).toEqual([...EXECUTABLES, ...FILES].toSorted());
      install(['--destdir', directory, '--uninstall']);
      expect(tree(directory).filter((line) => / f /.test(line))).toEqual([]);
    } finally {
      run(['umount', directory]);
    }
  });
});

/**
 * A machine of its own, as far as files and network go, without whatever wanhook the host may have.
 * What logger(1) would send to syslog ends in /run/syslog.
 */
async function startMachine(): Promise<Holder> {
  const machine = await startHolder('install', ['/etc', '/usr', '/var/lib']);
  await machine.finish(`find /etc /usr/lib /usr/sbin /usr/share/*/ /var/lib -xdev -name '*wanhook*' -prune -exec rm -rf {} +
    printf '#!/bin/sh\\nprintf "%%s\\\\n" "$*" >>/run/syslog\\ncat >>/run/syslog\\n' >/usr/bin/logger`);
  return machine;
}

/** The live directories that an installation could touch, in a file; the same format as tree(). */
async function snapshot(machine: Holder, name: string): Promise<string> {
  const file = join(scratch, name);
  const quoted = FIND.map((word) => `'${word}'`).join(' ');
  await machine.sh(
    `find /etc /usr/lib /usr/sbin /var/lib /run -path /usr/lib/node_modules -prune -o ${quoted} | sort >${file}`,
  );
  return file;
}
const difference = (before: string, after: string) => run(['diff', before, after]).out;

describe('onto a live system', () => {
  let machine: Holder;
  let before = '';
  const inside = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await machine.run([join(checkout, 'install.sh'), ...args], { check: false });
    return { code, out: stdout + stderr };
  };
  beforeAll(async () => {
    machine = await startMachine();
    // Something of everything that may be there: a machine without a dhclient, with a ppp directory of its owner.
    await machine.sh('rm -rf /etc/dhcp /etc/iproute2 /etc/ppp/ipv6-down.d; touch /etc/ppp/ip-up.d/other');
    before = await snapshot(machine, 'before');
  });
  afterAll(() => machine.end());

  test('installs, verifies, and says what is next', async () => {
    const got = await inside([]);
    expect(got.out).toMatch(/verified: wanhook \d+\.\d+\.\d+, its hooks and its command run with \/usr\/bin\/node/);
    expect(got.out).toContain('Next: "wanhook init" looks for your lines');
    expect(got.code).toBe(0);
    expect(await machine.sh('run-parts --list /etc/ppp/ip-up.d')).toContain('/etc/ppp/ip-up.d/wanhook\n');
    expect(await machine.sh('wanhook --version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await machine.sh('ls /etc/systemd/system')).not.toContain('wanhook');
  });

  test('the second run changes nothing', async () => {
    const once = await snapshot(machine, 'once');
    const got = await inside([]);
    expect(got.out).not.toMatch(/^\+/m);
    expect(got.code).toBe(0);
    expect(difference(once, await snapshot(machine, 'twice'))).toBe('');
  });

  test('warns of an executable ip-up.local', async () => {
    await machine.sh('touch /etc/ppp/ip-up.local; chmod 755 /etc/ppp/ip-up.local');
    expect((await inside([])).out).toContain('/etc/ppp/ip-up.local is executable, so pppd');
    await machine.sh('rm /etc/ppp/ip-up.local');
  });

  test('uninstall leaves the system as it was found, and the administrator’s file', async () => {
    const link = '/etc/wanhook/links/dsl.env';
    await machine.sh(`printf 'ID=1\\nPPP_IPPARAM=dsl\\n' >${link}; wanhook apply`);
    expect(await machine.sh('ip rule')).toContain('20200:');
    expect((await inside([])).out).toContain('Next: "wanhook check"');
    await machine.sh(`chmod 666 ${link}`);
    const refused = await inside([]);
    expect(refused).toMatchObject({
      code: 0,
      out: expect.stringMatching(/warning: this version does not take the configuration.*\/links\/dsl\.env/s) as string,
    });
    await machine.sh(`chmod 644 ${link}`);
    expect((await inside([])).out).not.toContain('warning: this version');
    const got = await inside(['--uninstall']);
    expect(got.out).toContain('kept: your files in /etc/wanhook');
    expect(got.code).toBe(0);
    expect(await machine.sh('ip rule')).not.toContain('20200:');
    expect(await machine.sh('nft list tables')).not.toContain('wanhook');
    const changed = difference(before, await snapshot(machine, 'after'));
    expect(changed.split('\n').flatMap((line) => /^[<>] (\S+)/.exec(line)?.[1] ?? [])).toEqual([
      '/etc/wanhook',
      '/etc/wanhook/links',
      link,
    ]);
  });

  test('--purge leaves nothing at all', async () => {
    expect((await inside([])).code).toBe(0);
    expect((await inside(['--uninstall', '--purge'])).code).toBe(0);
    expect(difference(before, await snapshot(machine, 'purged'))).toBe('');
    expect(await inside(['--uninstall', '--purge'])).toEqual({ code: 0, out: 'wanhook is gone\n' });
  });

  test('systemd: the unit is enabled once, and gone afterwards', async () => {
    await machine.sh(`mkdir -p /run/systemd/system
      printf '#!/bin/sh\\necho "$*" >>/run/systemctl.log\\n' >/usr/sbin/systemctl; chmod 755 /usr/sbin/systemctl`);
    await inside([]);
    await inside([]);
    expect(await machine.sh('stat -c %a /etc/systemd/system/wanhook.service')).toBe('644\n');
    await inside(['--uninstall']);
    expect(await machine.sh('ls /etc/systemd/system')).not.toContain('wanhook');
    expect((await machine.sh('cat /run/systemctl.log')).trim().split('\n')).toEqual([
      'daemon-reload',
      '-q enable wanhook.service',
      '-q try-restart wanhook-monitor.service',
      'daemon-reload',
      '-q try-restart wanhook-monitor.service',
      '-q disable --now wanhook-monitor.service wanhook-scripts.path',
      '-q disable --now wanhook.service',
      'daemon-reload',
    ]);
    await machine.sh('rm -rf /run/systemd /run/systemctl.log /usr/sbin/systemctl');
  });

  describe('what it needs is missing', () => {
    /** apt as a script: knows one version of nodejs; "installing" nftables brings nft back. */
    const apt = (nodejs: string) => `
      printf '#!/bin/sh\\necho "apt-get $*" >>/run/apt.log\\ncase "$*" in *nftables*) cp -a /run/nft /usr/sbin/nft ;; esac\\n' >/usr/sbin/apt-get
      printf '#!/bin/sh\\necho "  Candidate: ${nodejs}"\\n' >/usr/sbin/apt-cache
      chmod 755 /usr/sbin/apt-get /usr/sbin/apt-cache; rm -f /run/apt.log`;

    test('a package: apt-get installs it, and uninstall names it', async () => {
      await machine.sh(`${apt('20.19.2+dfsg-1')}; mv /usr/sbin/nft /run/nft`);
      const got = await inside([]);
      expect(got.out).toContain('+ apt-get install nftables');
      expect(got.code).toBe(0);
      expect((await inside(['--uninstall'])).out).toContain(
        'kept: the packages that were installed for wanhook: nftables',
      );
    });

    test('--no-deps only says so', async () => {
      await machine.sh(`${apt('20.19.2+dfsg-1')}; mv /usr/sbin/nft /run/nft`);
      const got = await inside(['--no-deps']);
      expect(got.out).toContain('warning: wanhook needs these packages: nftables');
      expect(await machine.sh('ls /run')).not.toContain('apt.log');
      await machine.sh('cp -a /run/nft /usr/sbin/nft');
      await inside(['--uninstall']);
    });

    test('an old Node.js, and apt has no newer: said before anything is installed', async () => {
      await machine.sh(`${apt('18.20.4+dfsg-1~deb12u3')}
        mv /usr/bin/node /run/node; rm -f /usr/bin/nodejs; printf '#!/bin/sh\\necho 18.20.4\\n' >/usr/bin/node; chmod 755 /usr/bin/node`);
      const start = await snapshot(machine, 'old-node');
      for (const args of [[], ['--no-deps']]) {
        const got = await inside(args);
        expect(got.out).toMatch(/needs Node\.js 20\.19 or newer; here is \/usr\/bin\/node \(18\.20\.4\)/);
        expect(got.out).toContain('nodesource');
        expect(got.code).toBe(1);
      }
      expect(await machine.sh('cat /run/apt.log')).toBe('apt-get -qq update\n');
      await machine.sh('rm /run/apt.log');
      expect(difference(start, await snapshot(machine, 'old-node-after'))).toBe('');
      await machine.sh('mv /run/node /usr/bin/node');
    });

    test('another distribution: the names of the packages', async () => {
      await machine.sh('mv /usr/sbin/nft /run/nft; rm /usr/sbin/apt-get /usr/bin/apt-get');
      const got = await inside([]);
      expect(got.out).toContain(
        'these packages are missing, by their Debian names: nftables (Fedora: iproute nftables',
      );
      expect(got.code).toBe(1);
    });
  });
});

describe('the shims', () => {
  let machine: Holder;
  beforeAll(async () => {
    machine = await startMachine();
    await machine.sh(`${checkout}/install.sh --no-deps
      printf 'ID=1\\nPPP_IPPARAM=dsl\\n' >/etc/wanhook/links/dsl.env
      printf 'ID=2\\nDEVICE=eth1\\n' >/etc/wanhook/links/cable.env
      ip link add ppp0 type veth peer name isp1; ip link add eth1 type veth peer name isp2
      for device in ppp0 isp1 isp2; do ip link set $device up; done`);
  });
  afterAll(() => machine.end());

  const HOSTILE = {
    NODE_OPTIONS: '--require=/nonexistent',
    NODE_EXTRA_CA_CERTS: '/nonexistent',
    LD_PRELOAD: '/nonexistent.so',
  };
  /** Of a daemon's environment, what is handed on. */
  const handed = (env: Readonly<Record<string, string>>, names: readonly string[]) =>
    Object.fromEntries(Object.entries(env).filter(([name]) => names.includes(name)));
  /** As pppd starts its hooks: no PATH, an environment that a member of group dip had a hand in. */
  const pppd = (script: string, args: readonly string[], env: Record<string, string> = HOSTILE) =>
    machine.run([script, ...args], { env, exactEnv: true });
  const links = async () => {
    const { links } = JSON.parse(await machine.sh('wanhook status --json')) as { links: Record<string, unknown>[] };
    return links;
  };

  test.each(PPP_HOOKS)('%s for a device that is no line of ours: exit 0, nothing written', async (hook) => {
    const start = await snapshot(machine, 'foreign');
    const got = await pppd(`/etc/ppp/${hook}.d/wanhook`, ['ppp7', '', '0', '192.0.2.77', '192.0.2.1', ''], {
      LINKNAME: '',
    });
    expect(got).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(difference(start, await snapshot(machine, 'foreign-after'))).toBe('');
  });

  test('ip-up as pppd and Debian’s script run it: the line is up and carries', async () => {
    await machine.sh('ip addr add 192.0.2.10 peer 192.0.2.1/32 dev ppp0');
    await pppd('/etc/ppp/ip-up', ['ppp0', 'v1', '0', '192.0.2.10', '192.0.2.1', 'dsl']);
    expect((await links())[0]).toMatchObject({ name: 'dsl', state: 'up', device: 'ppp0', address: '192.0.2.10' });
    expect(await machine.sh('ip -N route get 203.0.113.1')).toMatch(
      /^203\.0\.113\.1 dev ppp0 table 20000 src 192\.0\.2\.10/,
    );
    expect(await machine.sh('cat /run/syslog 2>&1 || :')).not.toContain('wanhook');
  });

  test('health, by its exit code and without Node', async () => {
    const env = { ...HOSTILE, LD_PRELOAD: '' };
    const health = (...args: string[]) =>
      machine.run(['/usr/sbin/wanhook', 'health', ...args], { env, exactEnv: true, check: false });
    expect(await health()).toEqual({ code: 0, stdout: 'healthy: dsl up\n', stderr: '' });
    expect(await health('--all')).toMatchObject({ code: 1 });
    expect(await health('cable')).toMatchObject({ code: 1, stdout: 'not healthy: cable down\n' });
    expect(await health('x')).toEqual({ code: 2, stdout: '', stderr: 'wanhook health: no link "x"\n' });
    expect((await machine.run(['wanhook', '-v', 'health', '--all'], { check: false })).code).toBe(1);
    expect(await machine.sh('wanhook log -n 1')).toMatch(
      /pppd ip-up ppp0: up dsl: ppp0 has 192\.0\.2\.10 \(\d+ commands/,
    );
  });

  test('ip-down', async () => {
    await machine.sh('ip addr flush dev ppp0');
    await pppd('/etc/ppp/ip-down', ['ppp0', 'v1', '0', '192.0.2.10', '192.0.2.1', 'dsl']);
    expect((await links())[0]).toMatchObject({ name: 'dsl', state: 'down' });
    expect((await machine.run(['ip', 'route', 'get', '203.0.113.1'], { check: false })).code).not.toBe(0);
  });

  test('dhclient’s own script, bound and expired', async () => {
    const lease = {
      interface: 'eth1',
      new_ip_address: '198.51.100.2',
      new_subnet_mask: '255.255.255.0',
      new_routers: '198.51.100.1',
    };
    const script = (env: Record<string, string>) =>
      machine.run(['/sbin/dhclient-script'], {
        exactEnv: true,
        env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', ...HOSTILE, ...env },
      });
    await machine.sh(`mkdir -p /etc/dhcp; ip link set eth1 up`);
    await script({ ...lease, reason: 'BOUND' });
    expect((await links())[1]).toMatchObject({ name: 'cable', state: 'up', gateway: '198.51.100.1' });
    expect(await machine.sh('ip route get 203.0.113.1')).toContain('via 198.51.100.1 dev eth1');
    await script({ interface: 'eth1', old_ip_address: '198.51.100.2', reason: 'EXPIRE' });
    expect((await links())[1]).toMatchObject({ name: 'cable', state: 'down' });
    // Node has not looked at what was looked up for it: nothing new, and nothing usable.
    await script({ interface: 'eth1', reason: 'PREINIT' });
    await script({ interface: 'eth1', reason: 'BOUND', new_ip_address: 'rubbish' });
    expect(await machine.sh('ls /run/wanhook')).not.toContain('look-');
  });

  test('time until "not ours", against node -e 0', async () => {
    // Interleaved, and the best round of each: the machine has other things to do.
    const out = await machine.sh(`
      per() { start=$(date +%s%N); i=0; while [ $i -lt 10 ]; do "$@"; i=$((i+1)); done; echo $((($(date +%s%N) - start) / 10000)); }
      for round in 1 2 3 4 5 6; do
        echo "$(per /etc/ppp/ip-up.d/wanhook ppp7 v1 0 192.0.2.77 192.0.2.1 other) $(per env -i /usr/bin/node -e 0)"
      done`);
    const rounds = out
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    const [hook, node] = [0, 1].map((column) => Math.min(...rounds.map((round) => round[column]!)));
    console.log(`not ours: ${hook} µs; node -e 0: ${node} µs; ratio ${(hook! / node!).toFixed(2)}`);
    expect(hook! / node!).toBeLessThan(0.3);
  });

  describe('what reaches node', () => {
    beforeAll(async () => {
      const dump = `require('fs').writeFileSync('/run/dump', JSON.stringify({ args: process.argv.slice(2), env: process.env, cwd: process.cwd() }))`;
      for (const hook of ['dhclient', ...PPP_HOOKS]) {
        await machine.run(['tee', `/usr/lib/wanhook/hooks/${hook}.cjs`], { stdin: dump });
      }
      // Lines for the devices of the captures.
      await machine.sh(`printf 'ID=3\\nDEVICE=ppp7\\n' >/etc/wanhook/links/captured.env; sed -i s/eth1/hkc0/ /etc/wanhook/links/cable.env
        printf '# DEVICE=ppp99 in a comment names no line\\n' >>/etc/wanhook/wanhook.env
        mkdir -p /run/wanhook; printf '{"version":1,"files":{"links":[{"text":"PPP_LINKNAME=good\\n"}]}}' >/run/wanhook/config.json`);
    });
    const dump = async () => {
      const text = await machine.sh('cat /run/dump 2>/dev/null || echo null; rm -f /run/dump');
      const got = JSON.parse(text) as { args: string[]; env: Record<string, string>; cwd: string } | null;
      if (got === null) return null;
      const {
        WANHOOK_STARTED: started,
        WANHOOK_CHANGES: changes,
        WANHOOK_LOOK: look,
        WANHOOK_NAMED: named,
        WANHOOK_SETTLED: settled,
        WANHOOK_ANSWER: answer,
        ...env
      } = got.env;
      expect(named).toMatch(/^(yes)?$/);
      expect(settled).toMatch(/^(?:none|perhaps)$/);
      expect(look).toMatch(/^\d+\.\d+ \d+$/);
      expect(answer).toMatch(/^\d$/);
      expect(changes).toMatch(/^(\d+\.\d+)?$/);
      expect(started).toMatch(/^\d+$/);
      return { ...got, env };
    };
    const CLEAN = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

    test.each([
      ['its device', ['ppp7', '', '0', '192.0.2.1', '', ''], {}, true],
      ['its ipparam', ['ppp0', '', '0', '192.0.2.1', '', 'dsl'], {}, true],
      ['its linkname, in the last good configuration', ['ppp0'], { LINKNAME: 'good' }, true],
      ['only part of the arguments', ['ppp7'], {}, true],
      ['another device', ['ppp8', '', '0', '192.0.2.1', '', ''], {}, false],
      ['a name in a comment', ['ppp99', '', '0', '192.0.2.1', '', ''], {}, false],
      ['nothing at all', [], {}, false],
      ['patterns', ['*', '', '', '', '', '[a-z]*'], { LINKNAME: '?' }, false],
    ])('ours or not by %s', async (_, args, env, want) => {
      await pppd('/etc/ppp/ip-up.d/wanhook', args, env);
      const got = await dump();
      expect(got !== null).toBe(want);
      if (got !== null) expect(got.args).toEqual(args);
    });

    test.each([
      'ip-up',
      'ip-down',
      'ipv6-up',
      'ipv6-down',
      'ip-up.ipparam-metachars',
      'ip-up.unprivileged-user-set-env',
    ])('pppd’s captured %s: arguments as they are, and three variables', async (name) => {
      const capture = `pppd-2.4.9-deb12-runparts/${name}`;
      const env = capturedEnv(capture);
      const args = captured(`${capture}.args`).slice(1);
      const hook = name.split('.')[0]!;
      await machine.sh(`printf 'ID=4\\nDEVICE=${args[0]!}\\n' >/etc/wanhook/links/captured.env`);
      await pppd(`/etc/ppp/${hook}.d/wanhook`, args, env);
      expect(await dump()).toEqual({ args, env: { ...CLEAN, ...handed(env, ['LINKNAME', 'DNS1', 'DNS2']) }, cwd: '/' });
    });

    const LEASE = [
      ...['reason', 'interface', 'exit_status', 'new_ip_address', 'new_subnet_mask', 'new_routers', 'old_ip_address'],
      ...['new_rfc3442_classless_static_routes', 'new_domain_name_servers'],
      ...['new_ip6_prefix', 'old_ip6_prefix', 'new_starts'],
    ];
    test.each(['BOUND', 'BOUND.hostile', 'BOUND.newline', 'BOUND.norouter', 'EXPIRE', 'TIMEOUT'])(
      'dhclient’s captured %s',
      async (name) => {
        const env = capturedEnv(`dhclient-4.4.3-P1-deb12/${name}`);
        await machine.sh(`printf 'ID=4\\nDEVICE=${env['interface']!}\\n' >/etc/wanhook/links/captured.env`);
        const source = '. /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook';
        const got = await machine.run(['/bin/sh', '-euc', source], { exactEnv: true, env: { ...env, ...HOSTILE } });
        expect(got).toMatchObject({ code: 0, stdout: '' });
        expect(await dump()).toEqual({ args: [], env: { ...CLEAN, ...handed(env, LEASE) }, cwd: '/' });
      },
    );
  });

  describe('something is broken', () => {
    beforeAll(() =>
      machine.sh('cp -a /usr/lib/wanhook /run/good; cp -a /usr/bin/node /run/node; rm -f /usr/bin/nodejs'),
    );
    const mend =
      'rm -rf /usr/lib/wanhook; cp -a /run/good /usr/lib/wanhook; rm -f /usr/bin/node; cp -a /run/node /usr/bin/node; rm -f /run/syslog';

    const DAMAGES: [string, string, RegExp][] = [
      ['node fails', `printf '#!/bin/sh\\nexit 1\\n' >/usr/bin/node`, /failed with status 1: run install\.sh again/],
      ['node is killed', `printf '#!/bin/sh\\nkill -9 $$\\n' >/usr/bin/node`, /failed with status 137/],
      ['node is gone', 'rm /usr/bin/node', /"node" failed with status 127/],
      ['node may not be run', 'chmod 644 /usr/bin/node', /failed with status 12[67]/],
      ['the module is gone', 'rm -r /usr/lib/wanhook/hooks', /failed with status 1/],
      [
        'everything is gone',
        'rm -r /usr/lib/wanhook',
        /^-t wanhook -p daemon.err hook dhclient: not heard: [^\n]*\n?$/,
      ],
    ];
    test.each(DAMAGES)('%s: pppd and dhclient notice nothing, syslog does', async (_, damage, log) => {
      await machine.sh(`${mend}; ${damage}`);
      expect(await pppd('/etc/ppp/ip-up.d/wanhook', ['ppp0', '', '0', '192.0.2.10', '', 'dsl'])).toEqual({
        code: 0,
        stdout: '',
        stderr: expect.any(String) as string,
      });
      // The sourcing shell at its worst: set -eu, an odd IFS, aliases and functions in the way.
      const script = `set -eu
        IFS=/aeo
        alias env=false grep=false exec=false
        env() { exit 9; }; grep() { exit 9; }; logger() { exit 9; }; node() { exit 9; }
        reason=BOUND; interface=hkc0; exit_status=0
        set >/run/variables
        . /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook
        echo "status $?"
        set >/run/variables-after
        cmp /run/variables /run/variables-after && echo same`;
      expect(await machine.sh(script)).toBe('status 0\nsame\n');
      expect(await machine.sh('cat /run/syslog 2>/dev/null || :')).toMatch(log);
    });

    test('a readonly variable of the sourcing script: the event is not heard, and that is told', async () => {
      await machine.sh(mend);
      const script =
        'readonly run=1; reason=BOUND; interface=hkc0; . /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook; echo $?';
      expect(await machine.sh(script)).toBe('0\n');
      expect(await machine.sh('cat /run/syslog')).toMatch(/hook dhclient: not heard/);
    });

    test('node has moved: found again, and not by the daemon’s PATH', async () => {
      await machine.sh(`${mend}; mv /usr/bin/node /usr/local/bin/node`);
      await machine.sh(
        `mkdir -p /opt/evil; printf '#!/bin/sh\\necho >/run/evil\\n' >/opt/evil/node; chmod 755 /opt/evil/node; rm -f /run/dump`,
      );
      const argv = ['ppp0', '', '0', '192.0.2.10', '', 'dsl'];
      await pppd('/etc/ppp/ip-up.d/wanhook', argv, { ...HOSTILE, PATH: '/opt/evil' });
      expect(await machine.sh('ls /run/evil 2>/dev/null || :')).toBe('');
      expect(await machine.sh('ls /run/dump')).toBe('/run/dump\n');
      expect(await machine.sh('wanhook --version')).toMatch(/^\d/);
      await machine.sh('rm /usr/local/bin/node');
      const got = await machine.run(['/usr/sbin/wanhook', 'status'], { check: false });
      expect(got).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^wanhook: cannot find node .*install Node\.js/) as string,
      });
    });
  });

  test('the command: exit codes pass, NODE_* does not, the terminal’s variables do', async () => {
    await machine.sh('[ -e /usr/bin/node ] || cp -a /run/node /usr/bin/node');
    const file = '/usr/lib/wanhook/hooks/wanhook.cjs';
    await machine.run(['tee', file], {
      stdin: 'console.log(JSON.stringify(process.env)); process.exit(+process.argv[2])',
    });
    const env = { ...HOSTILE, TERM: 'xterm', LANG: 'de_DE.UTF-8', NO_COLOR: '' };
    const got = await machine.run(['/usr/sbin/wanhook', '75'], { env, exactEnv: true, check: false });
    expect(got.code).toBe(75);
    const { PATH, ...seen } = JSON.parse(got.stdout) as Record<string, string>;
    expect(seen).toEqual({ TERM: 'xterm', LANG: 'de_DE.UTF-8', NO_COLOR: '' });
    expect(PATH).toContain('/usr/sbin');
  });
});
