#!/bin/bash
# The lab itself, without wanhook: three real daemons bring three lines up and call real hooks, as HOOKS.md says. What
# they say when a line goes is asked where it goes (40-drops, 50-dhcp).
# limit: 120
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../lab.sh"

recorder_install
hooks_mark
ppp_dial dsl1
check_hook 'dsl1 comes up' 30 'ip-up ppp0 ethA * 198.51.100.10 10.64.64.64 dsl1 *'
ppp_dial dsl2
dhcp_serve 3 20 29 600
dhclient_up
check_hook 'dsl2 comes up, with the same peer address' 30 'ip-up ppp1 ethB * 192.0.2.10 10.64.64.64 dsl2 *'
check_hook 'ipv6-up comes too' 20 'ipv6-up ppp0 ethA * fe80::* fe80::* dsl1 *'
check_hook 'cable is bound' 30 'dhclient wan3 BOUND new=100.64.3.2? old= routers=100.64.3.1 exit=0 *'
check_await 'the Internet answers over dsl1' 5 ping_via ppp0
check_await 'the Internet answers over dsl2' 5 ping_via ppp1
check_await 'the Internet answers over cable' 5 ping_via wan3
for isp in A B C; do
  isp_spoofed $isp
  check "nothing with a wrong source at isp$isp" "$GOT" 0
done
lines_down
check_await 'all lines down' 10 not ppp_device dsl1
