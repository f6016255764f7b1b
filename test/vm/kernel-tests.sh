#!/bin/sh
# Runs in the virtual machine: kernel tests on the machine's own kernel (test/kernels.sh). /vm/files names them.
# An emulated processor is some ten times slower: what a test gives its commands is multiplied by that.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/../.." || exit 1
uname -r >/vm/release
export TMPDIR=/run WANHOOK_TEST_SLOW=10 NO_COLOR=1
# shellcheck disable=SC2046 # a list of files
node node_modules/vitest/vitest.mjs run --project kernel --cache=false --maxWorkers=1 \
  --reporter=verbose $(cat /vm/files) 2>&1 | tee /vm/tests.log
grep -Eq '^ *Tests .*passed' /vm/tests.log && ! grep -Eq '^ *Tests .*failed|^ *Errors ' /vm/tests.log
