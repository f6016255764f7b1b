#!/bin/sh
# /etc/network/if-up.d/wanhook and if-post-down.d/wanhook: ifup and ifdown run it (interfaces(5)) without arguments, once for
# each family. The phase is the directory's: ifup's relatives have other words for it.
[ -r /usr/lib/wanhook/run-hook.sh ] || exit 0
# shellcheck disable=SC2034 # handed on
PHASE=@HOOK@
hook=ifupdown
set --
# shellcheck source=hooks/run-hook.sh
. /usr/lib/wanhook/run-hook.sh
