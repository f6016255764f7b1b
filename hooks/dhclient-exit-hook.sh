#!/bin/sh
# /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook: SOURCED by dhclient-script(8), after the file rfc3442-classless-routes.
# If anything here failed, dhclient would decline its address and ask for another until the pool is empty. Hence a subshell,
# no variable set outside it, and `|| :`.
# shellcheck source=hooks/run-hook.sh
(set -- && hook=dhclient && . /usr/lib/wanhook/run-hook.sh) </dev/null >/dev/null 2>&1 ||
  /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin logger -t wanhook -p daemon.err \
    'hook dhclient: not heard: /usr/lib/wanhook/run-hook.sh is not there, or one of its variables is readonly here' || :
