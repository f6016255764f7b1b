#!/bin/sh
# Installs what the tests need and is not here; Debian's packages.
set -eu

# package:command that shows it is there
packages='iproute2:ip nftables:nft conntrack:conntrack ppp:pppd pppoe:pppoe-server isc-dhcp-client:dhclient isc-dhcp-server:dhcpd
  dnsmasq-base:dnsmasq dhcpcd-base:dhcpcd udhcpc:udhcpc ifupdown:ifup network-manager:NetworkManager
  networkd-dispatcher:networkd-dispatcher qemu-system-x86:qemu-system-x86_64 busybox-static:busybox cpio:cpio kmod:modprobe
  iputils-ping:ping fping:fping tcpdump:tcpdump keepalived:keepalived procps:pgrep shellcheck:shellcheck
  wide-dhcpv6-server:dhcp6s zsh:zsh fish:fish mandoc:mandoc groff-base:groff lintian:lintian'
missing=
for entry in $packages; do
  command -v "${entry#*:}" >/dev/null || missing="$missing ${entry%%:*}"
done
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || { echo "please install:$missing" >&2; exit 2; }
  echo "installing$missing"
  # A build machine must not start a DHCP server, or NetworkManager, because a test wants its binary.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive apt-get install -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends $missing >/dev/null
fi
