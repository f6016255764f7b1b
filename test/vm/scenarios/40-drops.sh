#!/bin/bash
# Every way a PPPoE line goes and comes back, under traffic.
# limit: 700
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready

# course NAME NEW-ADDRESS DROP-COMMAND…: `meanwhile`, if defined, is called once the line is gone.
course() {
  local name=$1 address=$2
  shift 2
  say "$name"
  isp_next_address A "$address"
  drop_course "$name" dsl1 "$@"
  if declare -F meanwhile >/dev/null; then meanwhile; fi
  line_back dsl1 "$address" 60
  check_balance "$name: three lines in the balance again" 60 dsl1 dsl2 cable
  if [ "$1" = drop_kill9 ]; then
    check_no_hook "$name: no ip-down" 'ip-down *'
  else
    check_hook "$name: ip-down, old address" 10 "ip-down $OLD_DEV ethA * $OLD $PEER dsl1 *"
  fi
  check_hook "$name: ip-up, new address" 10 "ip-up ppp* ethA * $address $PEER dsl1 *"
  drop_verdict "$name" dsl1
  check_spoofed "$name"
  unset -f meanwhile
}

course 'server kill, new address' 198.51.100.21 drop_server_kill A

course 'HUP, same address' 198.51.100.21 drop_hup dsl1

meanwhile() { unit_take A "$OLD_DEV"; }
course 'HUP, unit taken' 198.51.100.22 drop_hup dsl1
address_of dsl1
check 'HUP, unit taken: on another device' "$([ "$DEV" != "$OLD_DEV" ] && echo yes)" yes
unit_free

meanwhile() {
  check_balance 'LCP timeout: two lines in the balance' 30 dsl2 cable
  line_heal A
}
course 'LCP timeout' 198.51.100.23 drop_lcp A

# No hook says that it is gone: the group shrinks by itself; rule and table are stale until something looks.
meanwhile() {
  check_await 'kill -9: two nexthops in the group' 5 group_is 2
  pause 2
  ppp_dial dsl1
}
course 'kill -9' 198.51.100.24 drop_kill9 dsl1

say 'the last line goes, all come back'
dhclient_release
ppp_hangup dsl1
ppp_hangup dsl2
check_await 'all gone' 10 group_is 0
ppp_dial dsl1
ppp_dial dsl2
dhclient_up
check_balance 'all gone: three lines in the balance again' 90 dsl1 dsl2 cable
probe_start lan 60000
pause 2
probe_stop lan 'after all were gone'
check 'all gone: the LAN is served again' "$LOST" 0
