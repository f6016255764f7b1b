#!/bin/sh
# /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook: SOURCED by dhclient-script(8), after the file rfc3442-classless-routes.
# If anything here failed, dhclient would decline its address and ask for another until the pool is empty. Hence a subshell,
# no variable set outside it, and `|| :`.
# shellcheck source=hooks/run-hook.sh
(set -- && hook=dhclient && . /usr/lib/wanhook/run-hook.sh) </dev/null >/dev/null 2>&1 || :
