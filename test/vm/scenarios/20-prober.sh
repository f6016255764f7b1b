#!/bin/bash
# The prober itself: does it keep its pace, and is nothing lost when nothing happens?
# limit: 90
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../lab.sh"

ppp_dial dsl1
await 20 ppp_device dsl1
# Plain routing, so that there is something to probe: everything over dsl1.
sysctl -qw net.ipv4.ip_forward=1
ip route replace default dev "$DEV"
nft "add table ip lab; add chain ip lab nat { type nat hook postrouting priority 100; }; add rule ip lab nat oifname $DEV masquerade"
say 'routes are there'
serve
say 'server is there'
probe_start lan 10000
pause 3
probe_stop lan 'LAN alone'
probe_start lan 10000
probe_start router 10000
pause 3
probe_stop lan 'calm'
check 'prober keeps its pace (LAN)' "$SILENCE" '<=2000'
check 'nothing lost in calm (LAN)' "$LOST" "<=$A_STALL"
probe_stop router 'calm'
check 'prober keeps its pace (router)' "$SILENCE" '<=2000'
check 'nothing lost in calm (router)' "$LOST" "<=$A_STALL"
nft delete table ip lab
ppp_hangup dsl1
sysctl -qw net.ipv4.ip_forward=0

