# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by install.sh: the clients that can tell of a line, and where each distribution's look for hooks. Debian's have been
# run with these hooks (docs/clients.md); the others' scripts have been read.
# Of install.sh's: say, warn, die, live, destdir, all, distro.

CLIENTS='pppd dhclient dhcpcd udhcpc networkmanager networkd ifupdown'
DISTROS='debian arch fedora alpine'
PPP_HOOKS='ip-up ip-down ipv6-up ipv6-down'
# In this order: dhcpcd-run-hooks(8) has its directory where the distribution was built for.
DHCPCD_HOOKS='/usr/lib/dhcpcd/dhcpcd-hooks /usr/libexec/dhcpcd-hooks /lib/dhcpcd/dhcpcd-hooks'

# Sets distro to one of DISTROS, unless it has been given.
detect_distro() {
  [ -z "$distro" ] || return 0
  family=$(. /etc/os-release 2>/dev/null && say "${ID-} ${ID_LIKE-}") || :
  for word in $family; do
    case $word in
      debian | ubuntu | arch | fedora | alpine) distro=$word && break ;;
      rhel | centos) distro=fedora && break ;;
    esac
  done
  [ "$distro" != ubuntu ] || distro=debian
  [ -n "$distro" ] && return
  warn "no distribution known to wanhook ($family): hooks go where Debian has them (--distro NAME: one of $DISTROS)"
  distro=debian
}

# Is it installed? Below a directory nobody knows.
has_client() {
  [ "$all" = no ] || return 0
  case $1 in
    udhcpc) command -v udhcpc || { busybox --list | grep -x udhcpc; } ;;
    networkmanager) command -v NetworkManager ;;
    networkd) command -v networkd-dispatcher ;;
    ifupdown) command -v ifup ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

# hooks_of CLIENT: lines MODE SOURCE PATH HOOK, as "put" takes them.
hooks_of() {
  case $distro:$1 in
    # run-parts: no dot in the name. Arch runs nothing else than *.sh.
    debian:pppd) for hook in $PPP_HOOKS; do say "755 hooks/pppd.sh /etc/ppp/$hook.d/wanhook $hook"; done ;;
    arch:pppd) for hook in $PPP_HOOKS; do say "755 hooks/pppd.sh /etc/ppp/$hook.d/wanhook.sh $hook"; done ;;
    # No directory: there is one script for the administrator, or one for all.
    fedora:pppd) for hook in $PPP_HOOKS; do say "755 hooks/pppd.sh /etc/ppp/$hook.local $hook"; done ;;
    alpine:pppd) for hook in $PPP_HOOKS; do say "755 hooks/pppd.sh /etc/ppp/$hook $hook"; done ;;

    debian:dhclient) say '644 hooks/dhclient-exit-hook.sh /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook' ;;
    # Fedora's script sources only what is executable.
    fedora:dhclient) say '755 hooks/dhclient-exit-hook.sh /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook' ;;
    # One file for everything, the administrator's: see hints.
    *:dhclient) say '644 hooks/dhclient-exit-hook.sh /usr/lib/wanhook/dhclient-exit-hook.sh' ;;

    *:dhcpcd) say "644 hooks/dhcpcd-hook.sh $(dhcpcd_directory)/90-wanhook" ;;
    alpine:udhcpc)
      for hook in bound renew deconfig; do say "755 hooks/udhcpc.sh /etc/udhcpc/post-$hook/wanhook $hook"; done ;;
    *:udhcpc) say '755 hooks/udhcpc-script.sh /usr/lib/wanhook/udhcpc.script' ;;
    *:networkmanager) say '755 hooks/networkmanager.sh /etc/NetworkManager/dispatcher.d/90-wanhook' ;;
    *:networkd)
      for hook in routable configured degraded no-carrier off; do
        say "755 hooks/networkd.sh /etc/networkd-dispatcher/$hook.d/90-wanhook $hook"
      done ;;
    debian:ifupdown | alpine:ifupdown)
      say '755 hooks/ifupdown.sh /etc/network/if-up.d/wanhook post-up'
      say '755 hooks/ifupdown.sh /etc/network/if-post-down.d/wanhook post-down' ;;
  esac
}

