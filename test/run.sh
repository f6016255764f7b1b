#!/bin/sh
# `sudo npm test`: install what the tests need, build, run every test. Root: they make network namespaces and boot a VM.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
  echo 'the tests make network namespaces and need root: sudo npm test (npm run test:unit does not)' >&2
  exit 2
fi

# package:command that shows it is there
packages='iproute2:ip nftables:nft conntrack:conntrack ppp:pppd pppoe:pppoe-server isc-dhcp-client:dhclient isc-dhcp-server:dhcpd
  dnsmasq-base:dnsmasq dhcpcd-base:dhcpcd udhcpc:udhcpc ifupdown:ifup network-manager:NetworkManager
  networkd-dispatcher:networkd-dispatcher qemu-system-x86:qemu-system-x86_64 busybox-static:busybox cpio:cpio kmod:modprobe
  iputils-ping:ping fping:fping tcpdump:tcpdump keepalived:keepalived procps:pgrep shellcheck:shellcheck
  zsh:zsh fish:fish mandoc:mandoc groff-base:groff lintian:lintian'
missing=
for entry in $packages; do
  command -v "${entry#*:}" >/dev/null || missing="$missing ${entry%%:*}"
done
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || { echo "please install:$missing" >&2; exit 2; }
  echo "installing$missing"
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi

# npm keeps a copy of the lock file in node_modules: older than ours, or not there, means install.
if ! [ -e node_modules/.package-lock.json ] || [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
  npm ci --no-fund --no-audit
fi
npm run --silent build

run() { npx vitest run --project "$@"; }
status=0
run unit "$@" || status=1
run kernel "$@" || status=1
# Timed tests mostly wait, and the virtual machines take what they leave of the processor.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
nice -n 19 npx vitest run --project vm "$@" >"$log" 2>&1 &
vm=$!
run timed "$@" || status=1
wait $vm || status=1
cat "$log"
run alone "$@" || status=1
exit "$status"
