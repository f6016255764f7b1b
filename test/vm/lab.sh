#!/bin/bash
# The laboratory inside the virtual machine; sourced by guest.sh and by every scenario. State is in files under /lab,
# so that any process that sources this continues where the last one stopped.
#
#   lan 10.10.0.2 ── lan0 ┌────────┐ ethA ── PPPoE ── ispA (pppoe-server, pppd) ──┐
#                         │ router │ ethB ── PPPoE ── ispB (pppoe-server, pppd) ──┤ net 203.0.113.10
#                         └────────┘ wan3 ── DHCP ─── ispC (dhcpd) ───────────────┘
#
# The router is the machine itself: root network namespace, real /etc/ppp, /etc/dhcp, /run. The others are namespaces.
# ISPs do not NAT, and drop (and count) what does not come from the address they gave out.
# Customers: A 198.51.100.x, B 192.0.2.x, C 100.64.<subnet>.x. A and B have the SAME peer address.

OUT=${WANHOOK_VM_OUT:-/vm}
LAB=/lab
PEER=10.64.64.64
INTERNET=203.0.113.10
# What every ISP gives out as its resolver; wanhook asks it over that ISP's line, so it is nobody else's address.
RESOLVER=203.0.113.53
VM_DIR=${BASH_SOURCE[0]%/*}
# SYNs of some thousand that may have to be repeated, because the emulated machine stood still for a moment, or the peer
# of a line that has just returned is not quite ready. A connection that fails for good is never allowed.
# shellcheck disable=SC2034 # for the scenarios
A_STALL=5

# ---------------------------------------------------------------------------------------------------- time and checks

# Milliseconds since the epoch, in NOW: no process is started (each costs 5–10 ms here).
now() {
  local t=$EPOCHREALTIME
  NOW=$((${t/[.,]/} / 1000))
}

say() {
  now
  printf '%s.%03d %s\n' "$(((NOW / 1000) % 100000))" $((NOW % 1000)) "$*"
}

json_string() { # -> JSON
  local s=$1
  s=${s//\\/\\\\}
  s=${s//\"/\\\"}
  s=${s//$'\n'/\\n}
  s=${s//$'\t'/\\t}
  s=${s//$'\r'/\\r}
  JSON="\"$s\""
}

# shellcheck disable=SC2053 # a pattern is meant
matches() { [[ $1 == $2 ]]; }

# check NAME GOT WANT [MS]: one line of JSON. WANT is a bash pattern; "<=N" and ">=N" compare numbers.
check() {
  local name=$1 got=$2 want=$3 ms=${4:-null} ok=false n g w
  if [[ $want =~ ^[\<\>]=-?[0-9]+$ ]]; then
    if [[ ! $got =~ ^-?[0-9]+$ ]]; then
      ok=false
    elif [[ $want == '<='* ]]; then
      [ "$got" -le "${want#<=}" ] && ok=true
    else
      [ "$got" -ge "${want#>=}" ] && ok=true
    fi
  elif matches "$got" "$want"; then
    ok=true
  fi
  json_string "${SCENARIO:-lab}: $name" && n=$JSON
  json_string "$got" && g=$JSON
  json_string "$want" && w=$JSON
  printf '{"check":%s,"ok":%s,"got":%s,"want":%s,"ms":%s}\n' "$n" "$ok" "$g" "$w" "$ms" >>"$OUT/checks.jsonl"
  if [ "$ok" = true ]; then say "ok    $name (${ms} ms): $got"; else say "FAIL  $name (${ms} ms): got $got, want $want"; fi
}

# measure NAME NUMBER UNIT: a number worth keeping, not judged.
measure() {
  json_string "${SCENARIO:-lab}: $1"
  printf '{"measure":%s,"value":%s,"unit":"%s"}\n' "$JSON" "$2" "$3" >>"$OUT/checks.jsonl"
  say "      $1: $2 $3"
}

# await SECONDS COMMAND…: until it succeeds; leaves the time taken in MS. Status 1 when the time is up.
# Asking takes a third of the one processor at most: the rest is for what is waited for.
await() {
  local limit=$(($1 * 1000)) start asked wait
  shift
  now
  start=$NOW
  asked=$NOW
  until "$@"; do
    now
    MS=$((NOW - start))
    [ "$MS" -lt "$limit" ] || return 1
    wait=$(((NOW - asked) * 2))
    [ "$wait" -ge 30 ] || wait=30
    printf -v wait '%d.%03d' $((wait / 1000)) $((wait % 1000))
    pause "$wait"
    now
    asked=$NOW
  done
  now
  MS=$((NOW - start))
}

# Sleeps without a process: read on a pipe that never speaks.
pause() {
  [ -n "${PAUSE_FD:-}" ] || exec {PAUSE_FD}<> <(:)
  read -r -t "$1" -u "$PAUSE_FD" _ || :
}

# check_await NAME SECONDS COMMAND…: a check that something comes true, with how long it took.
check_await() {
  local name=$1 limit=$2
  shift 2
  if await "$limit" "$@"; then check "$name" yes yes "$MS"; else check "$name" "not within $limit s: $*" yes "$MS"; fi
}

not() { ! "$@"; }

# skip REASON: ends the scenario as not run: what it needs is not built yet.
skip() {
  echo "$*" >"$LAB/skip"
  exit 77
}

# ------------------------------------------------------------------------------------------------------------ topology

# Not for "&": $! would be a subshell, and a signal to it would not reach the command.
in_lan() { ip netns exec lan "$@"; }
in_net() { ip netns exec net "$@"; }

# In ispX with a private /run (the servers' pppd would fight over /run/ppp0.pid and pppd2.tdb with the router's).
# ip netns exec binds /etc/netns/ispX/ppp over /etc/ppp: the servers' pppd must not run the router's hooks.
in_isp() {
  local isp=$1
  shift
  ip netns exec "isp$isp" unshare -m sh -c 'mount -t tmpfs none /run && exec "$@"' in_isp "$@"
}

# lab_up: namespaces, cables, the Internet, ISPs ready to serve (no line is dialled).
lab_up() {
  # The machine begins with the host's files: a wanhook installed there must not be here (only the overlay forgets it).
  # By name: a search through all of /opt and /var takes ten seconds over 9p.
  rm -rf /etc/wanhook /var/lib/wanhook /usr/lib/wanhook /usr/sbin/wanhook /etc/iproute2/rt_tables.d/wanhook.conf \
    /etc/ppp/*.d/*wanhook* /etc/dhcp/dhclient-*-hooks.d/*wanhook* /usr/lib/dhcpcd/dhcpcd-hooks/*wanhook* \
    /etc/NetworkManager/dispatcher.d/*wanhook* /etc/networkd-dispatcher/*.d/*wanhook* /etc/network/if-*.d/wanhook* \
    /etc/systemd/system/*wanhook* /etc/init.d/wanhook* /usr/share/man/man[578]/wanhook* \
    /usr/share/bash-completion/completions/wanhook /usr/share/fish/vendor_completions.d/wanhook* \
    /usr/share/zsh/*/_wanhook
  mkdir -p "$LAB" "$OUT/hooks"
  modprobe -a veth pppoe
  # nft would ask for its modules one by one (2 s here); meanwhile we lay cables.
  modprobe -a sch_netem nf_tables nft_fib_inet nft_ct nft_log nft_masq nft_reject_inet nft_chain_nat nf_log_syslog nf_conntrack_netlink &
  cat >"$LAB/base.batch" <<-END
	link add lan0 type veth peer name eth0 netns lan
	addr add 10.10.0.1/24 dev lan0
	link set lan0 up
	END
  local ns
  for ns in lan net ispA ispB ispC; do ip netns add $ns; done
  ip -batch "$LAB/base.batch"
  ip -n lan -batch - <<-END
	link set lo up
	addr add 10.10.0.2/24 dev eth0
	link set eth0 up
	route add default via 10.10.0.1
	END
  ip -n net -batch - <<-END
	link set lo up
	addr add $INTERNET/24 dev lo
	END
  ip netns exec net sysctl -qw net.ipv4.ip_forward=1
  sysctl -qw net.netfilter.nf_log_all_netns=1
  isp_up A ethA 1 198.51.100.0/24 &
  isp_up B ethB 2 192.0.2.0/24 &
  isp_up C wan3 3 100.64.0.0/16 &
  wait
  ppp_secrets
  pppoe_up A 198.51.100.10
  pppoe_up B 192.0.2.10
  peer_file dsl1 ethA
  peer_file dsl2 ethB
  dhclient_conf
}

