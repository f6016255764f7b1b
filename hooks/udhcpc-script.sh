#!/bin/sh
# /usr/lib/wanhook/udhcpc.script, for "udhcpc -s": the distribution's own script, which configures the device, and then
# wanhook. For systems whose script has no hook directory: Debian, Ubuntu, Arch, Fedora.
status=1
for script in /etc/udhcpc/default.script /usr/share/udhcpc/default.script /usr/share/udhcpc/default-script; do
  [ -x "$script" ] || continue
  "$script" "$@"
  status=$?
  break
done
[ -x "$script" ] || logger -t wanhook -p daemon.err "udhcpc's own script is missing: nobody configures ${interface-}"
/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
  interface="${interface-}" ip="${ip-}" subnet="${subnet-}" router="${router-}" staticroutes="${staticroutes-}" \
  dns="${dns-}" \
  /bin/sh /usr/lib/wanhook/run-hook.sh udhcpc "${1-}" </dev/null >/dev/null 2>&1
# udhcpc has to know about its script; what went wrong with ours is in syslog and in wanhook's journal.
exit $status
