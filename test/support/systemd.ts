/**
 * A real systemd as process 1 of the lab's router, or of any holder: it needs no virtual machine and boots in half a second.
 *
 *   const router = await createRouter({ links: ['dhcp'], init: SYSTEMD });
 *   const systemd = await systemdIn(router.rtr);
 *   await systemd.ctl('start', 'wanhook-monitor'); … await systemd.show('wanhook-monitor', 'NRestarts');
 *
 * It boots as far as basic.target, with a journal and nothing else: no unit of the host's is started, for they would set
 * the host's clock, sysctls and modules. What a test needs more it starts: dbus.socket, NetworkManager, systemd-networkd;
 * `ctl('start', 'multi-user.target')` is the rest of a boot, with what has been enabled. All that the router could do
 * without systemd still works, for it stays process 1 of the same namespaces.
 */
import { execFileSync } from 'node:child_process';
import type { Init, LabNode } from './lab-node.ts';

const cgroupOf = (pid: number | string) => `wanhook-lab-${pid}`;

/**
 * Its own part of the cgroups, as root of a cgroup namespace; its own host name; its own /dev, for journald makes
 * /dev/log. RTMIN+14 is "exit at once, and all with you": so nothing is left when the test process dies.
 */
const BOOT = `
exec 3<&0
{ cat <&3 >/dev/null; kill -s RTMIN+14 1; } &
exec 3<&-
mkdir /run/cgroup
mount -t cgroup2 none /run/cgroup
mkdir "/run/cgroup/${cgroupOf('$pid')}"
echo 0 >"/run/cgroup/${cgroupOf('$pid')}/cgroup.procs"
umount /run/cgroup
mount -t tmpfs -o mode=755 lab-dev /dev
mkdir /dev/pts /dev/net
for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0' 'net/tun 10 200'; do
  set -- $node
  mknod -m 666 "/dev/$1" c "$2" "$3"
done
mknod -m 600 /dev/ppp c 108 0
mount -t devpts -o newinstance,ptmxmode=666 lab-pts /dev/pts
ln -s pts/ptmx /dev/ptmx
for link in 'fd fd' 'stdin fd/0' 'stdout fd/1' 'stderr fd/2'; do
  set -- $link
  ln -s "/proc/self/$2" "/dev/$1"
done
units=/etc/systemd/system
rm -rf /etc/fstab /etc/rc?.d $units/*.wants /usr/lib/systemd/system/*.wants /usr/lib/systemd/system-generators
mkdir -p $units/sysinit.target.wants $units/sockets.target.wants
ln -s /usr/lib/systemd/system/systemd-journald.service $units/sysinit.target.wants/
ln -s /usr/lib/systemd/system/systemd-journald.socket /usr/lib/systemd/system/systemd-journald-dev-log.socket \\
  $units/sockets.target.wants/
# It would turn the host's auditing on.
ln -s /dev/null $units/systemd-journald-audit.socket
exec unshare --cgroup --uts --ipc sh -euc '
  mount -t cgroup2 none /sys/fs/cgroup
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lab \\
    /lib/systemd/systemd --unit=basic.target --log-target=journal --show-status=no' </dev/null
`;

/** The kernel keeps a cgroup that nobody is in. Where the host mounts them, if at all, is its affair. */
function sweep(pid: number): void {
  const script = `mount -t cgroup2 none /mnt && find /mnt/${cgroupOf(pid)} -depth -type d -exec rmdir {} +`;
  execFileSync('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], { stdio: 'ignore' });
}

export const SYSTEMD: Init = { script: BOOT, sweep };

export interface Systemd {
  /** systemctl, which must succeed; gives its standard output. */
  ctl(...argv: readonly string[]): Promise<string>;
  /** A property of a unit. */
  show(unit: string, property: string): Promise<string>;
  /** What the unit, and systemd about it, has said so far. */
  journal(unit: string): Promise<string>;
}

/** Resolves when it has booted. */
export async function systemdIn(node: LabNode): Promise<Systemd> {
  const ctl: Systemd['ctl'] = async (...argv) => (await node.run(['systemctl', ...argv])).stdout;
  await node.sh('until [ -S /run/systemd/private ]; do sleep 0.02; done; systemctl is-system-running --wait', {
    timeoutMs: 10_000,
  });
  return {
    ctl,
    show: async (unit, property) => (await ctl('show', '--value', '--property', property, unit)).trim(),
    journal: async (unit) => (await node.run(['journalctl', '--no-pager', '-o', 'cat', '-u', unit])).stdout,
  };
}
