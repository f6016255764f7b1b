#!/bin/sh
# pppd(8)'s @HOOK@: runs with DEVICE TTY SPEED LOCAL REMOTE IPPARAM.
# Whoever may call pppd can put NODE_OPTIONS or LD_PRELOAD into this environment (`pppd set NAME=VALUE`): no process but
# env(1) is started with it, nothing of it is passed on but what run-hook.sh names, and wanhook believes even that only after checking it.
# Where there is one script for everybody, what was here before us goes on (install.sh).
if [ -x "$0.before-wanhook" ]; then
  # shellcheck source=hooks/run-hook.sh
  (hook=@HOOK@ && . /usr/lib/wanhook/run-hook.sh)
  "$0.before-wanhook" "$@"
# Never a failure towards pppd: what went wrong is in syslog and in wanhook's journal.
elif [ -r /usr/lib/wanhook/run-hook.sh ]; then
  hook=@HOOK@
  # shellcheck source=hooks/run-hook.sh
  . /usr/lib/wanhook/run-hook.sh
fi
exit 0
