#!/bin/bash
# The lab itself, without wanhook: real daemons call real hooks, each kind of drop as HOOKS.md says.
# limit: 240
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../lab.sh"

recorder_install
hooks_mark
ppp_dial dsl1
check_hook 'dsl1 comes up' 20 'ip-up ppp0 ethA * 198.51.100.10 10.64.64.64 dsl1 *'
ppp_dial dsl2
check_hook 'dsl2 comes up, with the same peer address' 20 'ip-up ppp1 ethB * 192.0.2.10 10.64.64.64 dsl2 *'
check_hook 'ipv6-up comes too' 10 'ipv6-up ppp0 ethA * fe80::* fe80::* dsl1 *'
dhcp_serve 3 20 29 600
dhclient_up
check_hook 'cable is bound' 20 'dhclient wan3 BOUND new=100.64.3.2? old= routers=100.64.3.1 exit=0 *'
check_await 'the Internet answers over dsl1' 5 ping_via ppp0
check_await 'the Internet answers over dsl2' 5 ping_via ppp1
check_await 'the Internet answers over cable' 5 ping_via wan3

say 'server kill'
hooks_mark
isp_next_address A 198.51.100.11
drop_server_kill A
check_hook 'server kill: ip-down, old address' 10 'ip-down ppp0 ethA * 198.51.100.10 10.64.64.64 dsl1 *'
check_hook 'server kill: redial, new address' 20 'ip-up ppp0 ethA * 198.51.100.11 10.64.64.64 dsl1 *'
check_await 'server kill: answers again' 5 ping_via ppp0

say 'HUP'
hooks_mark
drop_hup dsl1
# The next session may have made its device already, not up yet, by the time the hook looks.
check_hook 'HUP: ip-down, device absent or not up' 10 'ip-down ppp0 ethA * 198.51.100.11 10.64.64.64 dsl1 \[device [ad]*\]'
check_hook 'HUP: redial' 20 'ip-up ppp0 ethA * 198.51.100.11 10.64.64.64 dsl1 *'

say 'HUP, and the unit is taken meanwhile'
hooks_mark
drop_hup dsl1
unit_take A ppp0
# The hook may find a ppp0 that is not its own any more.
check_hook 'unit taken: ip-down' 10 'ip-down ppp0 ethA * 198.51.100.11 10.64.64.64 dsl1 *'
check_hook 'unit taken: redial on another unit' 20 'ip-up ppp2 ethA * 198.51.100.11 10.64.64.64 dsl1 *'
check_await 'unit taken: answers again' 5 ping_via ppp2
unit_free

say 'LCP timeout'
hooks_mark
drop_lcp A
check_hook 'LCP timeout: ip-down' 15 'ip-down ppp2 ethA * 198.51.100.11 10.64.64.64 dsl1 *'
line_heal A
check_hook 'LCP timeout: redial' 30 'ip-up ppp* ethA * 198.51.100.11 10.64.64.64 dsl1 *'

say 'kill -9'
ppp_device dsl1
device=$DEV
hooks_mark
drop_kill9 dsl1
check_await 'kill -9: the device is gone' 5 ppp_absent "$device"
pause 1
check_no_hook 'kill -9: no ip-down' 'ip-down *'
ppp_dial dsl1
check_hook 'kill -9: dialled again' 20 'ip-up ppp* ethA * 198.51.100.11 10.64.64.64 dsl1 *'

say 'DHCP'
hooks_mark
dhcp_serve 3 30 39 6
dhclient_release
check_hook 'release' 10 'dhclient wan3 RELEASE * old=100.64.3.2? *'
dhclient_up
check_hook 'bound again' 10 'dhclient wan3 BOUND new=100.64.3.3? *'
check_hook 'renewed' 10 'dhclient wan3 RENEW new=100.64.3.3? old=100.64.3.3? *'
hooks_mark
dhcp_serve 4 20 29 6
check_hook 'NAK arrives as EXPIRE' 10 'dhclient wan3 EXPIRE * old=100.64.3.3? *'
check_hook 'renumbered' 10 'dhclient wan3 BOUND new=100.64.4.2? * routers=100.64.4.1 *'
check_await 'renumbered: answers again' 5 ping_via wan3
hooks_mark
dhcp_stop
check_hook 'server gone: EXPIRE' 15 'dhclient wan3 EXPIRE * old=100.64.4.2? *'
check_hook 'server gone: FAIL' 15 'dhclient wan3 FAIL *'
hooks_mark
dhcp_serve 3 20 29 600
check_hook 'server back: BOUND' 15 'dhclient wan3 BOUND new=100.64.3.2? *'

dhcp_declines
check 'no DHCPDECLINE' "$GOT" 0
for isp in A B C; do
  isp_spoofed $isp
  check "nothing with a wrong source at isp$isp" "$GOT" 0
done
lines_down
check_await 'all lines down' 10 not ppp_device dsl1
