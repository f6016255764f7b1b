#!/bin/bash
# IPv6 at ispA: its sessions have 2001:db8:a1::/64 by advertisements, and of a prefix behind that, whoever asks for one
# (DHCPv6-PD). Sourced after product.sh.

SERVER6=2001:db8:ff::10
# What the router's DHCPv6 client calls itself.
DUID=00:03:00:01:02:00:00:00:00:01

# isp6_up: from now on. Who does not ask hears nothing for half an hour, after a first minute. isp6_down ends it.
isp6_up() {
  ip -n net -batch - <<-END
	addr replace $SERVER6/128 dev lo nodad
	addr replace 2001:db8:99:1::2/64 dev ispA nodad
	route replace 2001:db8:a1::/48 via 2001:db8:99:1::1
	END
  ip -n ispA -batch - <<-END
	addr replace 2001:db8:99:1::1/64 dev core nodad
	route replace default via 2001:db8:99:1::2
	END
  ip netns exec net sysctl -qw net.ipv6.conf.all.forwarding=1
  ip netns exec ispA sysctl -qw net.ipv6.conf.all.forwarding=1
  # shellcheck disable=SC2016 # for pppd's hook to expand
  printf '#!/bin/sh\n/sbin/ip -6 addr add 2001:db8:a1::1/64 dev "$1" nodad\n' >/etc/netns/ispA/ppp/ipv6-up
  chmod 755 /etc/netns/ispA/ppp/ipv6-up
  ip netns exec ispA dnsmasq -k --conf-file=/dev/null --port=0 --user=root --pid-file= --bind-dynamic --log-dhcp \
    --log-facility="$OUT/ra.log" --enable-ra '--ra-param=ppp*,1800,3600' --dhcp-range=2001:db8:a1::,ra-only,64,600 &
  echo $! >"$LAB/ispA/ra"
}
isp6_down() {
  local what pid
  for what in ra dhcp6s; do
    read -r pid 2>/dev/null <"$LAB/ispA/$what" && kill "$pid" 2>/dev/null
    rm -f "$LAB/ispA/$what"
  done
  rm -f /etc/netns/ispA/ppp/ipv6-up
}

# isp6_delegate PREFIX: what the next session of ispA gets. The server knows only devices that are there when it begins, so
# each session has one of its own. ISC's takes no PPP device.
isp6_delegate() {
  echo "host home { duid $DUID; prefix $1 600 1200; };" >"$LAB/ispA/dhcp6s.conf"
  cat >/etc/netns/ispA/ppp/ipv6-up <<-END
	#!/bin/sh
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
	ip -6 addr add 2001:db8:a1::1/64 dev "\$1" nodad
	ip -6 route replace $1 dev "\$1"
	read -r old 2>/dev/null <$LAB/ispA/dhcp6s && kill "\$old"
	dhcp6s -D -f -c $LAB/ispA/dhcp6s.conf -P /run/dhcp6s.pid "\$1" >>$OUT/dhcp6s.log 2>&1 &
	echo \$! >$LAB/ispA/dhcp6s
	END
}
