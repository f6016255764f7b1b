#!/bin/bash
# wanhook in the lab: installs it as on a real box, and asks the kernel (never wanhook) what came of it.
# Sourced after lab.sh by the scenarios that need the product.

# shellcheck disable=SC1091
. "${BASH_SOURCE[0]%/*}/lab.sh"

GROUP=20999
FROM_PREF=20300

# product_ready: installed, configured, all three lines up and balanced. Once; every scenario begins with it.
# The host has put together what is to be installed ("install.sh --destdir", in test/support/vm.ts): it takes 2 s there
# and a minute here. What install.sh does to a live system is tested in test/kernel/install*.test.ts.
product_ready() {
  if [ -e "$LAB/installed" ]; then
    balance_is dsl1 dsl2 cable && return
    lines_ensure
    await 90 balance_is dsl1 dsl2 cable || { what_is 'not balanced at the start' && check 'three lines in the balance at the start' no yes; }
    return
  fi
  [ -s "$LAB/hopeless" ] && skip "$(<"$LAB/hopeless")"
  cp -a "$OUT/tree/etc" "$OUT/tree/usr" / || give_up 'cannot be installed'
  mkdir -p /etc/wanhook/links
  printf '%s\n' 'BALANCE=flow' 'LAN=lan0' >/etc/wanhook/wanhook.env
  printf '%s\n' 'ID=1' 'PPP_IPPARAM=dsl1' 'WEIGHT=1' >/etc/wanhook/links/dsl1.env
  printf '%s\n' 'ID=2' 'PPP_IPPARAM=dsl2' 'WEIGHT=1' >/etc/wanhook/links/dsl2.env
  printf '%s\n' 'ID=3' 'DEVICE=wan3' 'WEIGHT=1' >/etc/wanhook/links/cable.env
  recorder_install
  lines_up || { check 'the lines come up' no yes && give_up 'the lines did not come up'; }
  serve
  local start
  now
  start=$NOW
  if ! await 120 balance_is dsl1 dsl2 cable; then
    what_is 'never balanced'
    check 'three lines in the balance' no yes $((NOW - start))
    give_up 'the three lines never were in the balance'
  fi
  check 'three lines in the balance' yes yes "$MS"
  # What left by a wrong line while nobody had set rules yet (resets of an earlier scenario's connections) is not wanhook's.
  local isp
  for isp in A B C; do
    isp_spoofed $isp
    echo "$GOT" >"$LAB/spoofed$isp"
  done
  touch "$LAB/installed"
}

# give_up REASON: the scenarios to come would only wait for what cannot be.
give_up() {
  echo "$*" >"$LAB/hopeless"
  exit 1
}

