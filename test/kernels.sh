#!/bin/sh
# npm run test:kernels [-- FILE…]: a part of the kernel tests on Debian's stock kernel and on its backports kernel, each in a
# virtual machine over this machine's own root file system (test/vm/run.sh). On demand: each takes half an hour.
# WANHOOK_KERNELS="backports": only that one. Logs: $WANHOOK_VM_OUT, or a new directory in /tmp.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# What makes rules, routes, nexthop groups, neighbours, nft sets and maps, sysctls; for both families.
[ $# -gt 0 ] || set -- gateway routes rules share subnet doctor ipv6 ipv6-pair fake
out=${WANHOOK_VM_OUT:-$(mktemp -d)}
failed=0
for kernel in ${WANHOOK_KERNELS:-stock backports}; do
  mkdir -p "$out/$kernel"
  for name in "$@"; do echo "test/kernel/$name.test.ts"; done >"$out/$kernel/files"
  status=0
  WANHOOK_VM_KERNEL=$kernel WANHOOK_VM_MEMORY=2560 "$here/vm/run.sh" "$here/vm/kernel-tests.sh" "$out/$kernel" 3600 || status=$?
  echo "kernel tests on Linux $(cat "$out/$kernel/release" 2>/dev/null || echo "($kernel)"): status $status"
  [ "$status" -eq 0 ] || failed=1
done
echo "logs: $out"
exit $failed