# isp_up LETTER ROUTER-DEVICE NUMBER CUSTOMER-PREFIX
isp_up() {
  local ns=isp$1 dev=$2 n=$3 prefix=$4
  ip link add "$dev" type veth peer name cpe netns "$ns"
  ip link set "$dev" up
  ip -n "$ns" link add core type veth peer name "$ns" netns net
  ip -n net -batch - <<-END
	addr add 10.99.$n.2/30 dev $ns
	link set $ns up
	route add $prefix via 10.99.$n.1
	END
  ip -n "$ns" -batch - <<-END
	link set lo up
	link set cpe up
	addr add 10.99.$n.1/30 dev core
	link set core up
	route add default via 10.99.$n.2
	route add blackhole $prefix
	END
  ip netns exec "$ns" sysctl -qw net.ipv4.ip_forward=1
  # Strict: a customer's packet whose source is not routed back to where it came from is dropped and counted.
  ip netns exec "$ns" nft -f - <<-END
	table inet isp {
	  counter spoofed { }
	  counter upstream { }
	  chain forward {
	    type filter hook forward priority 0
	    iifname { "ppp*", "cpe" } fib saddr . iif oif 0 counter name spoofed log prefix "$ns spoofed: " drop
	  }
	}
	END
}

# isp_spoofed A: packets that came with a source the ISP did not give out (GOT).
isp_spoofed() {
  GOT=$(ip netns exec "isp$1" nft list counter inet isp spoofed)
  GOT=${GOT#*packets }
  GOT=${GOT%% *}
}

# isp_upstream A off|on: the line stays up, the Internet behind it is gone (what only probing can see).
isp_upstream() {
  case $2 in
    off) ip netns exec "isp$1" nft 'add chain inet isp dead { type filter hook forward priority -10; }; add rule inet isp dead counter name upstream drop' ;;
    on) ip netns exec "isp$1" nft delete chain inet isp dead ;;
  esac
}

