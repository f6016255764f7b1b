#!/bin/sh
# `sudo npm test`: install what the tests need, build, run every test. Root: they make network namespaces and boot a VM.
set -eu
cd "$(dirname "$0")/.."
umask 022 # what others may write is refused

if [ "$(id -u)" != 0 ]; then
  echo 'the tests make network namespaces and need root: sudo npm test (npm run test:unit does not)' >&2
  exit 2
fi

test/packages.sh

# npm keeps a copy of the lock file in node_modules: older than ours, or not there, means install.
if ! [ -e node_modules/.package-lock.json ] || [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
  npm ci --no-fund --no-audit
fi
npm run --silent build

# One after another: they would starve each other on a small machine.
WANHOOK_SUMMARY=$(mktemp)
export WANHOOK_SUMMARY
trap 'rm -f "$WANHOOK_SUMMARY"' EXIT
status=0
for project in unit kernel vm timed alone; do
  began=$(date +%s)
  npx vitest run --project "$project" "$@" || status=1
  echo "$project: $(($(date +%s) - began)) s" >>"$WANHOOK_SUMMARY"
done
cat "$WANHOOK_SUMMARY"
exit "$status"