dhcpcd_directory() {
  if [ "$live" = yes ]; then
    for directory in $DHCPCD_HOOKS; do
      [ ! -d "$directory" ] || { say "$directory" && return; }
    done
  fi
  if [ "$distro" = fedora ]; then say /usr/libexec/dhcpcd-hooks; else say /usr/lib/dhcpcd/dhcpcd-hooks; fi
}

# hooks/pppd.sh runs after itself what was in its place before.
may_replace() {
  case $1 in /etc/ppp/*.d/*) return 1 ;; /etc/ppp/*) ;; *) return 1 ;; esac
}
BEFORE=.before-wanhook

# keep_other PATH: both names at any time, for pppd may be starting it this instant.
keep_other() {
  other=$destdir$1
  if grep -q /usr/lib/wanhook/run-hook.sh "$other"; then # behind ours it would run the hook twice
    keep_as_fresh "$other" "$other"
    warn "$other has been changed since it was installed, and is replaced: your version is kept as $fresh." \
      "What is yours belongs into $other$BEFORE, which runs after ours"
    return
  fi
  cmp -s "$other" "$other$BEFORE" && return
  if [ -e "$other$BEFORE" ]; then
    keep_as_fresh "$other$BEFORE" "$other"
    warn "$other is not what was kept of it before, and goes on in its place: the older one is kept as $fresh"
  fi
  say "+ ln -f $other $other$BEFORE"
  ln -f "$other" "$other$BEFORE"
}
# keep_as_fresh FILE PATH: sets fresh, a name that nothing else has. After an interrupted run it has been kept already.
keep_as_fresh() {
  n=1
  until fresh=$2$BEFORE.$n && { [ ! -e "$fresh" ] || cmp -s "$1" "$fresh"; }; do n=$((n + 1)); done
  [ ! -e "$fresh" ] || return 0
  say "+ ln $1 $fresh"
  ln "$1" "$fresh"
}
# give_back PATH
give_back() {
  [ -e "$destdir$1$BEFORE" ] || return 0
  say "+ mv $destdir$1$BEFORE $destdir$1"
  mv -f "$destdir$1$BEFORE" "$destdir$1"
}

# What the administrator has to do for a client that is there.
hints() {
  case $distro:$1 in
    arch:dhclient | alpine:dhclient)
      say 'dhclient: add to /etc/dhclient-exit-hooks the line  . /usr/lib/wanhook/dhclient-exit-hook.sh' ;;
    alpine:udhcpc) ;;
    *:udhcpc) say 'udhcpc: start it for your lines with  -s /usr/lib/wanhook/udhcpc.script' ;;
  esac
}

verify_hooks() {
  for client in $found; do
    hooks_of "$client" | while read -r mode _ path _; do
      case $client:$path in
        pppd:/etc/ppp/*.d/*) check_run_parts "$path" ;;
      esac
      [ "$mode" != 755 ] || [ "$client" = dhclient ] || [ "${path##*.}" = script ] ||
        does_run "$path" || die "$path does not run: is /etc mounted noexec?"
    done
  done
}
# What ours runs behind itself is not to see a device that does not exist: it is only read there.
does_run() {
  if [ -e "$1$BEFORE" ]; then sh -n "$1" && [ -x "$1" ]; else "$1" 'no such device'; fi
}
check_run_parts() {
  directory=${1%/*}
  if [ "$distro" = debian ] && command -v run-parts >/dev/null; then
    run-parts --list "$directory" | grep -qx "$1" || die "run-parts does not find $1"
    hidden=${directory%.d}.local
    [ ! -x "$hidden" ] ||
      warn "$hidden is executable, so pppd's script runs it INSTEAD of all in $directory:" \
        "add to it the line  $1 \"\$@\""
  fi
}
