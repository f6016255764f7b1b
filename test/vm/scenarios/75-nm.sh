#!/bin/bash
# pppd in the hands of NetworkManager: its dispatcher and pppd's own ip-up.d both tell of one line.
# limit: 500
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

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
	[logging]
	level=DEBUG
	domains=PPP,DEVICE,DISPATCH,CORE
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
nmcli device >"$OUT/nmcli" 2>&1
hooks_mark
nmcli --wait 60 connection up nm >>"$OUT/nmcli" 2>&1
ip addr >>"$OUT/nmcli"; nmcli device >>"$OUT/nmcli" 2>&1
check_hook 'pppd says it' 30 'ip-up * ethB * 192.0.2.* 10.64.64.64 /org/freedesktop/NetworkManager/PPP/* *'
check_hook 'NetworkManager says it' 30 'nm * up *'
check_balance 'three lines in the balance' 60 dsl1 dsl2 cable
wanhook status
wanhook plan
sed "1,${MARK}d" "$OUT/hooks.log"

say 'redialled'
hooks_mark
isp_next_address B 192.0.2.61
nmcli connection down nm >>"$OUT/nmcli" 2>&1
check_balance 'down: two lines in the balance' 60 dsl1 cable
pause 3
sed "1,${MARK}d" "$OUT/hooks.log"
hooks_mark
nmcli --wait 60 connection up nm >>"$OUT/nmcli" 2>&1
check_balance 'again: three lines in the balance' 60 dsl1 dsl2 cable
pause 5
check_balance 'still three lines in the balance' 1 dsl1 dsl2 cable
sed "1,${MARK}d" "$OUT/hooks.log"
wanhook log -n 30
