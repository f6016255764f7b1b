#!/bin/bash
# Real PPTP and L2TP as links of wanhook: their own packets stay on the line below, whatever becomes of the lines.
# limit: 400
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"
# shellcheck disable=SC1091
. "$(dirname "$0")/../tunnel.sh"

product_ready
printf '%s\n' ID=4 PPP_IPPARAM=pptp WEIGHT=2 "TUNNEL_SERVER=$PPTP_SERVER" TUNNEL_OVER=dsl2,dsl1 >/etc/wanhook/links/pptp.env
printf '%s\n' ID=5 PPP_IPPARAM=l2tp WEIGHT=2 "TUNNEL_SERVER=$L2TP_SERVER" TUNNEL_OVER=cable >/etc/wanhook/links/l2tp.env
wanhook apply >"$OUT/tunnel-apply.log" 2>&1
check 'apply with tunnels' "$?" 0
watch_start
tunnel_servers

# only_over NAME SERVER LINK: its packets leave by this line and by no other.
only_over() {
  address_of "$3"
  watched "$2" "$DEV"
  check "$1: the tunnel's own packets leave by $3" "$OWN" '>=1'
  check "$1: none by another line, or by a tunnel" "$OTHERS" 0
}

hooks_mark
pptp_dial
l2tp_dial
check_hook 'PPTP comes up' 40 "ip-up ppp* $PPTP_INSIDE 172.30.1.1 pptp *"
check_hook 'L2TP comes up' 40 "ip-up ppp* $L2TP_INSIDE 172.30.2.1 l2tp *"
check_await 'five links in the balance' 20 group_is 5
probe_start lan 60000
pause 3
probe_stop lan 'with tunnels'
check 'the LAN uses PPTP' "$SOURCES" "*\"$PPTP_INSIDE\":*"
check 'the LAN uses L2TP' "$SOURCES" "*\"$L2TP_INSIDE\":*"
only_over PPTP "$PPTP_SERVER" dsl2
only_over L2TP "$L2TP_SERVER" cable

say 'the line below PPTP goes'
hooks_mark
watch_zero
now
start=$NOW
ppp_hangup dsl2
check_hook 'line lost: PPTP notices' 30 "ip-down ppp* $PPTP_INSIDE 172.30.1.1 pptp *"
hooks_mark
check_hook 'line lost: PPTP is back over the other line' 40 "ip-up ppp* $PPTP_INSIDE 172.30.1.1 pptp *"
now
measure 'PPTP is back after' $((NOW - start)) ms
check_await 'line lost: it answers from inside' 10 ping_from "$PPTP_INSIDE"
only_over 'line lost' "$PPTP_SERVER" dsl1

say 'no line is left for PPTP'
hooks_mark
ppp_hangup dsl1
check_hook 'no line: PPTP notices' 30 "ip-down ppp* $PPTP_INSIDE 172.30.1.1 pptp *"
watch_zero
pause 4
watched "$PPTP_SERVER" none
check 'no line: nothing leaves for its server, not by cable and not by L2TP' "$OTHERS" 0
check_await 'no line: L2TP does not care' 5 ping_from "$L2TP_INSIDE"
hooks_mark
ppp_dial dsl2
check_hook 'its line is back: PPTP too' 60 "ip-up ppp* $PPTP_INSIDE 172.30.1.1 pptp *"
only_over 'its line is back' "$PPTP_SERVER" dsl2
check_spoofed tunnels
what_is tunnels
