#!/bin/sh
# /usr/sbin/wanhook: starts the command without any NODE_* or LD_* variable, but with those of the terminal.
# "health" needs none: it is asked every second.
[ "${1-}" != health ] || { shift && exec /usr/lib/wanhook/health.sh "$@"; }
# "use" runs a program of the caller's, in the caller's own environment.
caller_env=
case " $* " in *' use '*) caller_env=$(/usr/bin/env -0 | /usr/bin/base64 -w 0) ;; esac
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
node=@NODE@
[ -x "$node" ] || node=$(command -v node || command -v nodejs)
if [ -z "$node" ]; then
  echo "wanhook: cannot find node (was @NODE@) in $PATH: install Node.js 20.19 or newer" >&2
  exit 1
fi
exec /usr/bin/env -i PATH="$PATH" ${caller_env:+WANHOOK_CALLER_ENV="$caller_env"} ${TERM+TERM="$TERM"} ${COLUMNS+COLUMNS="$COLUMNS"} ${NO_COLOR+NO_COLOR="$NO_COLOR"} \
  ${FORCE_COLOR+FORCE_COLOR="$FORCE_COLOR"} ${LANG+LANG="$LANG"} ${LC_ALL+LC_ALL="$LC_ALL"} ${TZ+TZ="$TZ"} ${NOTIFY_SOCKET+NOTIFY_SOCKET="$NOTIFY_SOCKET"} \
  ${WATCHDOG_USEC+WATCHDOG_USEC="$WATCHDOG_USEC"} \
  ${WANHOOK_SCRIPTS+WANHOOK_SCRIPTS="$WANHOOK_SCRIPTS"} \
  "$node" /usr/lib/wanhook/hooks/wanhook.cjs "$@"
