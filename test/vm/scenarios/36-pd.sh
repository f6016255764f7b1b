#!/bin/bash
# A prefix delegated over PPPoE: dhcpcd asks for it, WIDE's dhcp6s gives it, over real PPP devices. No monitor runs.
# limit: 600
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"
# shellcheck disable=SC1091
. "$(dirname "$0")/../isp6.sh"

{ command -v dhcp6s && command -v dhcpcd; } >/dev/null || skip 'wide-dhcpv6-server and dhcpcd are not installed'
product_ready

DHCPCD=''
clean_up() {
  [ -z "$DHCPCD" ] || kill "$DHCPCD"
  isp6_down
  rm -f /usr/lib/dhcpcd/dhcpcd-hooks/00-record
} 2>/dev/null
trap clean_up EXIT
trap exit TERM

# As for a router: of its devices it sees the line and the LAN, and asks for a prefix only.
address_of dsl1
LINE=$DEV
cat >/etc/dhcpcd.conf <<-END
	nodev
	nohook resolv.conf, hostname, ntp.conf
	ipv6only
	noipv6rs
	duid $DUID
	allowinterfaces $LINE lan0
	interface $LINE
	ia_pd 1 lan0/5
	END
# shellcheck disable=SC2016 # for dhcpcd's script to expand
printf '( exec </dev/null >/dev/null 2>&1; %s/record dhcpcd "$interface" "$reason" "new=$new_dhcp6_ia_pd1_prefix1/$new_dhcp6_ia_pd1_prefix1_length" "old=$old_dhcp6_ia_pd1_prefix1" ) || :\n' \
  "$LAB" >/usr/lib/dhcpcd/dhcpcd-hooks/00-record
dhcpcd -B -d >"$OUT/dhcpcd.log" 2>&1 &
DHCPCD=$!

# delegated PREFIX: rule and end are there, of no other prefix, and what has an address out of it leaves by the line.
delegated() {
  address_of dsl1 && rules6 && [ "$GOT" = "$1" ] && [[ $(ends6) == *"unreachable $1 "* ]] &&
    [[ $(ip -N -6 route get "$SERVER6" from "${1%00::/56}05::1" 2>&1) == *" dev $DEV table 20001 "* ]]
}
# Prefixes with a rule of ours to the line's table, in GOT. ends6: our routes where they end; dhcpcd makes some, too.
rules6() { GOT=$(ip -N -6 rule | sed -n 's|.*from \([^ ]*/56\) lookup 20001 .*|\1|p' | tr '\n' ' ') GOT=${GOT% }; }
ends6() { ip -6 route show type unreachable proto 201; }
none6() { rules6 && [ -z "$GOT" ] && [[ $(ends6) != *2001:db8:a1:* ]]; }
answers() { ping -6 -n -c 1 -W 2 -I "${1%00::/56}05::1" "$SERVER6" >/dev/null 2>&1; }
has6() { address_of dsl1 && [[ $(ip -6 -o addr show dev "$DEV" to 2001:db8:a1::/64) == *inet6* ]]; }

isp6_up
for prefix in 2001:db8:a1:100::/56 2001:db8:a1:200::/56; do
  say "$prefix"
  isp6_delegate "$prefix"
  hooks_mark
  drop_hup dsl1
  check_hook "$prefix: ipv6-down" 60 "ipv6-down $LINE ethA * dsl1 *"
  check_hook "$prefix: BOUND6" 120 "dhcpcd $LINE BOUND6 new=$prefix *"
  check_await "$prefix: its rule to the line's table, and no other prefix's" 60 delegated "$prefix"
  check_await "$prefix: an answer to an address out of it" 30 answers "$prefix"
  check_await "$prefix: an address by its router's advertisement, too" 60 has6
  check_balance "$prefix: three lines in the IPv4 balance" 60 dsl1 dsl2 cable
  status=0
  plan=$(wanhook plan 2>&1) || status=$?
  check "$prefix: wanhook plan is empty" "$status $plan" '0 *'
done

say 'hung up'
hooks_mark
ppp_hangup dsl1
check_hook 'hung up: ipv6-down' 60 "ipv6-down $LINE ethA * dsl1 *"
check_await 'hung up: the prefix has no rule and no end' 60 none6
ppp_dial dsl1