# line_silent A / line_heal A: frames vanish both ways, carrier stays (LCP timeout on a PPPoE line).
line_device() { case $1 in A) DEV=ethA ;; B) DEV=ethB ;; C) DEV=wan3 ;; esac }
line_silent() {
  line_device "$1"
  tc qdisc replace dev "$DEV" root netem loss 100%
  tc -n "isp$1" qdisc replace dev cpe root netem loss 100%
}
line_heal() {
  line_device "$1"
  tc qdisc del dev "$DEV" root
  tc -n "isp$1" qdisc del dev cpe root
}

# line_unplug A / line_plug A: carrier lost on the router's Ethernet device.
line_unplug() { ip -n "isp$1" link set cpe down; }
line_plug() { ip -n "isp$1" link set cpe up; }

# --------------------------------------------------------------------------------------------------------------- PPPoE

ppp_secrets() {
  printf '%s\n' 'dsl1 * secret *' 'dsl2 * secret *' >/etc/ppp/chap-secrets
  chmod 600 /etc/ppp/chap-secrets
}

# pppoe_up A ADDRESS: a real access concentrator in ispA; the next session gets ADDRESS.
pppoe_up() {
  local ns=isp$1 dir=$LAB/isp$1
  mkdir -p "$dir" "/etc/netns/$ns/ppp"
  printf '%s\n' 'dsl1 * secret *' 'dsl2 * secret *' >"/etc/netns/$ns/ppp/chap-secrets"
  chmod 600 "/etc/netns/$ns/ppp/chap-secrets"
  : >"/etc/netns/$ns/ppp/options"
  cat >"$dir/options" <<-END
	require-chap
	name $ns
	ms-dns $RESOLVER
	lcp-echo-interval 1
	lcp-echo-failure 6
	mtu 1492
	mru 1492
	+ipv6
	nodefaultroute
	logfile $OUT/pppd-server-$ns.log
	END
  # pppoe-server hands us the command line for user-mode PPPoE. We take the session number from it and run the kernel's
  # PPPoE instead (as Debian's pppoe-server would, had it been built so); the address comes from a file, so that it
  # can change from one session to the next. One session per line: a new one displaces what a dead client left behind.
  cat >"$dir/pppd" <<-END
	#!/bin/sh
	# pty "… -e N:MAC…" file OPTIONS LOCAL:REMOTE …
	attach=\${2#* -e }
	attach=\${attach%% *}
	read -r old 2>/dev/null <$dir/session && kill -9 "\$old" 2>/dev/null
	read -r address <$dir/address
	echo \$\$ >$dir/session
	exec /usr/sbin/pppd plugin rp-pppoe.so nic-cpe pppoe-sess "\$attach" file $dir/options $PEER:"\$address" nodetach noaccomp nopcomp default-asyncmap
	END
  chmod 755 "$dir/pppd"
  isp_next_address "$1" "$2"
  pppoe_serve "$1"
}

pppoe_serve() {
  local dir=$LAB/isp$1
  in_isp "$1" pppoe-server -F -I cpe -C "isp$1" -L "$PEER" -N 16 -q "$dir/pppd" -O "$dir/options" >"$OUT/pppoe-server-$1.log" 2>&1 &
  echo $! >"$dir/server"
}

isp_next_address() { echo "$2" >"$LAB/isp$1/address"; }

# peer_file NAME NIC [OPTION…]: what an administrator of a Debian box writes. On a busy host fewer than six echoes in a
# row would hang a good line up.
peer_file() {
  local name=$1 nic=$2
  shift 2
  {
    printf '%s\n' 'plugin rp-pppoe.so' "nic-$nic" "user $name" noauth hide-password noipdefault nodefaultroute usepeerdns \
      persist 'maxfail 0' 'holdoff 1' 'lcp-echo-interval 1' 'lcp-echo-failure 6' 'mtu 1492' 'mru 1492' +ipv6 "ipparam $name" "$@"
    # The server's pppd starts when the session exists, so our first request is lost; 3 s is the default for the next.
    printf '%s\n' 'lcp-restart 1' 'ipcp-restart 1'
    # 5 s, doubling, is the default: too long for a line that was silent for a moment.
    printf '%s\n' 'pppoe-padi-timeout 1' 'pppoe-padi-attempts 5'
  } >"/etc/ppp/peers/$name"
}

# ppp_dial NAME: starts its pppd, which redials for ever. ppp_hangup NAME: ends it.
ppp_dial() {
  setsid pppd call "$1" nodetach logfile "$OUT/pppd-$1.log" </dev/null >/dev/null 2>&1 &
  echo $! >"$LAB/$1.pid"
  disown
}
ppp_pid() { read -r PID <"$LAB/$1.pid"; }
ppp_hangup() {
  ppp_pid "$1"
  kill -TERM "$PID" && await 10 not kill -0 "$PID" 2>/dev/null
}

# ppp_device NAME: in DEV, by the router's own view: the ppp device that has an address of the line. Status 1 when down.
ppp_device() {
  local want line
  case $1 in dsl1) want=198.51.100. ;; dsl2) want=192.0.2. ;; esac
  DEV='' ADDRESS=''
  while read -r _ line _ ADDRESS _; do
    if [[ $ADDRESS == "$want"* ]]; then
      DEV=$line
      return 0
    fi
  done < <(ip -o -4 addr show up 2>/dev/null)
  return 1
}
ppp_has() { ppp_device "$1" && [ "$ADDRESS" = "$2" ]; }

