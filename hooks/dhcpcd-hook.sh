#!/bin/sh
# dhcpcd-hooks/90-wanhook: SOURCED by dhcpcd-run-hooks(8), for every interface and reason. Hence a subshell, whose failure
# nobody notices, and no variable set outside it. The environment is dhcpcd's own, but what is in it came from a server.
# shellcheck source=hooks/run-hook.sh
(set -- && hook=dhcpcd && . /usr/lib/wanhook/run-hook.sh) </dev/null >/dev/null 2>&1 ||
  /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin logger -t wanhook -p daemon.err \
    'hook dhcpcd: not heard: /usr/lib/wanhook/run-hook.sh is not there, or one of its variables is readonly here' || :
