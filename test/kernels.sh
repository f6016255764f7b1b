#!/bin/sh
# npm run test:kernels [-- FILE…]: a part of the kernel tests on Debian's stock kernel and on its backports kernel, each in a
# virtual machine over this machine's own root file system (test/vm/run.sh). On demand: each takes half an hour.
# WANHOOK_KERNELS="backports": only that one; WANHOOK_KERNELS_LIMIT: seconds for each (default 3600).
# Logs: $WANHOOK_VM_OUT, or a new directory in /tmp. In the end: what ran on which, also where the time was up.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# What makes rules, routes, nexthop groups, neighbours, nft sets and maps, sysctls; for both families. None that counts
# milliseconds: an emulated processor is no measure (gateway, block, drops).
[ $# -gt 0 ] || set -- fake doctor partial subnet share rules routes ipv6 ipv6-rules ipv6-pair explain
out=${WANHOOK_VM_OUT:-$(mktemp -d)}
failed=0

# Each file with its tests, from what they printed one by one.
ran() {
  while read -r file; do
    awk -v file="$file" '
      !index($0, file " > ") { next }
      /^ *✓/ { passed++ }
      /^ *×/ { failed++ }
      /^ *↓/ { skipped++ }
      END { printf "  %s: %d passed, %d failed, %d skipped%s\n", file, passed, failed, skipped, passed + failed ? "" : " (did not run)" }' "$2"
  done <"$1"
}

for kernel in ${WANHOOK_KERNELS:-stock backports}; do
  mkdir -p "$out/$kernel"
  for name in "$@"; do echo "test/kernel/$name.test.ts"; done >"$out/$kernel/files"
  : >"$out/$kernel/tests.log"
  status=0
  WANHOOK_VM_KERNEL=$kernel WANHOOK_VM_MEMORY=2560 "$here/vm/run.sh" "$here/vm/kernel-tests.sh" "$out/$kernel" \
    "${WANHOOK_KERNELS_LIMIT:-3600}" || status=$?
  echo "kernel tests on Linux $(cat "$out/$kernel/release" 2>/dev/null || echo "($kernel)"): status $status"
  ran "$out/$kernel/files" "$out/$kernel/tests.log"
  [ "$status" -eq 0 ] || failed=1
done
echo "logs: $out"
exit $failed