# The kinds of drop. All but kill9 are followed by a redial (persist, holdoff 1).
drop_server_kill() { # A: the concentrator hangs up (LCP TermReq, PADT)
  local pid
  read -r pid <"$LAB/isp$1/session"
  kill -TERM "$pid"
}
drop_hup() { # dsl1: the client hangs up and redials
  ppp_pid "$1"
  kill -HUP "$PID"
}
drop_lcp() { line_silent "$1"; } # A: 6 unanswered echoes; line_heal A lets it come back
drop_kill9() { # dsl1: no ip-down runs; nobody redials; ppp_dial brings it back
  ppp_pid "$1"
  kill -KILL "$PID"
}

# unit_squat N: another pppd takes unit N (waits for a peer that never speaks); unit_free ends it.
unit_squat() {
  setsid pppd nodetach noauth silent unit "$1" pty 'sleep 600' logfile "$OUT/pppd-squatter.log" </dev/null >/dev/null 2>&1 &
  echo $! >"$LAB/squatter.pid"
}
unit_free() {
  read -r PID <"$LAB/squatter.pid"
  kill -TERM "$PID"
}
# unit_take A ppp0: once ppp0 is gone another pppd has its unit. The line is silent meanwhile, else it is a race
# against holdoff.
unit_take() {
  line_silent "$1"
  await 10 ppp_absent "$2"
  unit_squat "${2#ppp}"
  await 10 ppp_present "$2"
  line_heal "$1"
}
ppp_absent() { [ ! -e "/sys/class/net/$1" ]; }
ppp_present() { [ -e "/sys/class/net/$1" ]; }

