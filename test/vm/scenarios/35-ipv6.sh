#!/bin/bash
# IPv6 over PPPoE: IPv6CP brings link-local addresses, the provider's router says the prefix when it is asked (SLAAC).
# ipv6-up and ipv6-down tell wanhook; nothing else does, and no monitor runs.
# limit: 300
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"
# shellcheck disable=SC1091
. "$(dirname "$0")/../isp6.sh"

product_ready

trap isp6_down EXIT
trap exit TERM

has6() { address_of dsl1 && [[ $(ip -6 -o addr show dev "$DEV" scope global) == *' 2001:db8:a1:'* ]]; }
# By its own table, and by its device.
routed6() {
  [[ $(ip -6 route show table 20001) == *"default dev $DEV "* ]] && rule6 && ping -6 -n -c 1 -W 2 "$SERVER6" >/dev/null 2>&1
}
rule6() { [[ $(ip -6 rule show pref 20300) == *'from 2001:db8:a1::/64 lookup 20001 '* ]]; }

isp6_up
# The first time the router does not forward IPv6 yet. Then its new devices hear no advertisements unless told to.
for round in 'first' 'redialled'; do
  say "$round"
  address_of dsl1
  hooks_mark
  drop_hup dsl1
  check_hook "$round: ipv6-down" 60 "ipv6-down $DEV ethA * dsl1 *"
  check_await "$round: its rule goes with it" 60 not rule6
  check_hook "$round: ipv6-up" 60 'ipv6-up * ethA * fe80::* fe80::* dsl1 *'
  check_await "$round: an address by its router's advertisement" 60 has6
  check_await "$round: its table, its rule, and an answer over it" 60 routed6
done
ppp_hangup dsl1
check_await 'hung up: no rule' 60 not rule6
check_await 'hung up: no route' 30 sh -c '! ip -6 route show table all | grep -q "^default.*proto 201"'
ppp_dial dsl1
