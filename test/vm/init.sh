#!/bin/busybox sh
# shellcheck shell=dash
# /init of the virtual machine (busybox, no libc): put an overlay of tmpfs over the host's read-only root, go there.
# Kernel command line: wanhook.modules=DIR wanhook.boot=FILE wanhook.script=FILE, all paths of the host.
B=/bin/busybox
die() {
  $B echo "vm/init: $*"
  $B sync
  $B reboot -f # with -no-reboot: qemu ends
}
$B mount -t proc none /proc
$B mount -t sysfs none /sys
$B mount -t devtmpfs none /dev
while read -r module; do
  $B insmod "/modules/$module" || die "cannot load $module"
done </modules/order

$B mkdir -p /host /upper /root
p9=trans=virtio,version=9p2000.L,msize=512000
# cache=loose: the host's files are read once; nothing of them changes while the machine lives.
$B mount -t 9p -o "$p9,ro,cache=loose" hostroot /host || die 'no host root'
$B mount -t tmpfs -o mode=755 none /upper || die 'no tmpfs'
$B mkdir /upper/up /upper/work
$B mount -t overlay -o lowerdir=/host,upperdir=/upper/up,workdir=/upper/work none /root || die 'no overlay'
$B mkdir -p /root/proc /root/sys /root/dev /root/run /root/tmp /root/vm
$B mount --move /proc /root/proc
$B mount --move /sys /root/sys
$B mount --move /dev /root/dev
$B mount -t tmpfs -o mode=755 none /root/run
# udev would make these; bash's <(…) needs the first.
$B ln -s /proc/self/fd /root/dev/fd
$B ln -s fd/0 /root/dev/stdin
$B ln -s fd/1 /root/dev/stdout
$B ln -s fd/2 /root/dev/stderr
$B mkdir -p /root/dev/pts /root/dev/shm
$B mount -t devpts none /root/dev/pts
$B mount -t tmpfs none /root/dev/shm
$B mount -t 9p -o "$p9,rw,cache=none" out /root/vm || die 'no output share'

modules=''
boot=
script=
for word in $($B cat /root/proc/cmdline); do
  case $word in
    wanhook.modules=*) modules=${word#*=} ;;
    wanhook.script=*) script=${word#*=} ;;
    wanhook.boot=*) boot=${word#*=} ;;
  esac
done
# The kernel asks /sbin/modprobe for what it lacks (nft_chain_nat, sch_netem …): let it find it.
release=$($B uname -r)
$B mkdir -p /root/lib/modules
$B rm -rf "/root/lib/modules/$release"
$B ln -s "$modules" "/root/lib/modules/$release"
exec $B switch_root /root "$boot" "$script"