# ---------------------------------------------------------------------------------------------------------------- DHCP

# dhcp_serve SUBNET FROM TO SECONDS: (re)starts the server: 100.64.SUBNET.0/24, gateway .1, leases of SECONDS.
# A client that still holds an address of another subnet gets a NAK.
dhcp_serve() {
  local dir=$LAB/ispC net=100.64.$1
  dhcp_stop
  mkdir -p "$dir"
  ip -n ispC addr flush dev cpe
  ip -n ispC addr add "$net.1/24" dev cpe
  cat >"$dir/dhcpd.conf" <<-END
	authoritative;
	ping-check false;
	min-lease-time $4;
	default-lease-time $4;
	max-lease-time $4;
	subnet $net.0 netmask 255.255.255.0 {
	  range $net.$2 $net.$3;
	  option routers $net.1;
	  option domain-name-servers $RESOLVER;
	}
	END
  : >"$dir/leases"
  ip netns exec ispC dhcpd -4 -f -d -cf "$dir/dhcpd.conf" -lf "$dir/leases" -pf "$dir/dhcpd.pid" cpe >>"$OUT/dhcpd.log" 2>&1 &
  echo $! >"$dir/server"
}
dhcp_stop() {
  local pid
  read -r pid 2>/dev/null <"$LAB/ispC/server" || return 0
  kill -TERM "$pid" 2>/dev/null && await 5 not kill -0 "$pid" 2>/dev/null
  rm -f "$LAB/ispC/server"
}
dhcp_declines() { GOT=$(grep -c DHCPDECLINE "$OUT/dhcpd.log"); }

