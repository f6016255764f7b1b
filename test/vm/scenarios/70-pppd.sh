#!/bin/bash
# pppd's own ideas of the default route and of dialling (defaultroute, replacedefaultroute, demand), with persist: what
# it does to `main` is its business; the balance, each line's table and the LAN's connections must not notice.
# limit: 600
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready

# Whatever happens, the others find their lines as they were.
clean_up() {
  ppp_hangup dsl1
  ppp_hangup dsl2
  peer_file dsl1 ethA
  peer_file dsl2 ethB
} 2>/dev/null
trap clean_up EXIT
trap exit TERM

# options NAME NIC OPTION…: a peer's file without nodefaultroute, which would forbid the others.
options() {
  peer_file "$@"
  sed -i '/^nodefaultroute$/d' "/etc/ppp/peers/$1"
}

# main_default: device of the default route in `main`, in GOT (none: empty).
main_default() {
  GOT=$(ip -4 route show table main default | sed -n '1s/.* dev \([^ ]*\).*/\1/p')
}
main_default_is() { main_default && [ "$GOT" = "$1" ]; }
nothing_to_do() { # NAME
  local plan status=0
  plan=$(wanhook plan 2>&1) || status=$?
  check "$1: wanhook plan is empty" "$status $plan" '0 *'
}

# lost NAME LINK COMMAND…: the line goes; what began just before or meanwhile on that line may fail, and nothing else.
# WINDOWS: from when until when, each.
WINDOWS=()
lost() {
  local link=$1 name=$2
  shift 2
  address_of "$link"
  OLD=$ADDRESS OLD_DEV=$DEV
  hooks_mark
  now
  local from=$((NOW - 3000))
  "$@"
  check_hook "$name: ip-down" 60 "ip-down $OLD_DEV * $OLD 10.64.64.64 $link *"
  now
  WINDOWS+=("$from $NOW")
}

# The provider's DHCP has put a default route into `main` before.
say 'replacedefaultroute, then defaultroute'
probe_start lan 590000 --every 20 --timeout 12000
options dsl2 ethB defaultroute replacedefaultroute
lost dsl2 'replacedefaultroute: the old line' ppp_hangup dsl2
ppp_dial dsl2
check_balance 'replacedefaultroute: three lines in the balance' 60 dsl1 dsl2 cable
address_of dsl2
check_await 'replacedefaultroute: pppd has taken main' 30 main_default_is "$DEV"
options dsl1 ethA defaultroute
lost dsl1 'defaultroute: the old line' ppp_hangup dsl1
ppp_dial dsl1
check_balance 'defaultroute: three lines in the balance' 60 dsl1 dsl2 cable
address_of dsl2
check_await 'defaultroute: refused, main is as it was' 30 main_default_is "$DEV"
nothing_to_do 'both'

say 'each redials'
isp_next_address B 192.0.2.41
lost dsl2 'replacedefaultroute' drop_hup dsl2
line_back dsl2 192.0.2.41 90
lost dsl1 'defaultroute' drop_server_kill A
check_balance 'redialled: three lines in the balance' 60 dsl1 dsl2 cable
nothing_to_do 'redialled'
for link in dsl1 dsl2; do
  address_of $link
  check_await "redialled: bound to its address, $link answers" 10 ping_from "$ADDRESS"
done

# Its device is up with an address that is nobody's before anybody has dialled, and with the old one after a hang-up.
say 'demand'
options dsl1 ethA noipv6 demand defaultroute replacedefaultroute ipcp-accept-local ipcp-accept-remote 10.64.0.1:10.64.0.2
lost dsl1 'demand: the old line' ppp_hangup dsl1
hooks_mark
ppp_dial dsl1
check_hook 'demand: ip-pre-up without addresses' 60 'ip-pre-up ppp* ethA * 0.0.0.0 0.0.0.0 dsl1 *'
check_balance 'demand: not dialled, two lines in the balance' 60 dsl2 cable
DEV=${HOOK#ip-pre-up } DEV=${DEV%% *}
ping -n -c 1 -W 1 -I "$DEV" "$INTERNET" >/dev/null 2>&1
check_hook 'demand: dialled by a packet' 60 "ip-up $DEV ethA * 198.51.100.* 10.64.64.64 dsl1 *"
check_balance 'demand: three lines in the balance' 60 dsl1 dsl2 cable
# The LAN's own connections dial it again.
isp_next_address A 198.51.100.42
lost dsl1 'demand' drop_hup dsl1
check 'demand: the device stays up' "$HOOK" '*\[device unknown\]'
check_await 'demand: so does its default route in main' 30 main_default_is "$OLD_DEV"
line_back dsl1 198.51.100.42 90
check_balance 'demand: redialled by the LAN, three lines in the balance' 60 dsl1 dsl2 cable
now
WINDOWS[-1]="${WINDOWS[-1]% *} $NOW"
nothing_to_do 'demand'
check_await 'demand: bound to its address, it answers' 30 ping_from 198.51.100.42

pause 1
probe_stop lan options
all=0 excused=0
lost_between 0 9999999999999
all=$FAILED
for window in "${WINDOWS[@]}"; do
  # shellcheck disable=SC2086 # from, to
  lost_between $window
  excused=$((excused + FAILED))
done
measure 'connections that a line took with it' "$excused" "of $SENT"
check 'no other connection of the LAN fails, all along' $((all - excused)) 0
