#!/bin/bash
# wanhook installed as on a real box; three lines come up; both the LAN and the router use them.
# limit: 300
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready
what_is steady
probe_start lan 60000
probe_start router 60000
pause 3
probe_stop lan steady
check 'nothing lost (LAN)' "$LOST" "<=$A_STALL"
for link in dsl1 dsl2 cable; do
  address_of $link
  check "the LAN uses $link" "$SOURCES" "*\"$ADDRESS\":*"
done
probe_stop router steady
check 'nothing lost (router)' "$LOST" "<=$A_STALL"
for link in dsl1 dsl2 cable; do
  address_of $link
  check_await "bound to its address, $link answers" 5 ping_from "$ADDRESS"
  check_await "bound to its device, $link answers" 5 ping_via "$DEV"
done
check_spoofed steady

say 'IPv6CP'
for link in dsl1 dsl2; do
  address_of $link
  check_hook "$link has IPv6, too" 20 "ipv6-up $DEV * fe80::* fe80::* $link *"
done
check 'a line with link-local addresses only is no IPv6 line' "$(ip -6 route show table all | grep '^default')" ''
# On a busy host a hook may have waited in vain; what it had to say is done by the next.
check 'no hook has complained' "$(grep -a wanhook "$OUT/syslog" | grep -v 'was not free within')" ''
