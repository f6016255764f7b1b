#!/bin/bash
# pppd in the hands of NetworkManager: its dispatcher and pppd's own ip-up.d both tell of one line.
# limit: 500
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

command -v NetworkManager dbus-daemon >/dev/null || skip 'NetworkManager is not installed'
product_ready

clean_up() {
  mount -o remount,rw /sys
  nmcli connection down nm >/dev/null 2>&1
  # shellcheck disable=SC2046
  kill $(jobs -p) 2>/dev/null
  printf '%s\n' 'ID=2' 'PPP_IPPARAM=dsl2' 'WEIGHT=1' >/etc/wanhook/links/dsl2.env
}
trap clean_up EXIT
trap exit TERM

say 'NetworkManager'
ppp_hangup dsl2
check_balance 'two lines in the balance' 60 dsl1 cable
printf '%s\n' 'ID=2' 'DEVICE=wan2' 'WEIGHT=1' >/etc/wanhook/links/dsl2.env
wanhook apply >/dev/null
rm -rf /etc/NetworkManager/conf.d/* /usr/lib/NetworkManager/conf.d/* /etc/NetworkManager/system-connections/*
cat >/etc/NetworkManager/NetworkManager.conf <<-END
	[main]
	plugins=keyfile
	dhcp=internal
	dns=none
	auth-polkit=false
	no-auto-default=*
	[keyfile]
	unmanaged-devices=*,except:interface-name:ethB,except:interface-name:wan2
	[connectivity]
	enabled=false
	END
cat >/etc/NetworkManager/system-connections/nm.nmconnection <<-END
	[connection]
	id=nm
	uuid=11111111-2222-3333-4444-555555555555
	type=pppoe
	interface-name=wan2
	autoconnect=false
	[pppoe]
	parent=ethB
	username=dsl2
	password=secret
	[ppp]
	refuse-eap=true
	refuse-pap=true
	refuse-mschap=true
	refuse-mschapv2=true
	lcp-echo-failure=6
	lcp-echo-interval=1
	[ipv4]
	method=auto
	[ipv6]
	method=disabled
	END
chmod 600 /etc/NetworkManager/system-connections/nm.nmconnection
# What the dispatcher says, beside what pppd's own hooks say.
# shellcheck disable=SC2016 # for the dispatcher to expand
printf '#!/bin/sh\nexec %s/record nm "$DEVICE_IP_IFACE" "$@"\n' "$LAB" >/etc/NetworkManager/dispatcher.d/00-record
chmod 755 /etc/NetworkManager/dispatcher.d/00-record
# Else it waits for udev's word of every device.
mount -o remount,ro /sys
mkdir -p /run/dbus
dbus-daemon --system --nofork --nopidfile >"$OUT/dbus.log" 2>&1 &
await 10 test -S /run/dbus/system_bus_socket
for dispatcher in /usr/libexec/nm-dispatcher /usr/lib/NetworkManager/nm-dispatcher; do
  [ -x $dispatcher ] && { $dispatcher --persist >"$OUT/nm-dispatcher.log" 2>&1 & break; }
done
NetworkManager --no-daemon >"$OUT/NetworkManager.log" 2>&1 &
check_await 'NetworkManager runs' 90 sh -c 'nmcli -t general status >/dev/null 2>&1'

# Both tell of each dialling, in any order, and 01-ifupdown as well; NetworkManager has given the device another name by then.
up() { # NAME ADDRESS
  hooks_mark
  isp_next_address B "$2"
  nmcli --wait 90 connection up nm >>"$OUT/nmcli" 2>&1
  check_hook "$1: pppd says it" 60 "ip-up wan2 ethB * $2 10.64.64.64 /org/freedesktop/NetworkManager/PPP/* *"
  check_hook "$1: NetworkManager says it" 60 'nm wan2 wan2 up *'
  check_balance "$1: three lines in the balance" 60 dsl1 dsl2 cable
  pause 3
  check_balance "$1: they stay there" 5 dsl1 dsl2 cable
  local status=0 plan
  plan=$(wanhook plan 2>&1) || status=$?
  check "$1: wanhook plan is empty" "$status $plan" '0 *'
}
up 'up' 192.0.2.60

hooks_mark
nmcli connection down nm >>"$OUT/nmcli" 2>&1
check_hook 'down: pppd says it' 60 'ip-down wan2 ethB * 192.0.2.60 *'
check_hook 'down: NetworkManager says it' 60 'nm wan2 wan2 down *'
check_balance 'down: two lines in the balance' 60 dsl1 cable

up 'again' 192.0.2.61
