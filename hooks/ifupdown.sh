#!/bin/sh
# /etc/network/if-up.d/wanhook and if-post-down.d/wanhook: ifup and ifdown run it (interfaces(5)) without arguments, once for
# each family. The phase is the directory's: ifup's relatives have other words for it.
/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
  PHASE=@HOOK@ IFACE="${IFACE-}" ADDRFAM="${ADDRFAM-}" METHOD="${METHOD-}" \
  IF_ADDRESS="${IF_ADDRESS-}" IF_NETMASK="${IF_NETMASK-}" IF_GATEWAY="${IF_GATEWAY-}" \
  /bin/sh /usr/lib/wanhook/run-hook.sh ifupdown </dev/null >/dev/null 2>&1
exit 0
