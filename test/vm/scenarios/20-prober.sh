#!/bin/bash
# The prober itself: does it keep its pace, is nothing lost when nothing happens, and does it tell lost from late?
# limit: 90
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../lab.sh"

ppp_dial dsl1
await 30 ppp_device dsl1
# Plain routing, so that there is something to probe: everything over dsl1.
sysctl -qw net.ipv4.ip_forward=1
ip route replace default dev "$DEV"
nft "add table ip lab; add chain ip lab nat { type nat hook postrouting priority 100; }; add rule ip lab nat oifname $DEV masquerade"
serve
probe_start lan 10000
probe_start router 10000
pause 2
for where in lan router; do
  probe_stop $where 'calm'
  check "prober keeps its pace ($where)" "$SILENCE" '<=2000'
  check "nothing lost in calm ($where)" "$LOST" "<=$A_STALL"
done
tc -n ispA qdisc replace dev core root netem loss 30%
probe_start router 10000
pause 2
probe_stop router '30 % loss'
check 'lost packets are lost' "$LOST" '>=3'
# Longer than the wait for the second SYN: as on a machine that stood still.
tc -n ispA qdisc replace dev core root netem delay 1400ms
probe_start router 10000
pause 1
probe_stop router 'all late'
check 'late packets are not lost' "$LOST" "<=$A_STALL"
tc -n ispA qdisc del dev core root
nft delete table ip lab
ppp_hangup dsl1
sysctl -qw net.ipv4.ip_forward=0
