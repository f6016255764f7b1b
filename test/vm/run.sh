#!/bin/sh
# run.sh SCRIPT OUTDIR [TIMEOUT]: boots a virtual machine over this machine's own root file system (read-only, under an
# overlay in memory), runs SCRIPT in it as root with OUTDIR writable as /vm, and ends with the exit status of SCRIPT.
# Files under the repository keep their paths inside. 124: the time (seconds, default 300) was up; 125: it never got there.
# The console goes to stdout and to OUTDIR/console.log, syslog of the machine to OUTDIR/syslog.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 SCRIPT OUTDIR [TIMEOUT]" >&2; exit 2; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
script=$(realpath -- "$1")
mkdir -p -- "$2"
out=$(realpath -- "$2")
limit=${3:-300}
[ -x "$script" ] || { echo "run.sh: not executable: $script" >&2; exit 2; }
case $script$here in *' '*) echo 'run.sh: no blanks in paths (they travel on the kernel command line)' >&2; exit 2 ;; esac

cache=$("$here/prepare.sh")
release=$(cat "$cache/ready")
rm -f "$out/exit-status" "$out/console.log"
# TCG always works; KVM is not used even where /dev/kvm exists (nested: hangs before the kernel prints a line).
# One processor: a second makes every fork and exec dearer (emulated TLB shootdowns) and takes the other machine's.
# What the kernel does for safety with every page and every call costs an emulated machine a fifth of its time.
timeout -k 5 "$limit" qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -smp 1 -m "${WANHOOK_VM_MEMORY:-1024}" \
  -nodefaults -no-user-config -display none -serial stdio -no-reboot -nic none \
  -kernel "$cache/vmlinuz" -initrd "$cache/initrd" \
  -virtfs local,path=/,mount_tag=hostroot,readonly=on,multidevs=remap,security_model=none \
  -virtfs "local,path=$out,mount_tag=out,security_model=none" \
  -append "console=ttyS0 quiet loglevel=3 panic=-1 nokaslr mitigations=off init_on_alloc=0 kfence.sample_interval=0 randomize_kstack_offset=off apparmor=0 audit=0 random.trust_cpu=on wanhook.modules=$cache/kernel/lib/modules/$release wanhook.boot=$here/boot.sh wanhook.script=$script" \
  </dev/null >"$out/console.log" 2>&1 &
qemu=$!
trap 'kill "$qemu" 2>/dev/null || :' INT TERM HUP EXIT
tail -n +1 -f --pid="$qemu" "$out/console.log" &
shown=$!
status=0
wait "$qemu" || status=$?
trap - EXIT
wait "$shown" || :
if [ -s "$out/exit-status" ]; then
  exit "$(cat "$out/exit-status")"
fi
[ "$status" -eq 124 ] || [ "$status" -eq 137 ] && { echo "run.sh: time limit of $limit s" >&2; exit 124; }
echo "run.sh: the machine ended without a result (qemu: $status)" >&2
exit 125
