#!/bin/sh
# /usr/lib/wanhook/udhcpc.script, for "udhcpc -s": the distribution's own script, which configures the device, and then
# wanhook. For systems whose script has no hook directory: Debian, Ubuntu, Arch, Fedora.
code=1
for script in /etc/udhcpc/default.script /usr/share/udhcpc/default.script /usr/share/udhcpc/default-script; do
  [ -x "$script" ] || continue
  "$script" "$@"
  code=$?
  break
done
[ -x "$script" ] || logger -t wanhook -p daemon.err "udhcpc's own script is missing: nobody configures ${interface-}"
# shellcheck source=hooks/run-hook.sh
(set -- "${1-}" && hook=udhcpc && . /usr/lib/wanhook/run-hook.sh) </dev/null >/dev/null 2>&1
# udhcpc has to know about its script; what went wrong with ours is in syslog and in wanhook's journal.
exit $code
