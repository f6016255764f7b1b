#!/bin/bash
# VPN servers on the Internet of the lab, and the router's tunnels to them. Sourced after product.sh.
#
#   router pppd ── pptp ──── (TCP 1723, GRE) ────── pptpd, pppd    203.0.113.20 ┐ net
#   router pppd ── xl2tpd ── (UDP 1701) ─────────── xl2tpd, pppd   203.0.113.21 ┘
#
# Inside: 172.30.1.10 by PPTP, 172.30.2.10 by L2TP.

PPTP_SERVER=203.0.113.20
L2TP_SERVER=203.0.113.21
PPTP_INSIDE=172.30.1.10
L2TP_INSIDE=172.30.2.10

# In net with a private /run, and /etc/ppp without the router's hooks (see in_isp).
in_vpn() { ip netns exec net unshare -m sh -c 'mount -t tmpfs none /run && exec "$@"' in_vpn "$@"; }

# What both ends of both tunnels say. No compression (it would need modules), and patience for an emulated machine.
tunnel_options() { printf '%s\n' noauth nodefaultroute nobsdcomp nodeflate noccp noipv6 'mtu 1400' 'mru 1400' 'lcp-echo-interval 2' 'lcp-echo-failure 4' "$@"; }

tunnel_servers() {
  mkdir -p "$LAB/vpn" /etc/netns/net/ppp
  : >/etc/netns/net/ppp/options
  ip -n net addr add $PPTP_SERVER/32 dev lo
  ip -n net addr add $L2TP_SERVER/32 dev lo
  tunnel_options "logfile $OUT/pppd-pptpd.log" >"$LAB/vpn/pptpd.options"
  printf '%s\n' "option $LAB/vpn/pptpd.options" 'localip 172.30.1.1' "remoteip $PPTP_INSIDE" "listen $PPTP_SERVER" >"$LAB/vpn/pptpd.conf"
  in_vpn pptpd --fg --conf "$LAB/vpn/pptpd.conf" >"$OUT/pptpd.log" 2>&1 &
  tunnel_options "logfile $OUT/pppd-xl2tpd.log" >"$LAB/vpn/xl2tpd.options"
  cat >"$LAB/vpn/xl2tpd.conf" <<-END
	[global]
	listen-addr = $L2TP_SERVER
	force userspace = yes
	[lns default]
	ip range = $L2TP_INSIDE-172.30.2.19
	local ip = 172.30.2.1
	require authentication = no
	pppoptfile = $LAB/vpn/xl2tpd.options
	END
  in_vpn xl2tpd -D -c "$LAB/vpn/xl2tpd.conf" -p /run/xl2tpd.pid -C /run/l2tp-control >"$OUT/xl2tpd.log" 2>&1 &
}

# pptp_dial, l2tp_dial: as an administrator would have them, redialling for ever.
pptp_dial() {
  tunnel_options persist 'maxfail 0' 'holdoff 1' 'ipparam pptp' "pty \"pptp $PPTP_SERVER --nolaunchpppd --nohostroute\"" >/etc/ppp/peers/pptp
  ppp_dial pptp
}
l2tp_dial() {
  tunnel_options 'ipparam l2tp' "logfile $OUT/pppd-l2tp.log" >"$LAB/vpn/l2tp.options"
  cat >"$LAB/vpn/l2tp.conf" <<-END
	[global]
	port = 1701
	force userspace = yes
	[lac vpn]
	lns = $L2TP_SERVER
	autodial = yes
	redial = yes
	redial timeout = 1
	require authentication = no
	pppoptfile = $LAB/vpn/l2tp.options
	END
  setsid xl2tpd -D -c "$LAB/vpn/l2tp.conf" -p /run/xl2tpd.pid -C /run/l2tp-control </dev/null >"$OUT/l2tp.log" 2>&1 &
  disown
}

# tunnel_has ADDRESS: a device that is up has it; in DEV.
tunnel_has() {
  DEV=''
  read -r _ DEV _ < <(ip -o -4 addr show up to "$1/32" 2>/dev/null)
  [ -n "$DEV" ]
}

# watch_start: counts what leaves for the servers, by device; in a table of our own, after wanhook's have had their say.
# watched SERVER DEVICE: packets since watch_zero, in OWN those by this device, in OTHERS those by all others.
watch_start() {
  nft -f - <<-END
	table inet watch {
	  set seen { type ipv4_addr . ifname; flags dynamic; counter; size 64; }
	  chain out {
	    type filter hook postrouting priority 300
	    ip daddr { $PPTP_SERVER, $L2TP_SERVER } add @seen { ip daddr . oifname }
	  }
	}
	END
}
watch_zero() { nft flush set inet watch seen; }
# shellcheck disable=SC2034 # for the scenario
watched() {
  local server device count
  OWN=0 OTHERS=0
  while read -r server device count; do
    [ "$server" = "$1" ] || continue
    if [ "$device" = "$2" ]; then OWN=$count; else OTHERS=$((OTHERS + count)); fi
  done < <(nft list set inet watch seen | grep -o '[0-9.]* \. "[^"]*" counter packets [0-9]*' | sed 's/ \. "/ /; s/" counter packets / /')
}