# Stock dhclient.conf but for its patience: a minute between attempts is too long for a test.
dhclient_conf() {
  printf '%s\n' 'initial-delay 0;' 'initial-interval 1;' 'backoff-cutoff 1;' 'timeout 4;' 'retry 2;' 'reboot 2;' >>/etc/dhcp/dhclient.conf
}
dhclient_up() {
  mkdir -p /var/lib/dhcp
  setsid dhclient -d -4 -pf /run/dhclient.wan3.pid -lf /var/lib/dhcp/dhclient.wan3.leases wan3 </dev/null >>"$OUT/dhclient.log" 2>&1 &
  echo $! >"$LAB/cable.pid"
}
dhclient_release() { dhclient -r -4 -pf /run/dhclient.wan3.pid -lf /var/lib/dhcp/dhclient.wan3.leases wan3 >>"$OUT/dhclient.log" 2>&1; }
wan3_has() { # PATTERN
  local address
  while read -r _ _ _ address _; do
    matches "${address%/*}" "$1" && return 0
  done < <(ip -o -4 addr show dev wan3)
  return 1
}

# --------------------------------------------------------------------------------------------------- the lines together

# lines_up: all three, waited for.
lines_up() {
  ppp_dial dsl1
  ppp_dial dsl2
  dhcp_serve 3 20 29 600
  dhclient_up
  await 90 ppp_device dsl1 && await 90 ppp_device dsl2 && await 90 wan3_has '100.64.*'
}
lines_down() {
  ppp_hangup dsl1
  ppp_hangup dsl2
  dhclient_release
}

# lines_ensure: dials what does not run (any more). lines_kill: ends all of it without asking, heals every cable:
# after a scenario that was cut off in the middle.
alive() {
  local pid
  read -r pid 2>/dev/null <"$LAB/$1.pid" && kill -0 "$pid" 2>/dev/null
}
lines_ensure() {
  alive dsl1 || ppp_dial dsl1
  alive dsl2 || ppp_dial dsl2
  [ -e "$LAB/ispC/server" ] || dhcp_serve 3 20 29 600
  alive cable || dhclient_up
}
lines_kill() {
  local what pid isp
  for what in squatter probe-lan probe-router hold dsl1 dsl2 cable; do
    read -r pid 2>/dev/null <"$LAB/$what.pid" && kill -TERM "$pid" 2>/dev/null
    rm -f "$LAB/$what.pid"
  done
  dhcp_stop
  for isp in A B C; do
    line_heal $isp 2>/dev/null
    line_plug $isp
  done
  pause 3
}

# ping_via DEVICE: one answer from the Internet over exactly this device. ping_from ADDRESS: with this source, as routed.
ping_from() { ping -n -c 1 -W 1 -I "$1" "$INTERNET" >/dev/null 2>&1; }
ping_via() { ping -n -c 1 -W 1 -I "$1" "$INTERNET" >/dev/null 2>&1; }

# -------------------------------------------------------------------------------------------------------------- traffic
# The prober is perl: under TCG it starts a connection every 5 ms with answers in 4 ms. Node sends them too, but needs
# all of the processor for it: answers take 130–750 ms, so that it measures itself (scenario "prober" shows both).

