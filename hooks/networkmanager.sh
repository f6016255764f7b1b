#!/bin/sh
# /etc/NetworkManager/dispatcher.d/90-wanhook: NetworkManager-dispatcher(8) runs it with DEVICE ACTION, after all that have
# lower numbers, and waits for it before it runs the next.
[ -r /usr/lib/wanhook/run-hook.sh ] || exit 0
hook=networkmanager
set -- "${1-}" "${2-}"
# shellcheck source=hooks/run-hook.sh
. /usr/lib/wanhook/run-hook.sh
