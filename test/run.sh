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

# One after another: they would starve each other on a small machine.
status=0
for project in unit kernel vm timed alone; do
  npx vitest run --project "$project" "$@" || status=1
done
exit "$status"