# serve: the server in the Internet (once). probe_start WHERE MS [OPTION…]: WHERE is lan or router; a new TCP connection
# every 5 ms. probe_stop WHERE: ends it and reads its summary into SENT LOST OUTAGE (ms) SILENCE (ms) SOURCES.
serve() {
  local pid
  read -r pid 2>/dev/null <"$LAB/serve.pid" && kill -0 "$pid" 2>/dev/null && return
  ip netns exec net "$VM_DIR/traffic.pl" serve >"$LAB/serve.log" 2>&1 &
  echo $! >"$LAB/serve.pid"
  await 10 grep -q ready "$LAB/serve.log"
}
probe_start() {
  local enter=()
  [ "$1" = lan ] && enter=(ip netns exec lan)
  "${enter[@]}" "$VM_DIR/traffic.pl" probe --to "$INTERNET" --ms "${@:2}" >"$LAB/probe-$1.json" 2>&1 &
  PID=$!
  echo $PID >"$LAB/probe-$1.pid"
  await 30 probe_begun || say "no prober ($1)"
}
# Perl takes seconds to start on a busy host, and a TERM that comes before would end it without a summary.
probe_begun() {
  local key value
  while read -r key value; do
    [ "$key" != SigCgt: ] || return $((!(0x$value & 0x4000)))
  done <"/proc/$PID/status"
}
probe_stop() {
  local summary number
  read -r PID <"$LAB/probe-$1.pid"
  kill -TERM "$PID" 2>/dev/null
  await 15 grep -q summary "$LAB/probe-$1.json" || tail -n 3 "$LAB/probe-$1.json"
  summary=$(<"$LAB/probe-$1.json")
  # A prober that died must not look like one that lost nothing.
  SENT='no summary' LOST='no summary' OUTAGE='' SILENCE='' SOURCES='' STARTED='' LOST_AT='' FAILED_AT=''
  printf '{"probe":"%s","where":"%s","result":%s}\n' "${SCENARIO:-lab}: ${2:-}" "$1" "${summary:-null}" >>"$OUT/checks.jsonl"
  for number in sent:SENT lost:LOST longestOutageMs:OUTAGE longestSilenceMs:SILENCE startedAt:STARTED; do
    [[ $summary =~ \"${number%:*}\":([0-9]+) ]] && printf -v "${number#*:}" %s "${BASH_REMATCH[1]}"
  done
  [[ $summary =~ \"sources\":(\{[^}]*\}) ]] && SOURCES=${BASH_REMATCH[1]}
  [[ $summary =~ \"lostAt\":\[([0-9,]*)\] ]] && LOST_AT=${BASH_REMATCH[1]}
  [[ $summary =~ \"failedAt\":\[([0-9,]*)\] ]] && FAILED_AT=${BASH_REMATCH[1]}
  say "      probes from $1: $SENT sent, $LOST lost, longest outage $OUTAGE ms, longest silence $SILENCE ms, $SOURCES"
}

# lost_between FROM TO: of the last probe_stop, in LOST: probes begun in [FROM, TO) (NOW's clock) and lost; in FAILED
# those of them that failed for good (refused, or no answer), not only needed another SYN.
lost_between() {
  # shellcheck disable=SC2034 # FAILED is for product.sh
  LOST='no summary' FAILED='no summary'
  [ -n "$STARTED" ] || return 0
  count_between LOST "$LOST_AT" "$1" "$2"
  count_between FAILED "$FAILED_AT" "$1" "$2"
}
count_between() {
  local at count=0
  for at in ${2//,/ }; do
    at=$((STARTED + at))
    if [ "$at" -ge "$3" ] && [ "$at" -lt "$4" ]; then count=$((count + 1)); fi
  done
  printf -v "$1" %s "$count"
}

# hold_start COUNT: long-lived TCP flows from the LAN (Node: few and slow is all they need to be).
# hold_stop ADDRESS: what became of them, ADDRESS being that of the line that went: in HELD all of them, HELD_GONE those
# that were on it, HELD_HANG those of them that neither live nor were told, HELD_HURT the others that broke or hang.
hold_start() {
  local tool=$VM_DIR/../../dist/test/traffic.cjs pid
  if ! { read -r pid 2>/dev/null <"$LAB/echo.pid" && kill -0 "$pid" 2>/dev/null; }; then
    ip netns exec net node "$tool" serve --tcp 7001 >"$LAB/echo.log" 2>&1 &
    echo $! >"$LAB/echo.pid"
    await 60 grep -q ready "$LAB/echo.log" || return 1
  fi
  ip netns exec lan node "$tool" hold --to "$INTERNET" --port 7001 --count "$1" --every 250 --timeout 2500 --ms 120000 >"$LAB/hold.json" 2>&1 &
  echo $! >"$LAB/hold.pid"
  await 60 grep -q established "$LAB/hold.json"
}
hold_stop() {
  read -r PID <"$LAB/hold.pid"
  kill -TERM "$PID" 2>/dev/null
  await 10 grep -q summary "$LAB/hold.json"
  # shellcheck disable=SC2016 # JavaScript
  read -r HELD HELD_GONE HELD_HANG HELD_HURT < <(node -e '
    const [file, gone] = process.argv.slice(1);
    const { flows } = JSON.parse(require("fs").readFileSync(file, "utf8").trim().split("\n").pop()).summary;
    const last = Math.max(...flows.map((f) => f.lastEchoAt));
    const hangs = (f) => f.brokeAt === undefined && f.lastEchoAt < last - 2500;
    const on = flows.filter((f) => f.sources[0] === gone), off = flows.filter((f) => f.sources[0] !== gone);
    console.log(flows.length, on.length, on.filter(hangs).length, off.filter((f) => f.brokeAt !== undefined || hangs(f)).length);
  ' "$LAB/hold.json" "$1")
  printf '{"hold":"%s","all":%d,"onLine":%d,"hang":%d,"othersHurt":%d}\n' "$SCENARIO" "$HELD" "$HELD_GONE" "$HELD_HANG" "$HELD_HURT" >>"$OUT/checks.jsonl"
}

# ------------------------------------------------------------------------------------------------------------ recording

# recorder_install: hooks that log what they are given: one line each in $OUT/hooks.log, the environment in $OUT/hooks/.
# (pppd gives them an empty environment: everything is spelled out.)
recorder_install() {
  local d
  cat >"$LAB/record" <<-END
	#!/bin/sh
	# record HOOK ARG…
	read -r up _ </proc/uptime
	device=absent
	[ -e "/sys/class/net/\$2" ] && read -r device <"/sys/class/net/\$2/operstate"
	hook=\$1
	line="\$up \$*"
	shift
	env >"$OUT/hooks/\$up-\$hook.env"
	echo "\$line [device \$device]" >>"$OUT/hooks.log"
	END
  chmod 755 "$LAB/record"
  for d in ip-pre-up ip-up ip-down ipv6-up ipv6-down; do
    printf '#!/bin/sh\nexec %s/record %s "$@"\n' "$LAB" "$d" >"/etc/ppp/$d.d/00-record"
    chmod 755 "/etc/ppp/$d.d/00-record"
  done
  # shellcheck disable=SC2016 # for the hook to expand
  printf '( exec </dev/null >/dev/null 2>&1; %s/record dhclient "$interface" "$reason" "new=$new_ip_address" "old=$old_ip_address" "routers=$new_routers" "exit=$exit_status" ) || :\n' \
    "$LAB" >/etc/dhcp/dhclient-exit-hooks.d/00-record
  : >"$OUT/hooks.log"
}

# hooks_mark: from here on. hook_seen PATTERN: a hook line since the mark matches (bash pattern); it is left in HOOK.
hooks_mark() { MARK=$(wc -l <"$OUT/hooks.log"); }
hook_seen() {
  local n=0 line
  HOOK=''
  while IFS= read -r line; do
    n=$((n + 1))
    if [ "$n" -gt "${MARK:-0}" ] && matches "${line#* }" "$1"; then
      HOOK=${line#* }
      return 0
    fi
  done <"$OUT/hooks.log"
  return 1
}

# check_hook NAME SECONDS PATTERN: it is called so within the time.
check_hook() {
  if await "$2" hook_seen "$3"; then check "$1" "$HOOK" "$3" "$MS"; else check "$1" "$(tail -n "+$((MARK + 1))" "$OUT/hooks.log" | cut -d' ' -f2-)" "$3" "$MS"; fi
}
check_no_hook() { # NAME PATTERN
  if hook_seen "$2"; then check "$1" "$HOOK" 'no such hook'; else check "$1" 'no such hook' 'no such hook'; fi
}
