#!/bin/sh
# pppd(8)'s @HOOK@: runs with DEVICE TTY SPEED LOCAL REMOTE IPPARAM.
# Whoever may call pppd can put NODE_OPTIONS or LD_PRELOAD into this environment (`pppd set NAME=VALUE`): nothing of it
# is passed on but what is named here, and wanhook believes even that only after checking it.
/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
  LINKNAME="${LINKNAME-}" DNS1="${DNS1-}" DNS2="${DNS2-}" \
  /bin/sh /usr/lib/wanhook/run-hook.sh @HOOK@ "$@" </dev/null >/dev/null 2>&1
# Where there is one script for everybody, what was here before us goes on (install.sh).
[ ! -x "$0.before-wanhook" ] || "$0.before-wanhook" "$@"
# Never a failure towards pppd: what went wrong is in syslog and in wanhook's journal.
exit 0
