#!/bin/bash
# The DHCP line: renewed, renumbered by a NAK, expired, back, released; under traffic. Real dhclient-script.
# limit: 600
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready

say 'short leases'
hooks_mark
now
start=$NOW
dhclient_release
check_hook 'released: RELEASE' 60 'dhclient wan3 RELEASE * old=100.64.3.2? *'
check_balance 'released: two lines in the balance' 60 dsl1 dsl2
# Not shorter: dhclient waits for its hooks, seconds on a busy host (hence the time that the first one took), and an
# address that the kernel lets expire meanwhile (valid_lft) is another matter than a renewed one.
now
lease=$((14 + (NOW - start) / 500))
dhcp_serve 3 30 39 $lease
dhclient_up
check_hook 'bound' 60 'dhclient wan3 BOUND new=100.64.3.3? *'
check_balance 'bound: three lines in the balance' 60 dsl1 dsl2 cable
probe_start lan 120000
hooks_mark
check_hook 'renewed' $((lease + 30)) 'dhclient wan3 RENEW new=100.64.3.3? old=100.64.3.3? *'
pause 2
probe_stop lan renewed
check 'renewed: nothing lost' "$LOST" "<=$A_STALL"
check_balance 'renewed: three lines in the balance' 60 dsl1 dsl2 cable

say 'renumbered'
hooks_mark
dhcp_serve 4 20 29 $lease
check_hook 'renumbered: EXPIRE' $((lease + 30)) 'dhclient wan3 EXPIRE * old=100.64.3.3? *'
check_hook 'renumbered: BOUND' 60 'dhclient wan3 BOUND new=100.64.4.2? * routers=100.64.4.1 *'
check_balance 'renumbered: three lines in the balance' 60 dsl1 dsl2 cable
probe_start lan 60000
pause 2
probe_stop lan renumbered
check 'renumbered: nothing lost' "$LOST" "<=$A_STALL"
check 'renumbered: the line carries' "$SOURCES" '*"100.64.4.2?":*'

say 'expired'
hooks_mark
dhcp_stop
check_hook 'expired: EXPIRE' $((lease + 30)) 'dhclient wan3 EXPIRE * old=100.64.4.2? *'
check_hook 'expired: FAIL' $((lease + 30)) 'dhclient wan3 FAIL *'
check_balance 'expired: two lines in the balance' 60 dsl1 dsl2
probe_start lan 60000
pause 2
probe_stop lan expired
check 'expired: nothing lost' "$LOST" "<=$A_STALL"
hooks_mark
dhcp_serve 3 20 29 600
check_hook 'back: BOUND' 60 'dhclient wan3 BOUND new=100.64.3.2? *'
check_balance 'back: three lines in the balance' 60 dsl1 dsl2 cable

dhcp_declines
check 'no DHCPDECLINE' "$GOT" 0
check_spoofed dhcp