# balance_size: members of the nexthop group, in GOT (0: no group). group_is N.
balance_size() {
  local text members
  text=$(ip nexthop show id $GROUP 2>/dev/null)
  if [[ $text =~ group\ ([0-9,/]+) ]]; then
    members=${BASH_REMATCH[1]//[!\/]/}
    GOT=$((${#members} + 1))
  else
    GOT=0
  fi
}
group_is() { balance_size && [ "$GOT" -eq "$1" ]; }

# rule_from ADDRESS: there is a source rule for it. rules_from: all of them, sorted, in GOT.
rules_from() {
  local from text=''
  while read -r _ _ from _; do text+="$from "; done < <(ip -4 rule show pref $FROM_PREF)
  # shellcheck disable=SC2086 # words
  GOT=$(printf '%s\n' $text | sort | tr '\n' ' ')
  GOT=${GOT% }
}
rule_from() {
  rules_from
  [[ " $GOT " == *" $1 "* ]]
}

# address_of LINK, in ADDRESS; status 1 when down.
address_of() {
  if [ "$1" != cable ]; then
    ppp_device "$1"
    return
  fi
  DEV=wan3
  read -r _ _ _ ADDRESS _ < <(ip -o -4 addr show dev wan3)
  ADDRESS=${ADDRESS%/*}
  [ -n "$ADDRESS" ]
}

# table_of LINK: its default route is there and names its present device.
table_ok() {
  local id line
  case $1 in dsl1) id=1 ;; dsl2) id=2 ;; cable) id=3 ;; esac
  address_of "$1" || return 1
  line=$(ip -4 route show table $((20000 + id)) 2>/dev/null)
  [[ $line == *default*"dev $DEV "* ]]
}

# balance_is LINK…: exactly these are in the group, each with its table and its source rule, and there are no others.
balance_is() {
  local link want=''
  group_is $# || return 1
  for link in "$@"; do
    table_ok "$link" || return 1
    want+="$ADDRESS"$'\n'
  done
  rules_from
  [ "$GOT" = "$(printf %s "$want" | sort | tr '\n' ' ' | sed 's/ $//')" ]
}

# what_is: for the report of a failed balance_is.
what_is() {
  {
    now
    echo "== $NOW ${1:-}"
    ip -4 rule
    ip nexthop
    ip -4 route show table all | grep -v 'table local'
    ip -4 -o addr
  } >>"$OUT/state.log" 2>&1
}
check_balance() { # NAME SECONDS LINK…
  local name=$1 limit=$2
  shift 2
  check_await "$name" "$limit" balance_is "$@"
  what_is "$name"
}

# The whole course of one drop, probed from the LAN and from the router all the time:
#   drop_course NAME LINK DROP-COMMAND…, line_back …, drop_verdict NAME LINK
# What is asked for:
#  - from the moment the device is gone, not one probe is lost (before it, nobody can know);
#  - the hook has withdrawn rule, table and nexthop; on return, not one probe is lost either, and the line carries again;
#  - long-lived flows on other lines live through both; those on the line are told, they do not hang.
drop_course() {
  local name=$1 link=$2
  shift 2
  address_of "$link"
  OLD=$ADDRESS OLD_DEV=$DEV
  rm -f "$LAB/hold.json"
  hold_start 12 || check "$name: flows to be held" 'none' 12
  # Not every 5 ms, as in namespaces: the probers would have the one emulated processor to themselves.
  probe_start lan 120000 --every 25
  probe_start router 120000 --every 25
  pause 2
  # Polling would find out late: the kernel's own announcement has its time. It is the device that counts, not the
  # address: with IPv6CP, pppd takes the address first and the device down some 100 ms later, and until then the group
  # sends packets into it, with no hook called yet.
  ip -ts -o monitor link >"$LAB/monitor.log" 2>/dev/null &
  local monitor=$!
  disown
  pause 0.3
  now
  DROPPED=$NOW
  hooks_mark
  "$@"
  await 30 ppp_gone "$OLD_DEV" "$OLD" || check "$name: the line goes" no yes
  now
  GONE=$NOW
  local stamp
  await 5 device_down || say "no word of $OLD_DEV going down"
  stamp=$(sed -n "/ $OLD_DEV: /{/[<,]UP[,>]/!s/^\[\([^]]*\)\].*/\1/p}" "$LAB/monitor.log" | head -n 1)
  [ -z "$stamp" ] || GONE=$(date -d "$stamp" +%s%3N)
  kill "$monitor" 2>/dev/null
  printf '{"times":"%s: %s","dropped":%s,"gone":%s}\n' "$SCENARIO" "$name" "$DROPPED" "$GONE" >>"$OUT/checks.jsonl"
  measure "$name: from the drop until the kernel knows" $((GONE - DROPPED)) ms
}

device_down() { grep " $OLD_DEV: " "$LAB/monitor.log" | grep -qv '[<,]UP[,>]'; }

# The address is no longer on a device that is up (a device of that name may be another's).
ppp_gone() { ! [[ $(ip -o -4 addr show dev "$1" up 2>/dev/null) == *" $2 "* ]]; }

# drop_verdict NAME LINK: after the line has returned. BACK (set by the caller): when it was up again.
drop_verdict() {
  local name=$1 link=$2 where
  pause 2
  address_of "$link"
  for where in lan router; do
    probe_stop $where "$name"
    measure "$name: lost before the kernel knew ($where)" "$(lost_between "$DROPPED" "$GONE" && echo "$LOST")" probes
    lost_between $((GONE + 10)) "$BACK"
    check "$name: none fails while it is gone ($where)" "$FAILED" 0
    check "$name: no SYN is repeated while it is gone ($where)" "$LOST" "<=$A_STALL"
    lost_between "$BACK" 9999999999999
    check "$name: none fails when it is back ($where)" "$FAILED" 0
    check "$name: no SYN is repeated when it is back ($where)" "$LOST" "<=$A_STALL"
    measure "$name: longest time without a probe ($where)" "$SILENCE" ms
    [ $where = router ] || check "$name: the line carries again" "$SOURCES" "*\"$ADDRESS\":*"
  done
  if [ -e "$LAB/hold.json" ]; then
    hold_stop "$OLD"
    measure "$name: held flows on the line" "$HELD_GONE" "of $HELD"
    check "$name: flows on other lines live on" "$HELD_HURT" 0
    check "$name: flows on the line do not hang" "$HELD_HANG" 0
    rm -f "$LAB/hold.json"
  fi
}

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

# line_back LINK ADDRESS SECONDS: waits until the line has this address; BACK is that moment.
line_back() {
  await "$3" link_has "$1" "$2" || check "$1 is back with $2" no yes
  now
  BACK=$NOW
}
link_has() { address_of "$1" && [ "$ADDRESS" = "$2" ]; }

# Nothing left any ISP with a source that is not its own, since the last call.
check_spoofed() {
  local isp before
  for isp in A B C; do
    isp_spoofed $isp
    before=0
    [ -s "$LAB/spoofed$isp" ] && read -r before <"$LAB/spoofed$isp"
    echo "$GOT" >"$LAB/spoofed$isp"
    check "$1: nothing with a wrong source at isp$isp" $((GOT - before)) 0
  done
}
