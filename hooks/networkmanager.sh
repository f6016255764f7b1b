#!/bin/sh
# /etc/NetworkManager/dispatcher.d/90-wanhook: NetworkManager-dispatcher(8) runs it with DEVICE ACTION, after all that have
# lower numbers, and waits for it before it runs the next.
/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
  DEVICE_IP_IFACE="${DEVICE_IP_IFACE-}" IP4_ADDRESS_0="${IP4_ADDRESS_0-}" IP4_GATEWAY="${IP4_GATEWAY-}" \
  IP4_NAMESERVERS="${IP4_NAMESERVERS-}" \
  /bin/sh /usr/lib/wanhook/run-hook.sh networkmanager "${1-}" "${2-}" </dev/null >/dev/null 2>&1
exit 0
