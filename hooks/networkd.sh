#!/bin/sh
# /etc/networkd-dispatcher/@HOOK@.d/90-wanhook: networkd-dispatcher runs it when a device of systemd-networkd gets into that
# state, without arguments. Script and directory must be root's, with mode 0755 exactly.
/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
  IFACE="${IFACE-}" STATE="${STATE-}" IP_ADDRS="${IP_ADDRS-}" json="${json-}" \
  /bin/sh /usr/lib/wanhook/run-hook.sh networkd </dev/null >/dev/null 2>&1
exit 0
