#!/bin/sh
# What udhcpc's script runs when it has configured the device: Alpine's runs /etc/udhcpc/post-@HOOK@/wanhook, without
# arguments; elsewhere /usr/lib/wanhook/udhcpc.script does.
[ -r /usr/lib/wanhook/run-hook.sh ] || exit 0
hook=udhcpc
set -- @HOOK@
# shellcheck source=hooks/run-hook.sh
. /usr/lib/wanhook/run-hook.sh
