#!/bin/sh
# /etc/networkd-dispatcher/@HOOK@.d/90-wanhook: networkd-dispatcher runs it when a device of systemd-networkd gets into that
# state, without arguments. Script and directory must be root's, with mode 0755 exactly.
[ -r /usr/lib/wanhook/run-hook.sh ] || exit 0
hook=networkd
set --
# shellcheck source=hooks/run-hook.sh
. /usr/lib/wanhook/run-hook.sh
