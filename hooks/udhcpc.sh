#!/bin/sh
# What udhcpc's script runs when it has configured the device: Alpine's runs /etc/udhcpc/post-@HOOK@/wanhook, without
# arguments; elsewhere /usr/lib/wanhook/udhcpc.script does.
/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
  interface="${interface-}" ip="${ip-}" subnet="${subnet-}" router="${router-}" staticroutes="${staticroutes-}" \
  dns="${dns-}" \
  /bin/sh /usr/lib/wanhook/run-hook.sh udhcpc @HOOK@ </dev/null >/dev/null 2>&1
exit 0
