/** `npm run deb`: the package is what Debian wants, goes in and out cleanly, and stops what it started. In a throw-away system. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHolder, type Holder } from '../support/lab-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'wanhook-deb-'));
let machine: Holder;
let deb = '';
let before = '';

/** Overlays on all that a package changes; a network of its own. dpkg would look for udev and man-db otherwise. */
beforeAll(async () => {
  const { status, stderr, stdout } = spawnSync(join(ROOT, 'debian/deb.sh'), [scratch], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`deb.sh: ${stderr}${stdout}`);
  deb = join(scratch, readdirSync(scratch)[0]!);
  machine = await startHolder('deb', ['/etc', '/usr', '/var']);
  await machine.finish('');
  before = await files();
});
afterAll(async () => {
  await machine.end();
  rmSync(scratch, { recursive: true, force: true });
});

/** Names of everything that a package may leave behind; dpkg's and systemd's own notes are theirs. */
const files = () =>
  machine.sh(`find /etc /usr /var/lib /run -xdev -path /usr/share/doc -prune -o -path /run/lock -prune -o -print | grep -v ^/var/lib/dpkg/ |
    grep -v '^/var/lib/systemd$' | LC_ALL=C sort`);
/** Node.js may have come from elsewhere; whatever else is missing is not this test's. */
const dpkg = (words: string) => machine.sh(`dpkg --force-depends --no-triggers ${words} 2>&1`, { timeoutMs: 60_000 });
const left = async () => {
  const old = new Set(before.split('\n'));
  return (await files()).split('\n').filter((path) => !old.has(path));
};

test('lintian finds nothing', () => {
  const { stdout, status } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error,warning', deb], {
    encoding: 'utf8',
  });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
});

test('its version is ours, and the same source gives the same package', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const field = spawnSync('dpkg-deb', ['-f', deb, 'Version'], { encoding: 'utf8' }).stdout.trim();
  expect(field).toBe(version);
  const once = readFileSync(deb);
  spawnSync(join(ROOT, 'debian/deb.sh'), [scratch]);
  expect(readFileSync(deb).equals(once)).toBe(true);
});

test('in: the command and its hooks work, all of /etc is the administrator’s, nothing is started', async () => {
  expect(await dpkg(`-i ${deb}`)).toContain('"wanhook init" looks for your lines');
  expect(await machine.sh('wanhook --version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(await machine.sh('/etc/ppp/ip-up.d/wanhook ppp9 tty 0 192.0.2.1 192.0.2.2 nobody 2>&1')).toBe('');
  const conffiles = await machine.sh('dpkg-query -W -f "\\${Conffiles}" wanhook | cut -d " " -f 2 | sort');
  expect(conffiles.trim()).toBe(
    (
      await machine.sh('dpkg -L wanhook | grep ^/etc/ | while read -r f; do [ -d "$f" ] || echo "$f"; done | sort')
    ).trim(),
  );
  expect(await machine.sh('ip rule; ls /run')).not.toMatch(/20000|wanhook/);
  expect(await machine.sh('ls -l /etc/systemd/system/multi-user.target.wants')).toContain('wanhook.service');
  expect(await machine.sh('cat /usr/sbin/wanhook /usr/lib/wanhook/run-hook.sh')).toMatch(/^node=\/usr\/bin\/node$/m);
});

test('again, as an upgrade: routing stays, and so does what the administrator has written', async () => {
  await machine.sh(`ip link add eth1 type veth peer name far; ip addr add 192.0.2.2/24 dev eth1; ip link set eth1 up
    ip link set far up; printf 'ID=1\\nDEVICE=eth1\\nGATEWAY=192.0.2.1\\n' >/etc/wanhook/links/dsl.env
    echo BALANCE=pair >>/etc/wanhook/wanhook.env; wanhook apply`);
  const routing = await machine.sh('ip rule; ip route show table 20001');
  await dpkg(`-i ${deb}`);
  expect(await machine.sh('ip rule; ip route show table 20001')).toBe(routing);
  expect(await machine.sh('tail -n 1 /etc/wanhook/wanhook.env')).toBe('BALANCE=pair\n');
});

test('removed: everything of ours is out of the kernel, and what is the administrator’s stays', async () => {
  await dpkg('-r wanhook');
  expect(await machine.sh('ip rule; ip nexthop; nft list tables')).not.toMatch(/200\d\d|wanhook/);
  const paths = await left();
  expect(paths).toContain('/etc/wanhook/links/dsl.env');
  expect(paths.filter((path) => /^\/(?:usr|run)\//.test(path))).toEqual([]);
});

test('purged: nothing is left', async () => {
  await dpkg('-P wanhook');
  expect(await left()).toEqual([]);
});

test('over an installation by install.sh: refused, with what to do', async () => {
  await machine.sh('mkdir -p /usr/lib/wanhook; : >/usr/lib/wanhook/manifest');
  const said = await machine.sh(`dpkg --force-depends --no-triggers -i ${deb} 2>&1 || :`);
  expect(said).toContain('first "./install.sh --uninstall" there');
  expect(await machine.sh('[ -e /usr/sbin/wanhook ] || echo none')).toBe('none\n');
});
