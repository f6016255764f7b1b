#!/bin/sh
# run-hook.sh HOOK [ARGUMENT…]: what the shims in /etc share; they start it with a clean environment. Always exits 0.
# run-hook.sh pending: nothing new, but do what hooks have left.
hook=$1
shift
run=/run/wanhook
drop=$run/hooks

# Not ours? Decided before Node starts. First by the line of names that the last run has left, which costs no process but only
# says yes: what it does not know may be new. Then by the files where the names of every line stand; comments do not count.
# The last ones are what hooks go on with while somebody is editing a broken one, or after a "wanhook try"; and the devices that
# lines have now: a DHCPv6 client on a dialled line knows nothing else.
is_ours() {
  known=''
  { read -r known <$run/names; } 2>/dev/null
  for edge in ' ' ''; do
    [ -n "$edge" ] || known=$(grep -hsv '^[[:space:]]*#' /etc/wanhook/wanhook.env /etc/wanhook/links/*.env \
      $run/config.json /var/lib/wanhook/trial.json $run/health)
    # pppd's device, ipparam and linkname; DHCP clients' device; NetworkManager's; networkd's and ifupdown's
    for name in "${1-}" "${6-}" "${LINKNAME-}" "${interface-}" "${DEVICE_IP_IFACE-}" "${IFACE-}"; do
      case $name in '' | lo) continue ;; esac
      case $edge$known$edge in *"$edge$name$edge"*) return 0 ;; esac
    done
  done
  return 1
}

# Sets ticks: when process $1 began, in the kernel's ticks since boot; empty if it is gone. Field 22 of proc(5)'s stat,
# counted behind the name, which may hold anything.
ticks_of() {
  stat=
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null
  # shellcheck disable=SC2086 # words
  set -- ${stat##*)}
  ticks=${20-}
}

# Is somebody there who takes what is dropped? $run/monitor and $run/runner: PID TICKS ….
taken_by() {
  pid='' since=''
  { read -r pid since _ <"$run/$1"; } 2>/dev/null
  [ -n "$since" ] && ticks_of "$pid" && [ "$ticks" = "$since" ]
}

# What the shims hand on of a daemon's environment.
handed='LINKNAME DNS1 DNS2 reason interface exit_status new_starts new_ip_address new_subnet_mask new_routers
  new_rfc3442_classless_static_routes new_classless_static_routes new_domain_name_servers old_ip_address new_ip6_prefix
  old_ip6_prefix ip subnet router staticroutes dns DEVICE_IP_IFACE IP4_ADDRESS_0 IP4_GATEWAY IP4_NAMESERVERS IFACE STATE
  IP_ADDRS IP6_ADDRS json PHASE ADDRFAM METHOD IF_ADDRESS IF_NETMASK IF_GATEWAY'

# By this shell alone: each process (cat, mv) would cost as much as all of it. So it grows under its own name, and whoever
# takes it knows by its last word that it is whole (src/state/dropped.ts).
drop_it() {
  count=$#
  delegated=''
  [ "$hook" != dhcpcd ] || for pd in 1 2 3 4; do
    for prefix in 1 2 3 4; do
      name=dhcp6_ia_pd${pd}_prefix$prefix
      delegated="$delegated new_$name new_${name}_length old_$name"
    done
  done
  for name in $handed $delegated; do
    eval "[ -z \"\${$name+set}\" ]" || eval "set -- \"\$@\" \"$name=\$$name\""
  done
  [ ! -e "$drop/$started-$$" ] || return 1
  set -C
  printf '%s\0' "$hook" "$count" "$@" . >"$drop/$started-$$"
  dropped=$?
  set +C
  [ $dropped = 0 ] || rm -f "$drop/$started-$$" # no room: half of it is none
  return $dropped
} 2>/dev/null

# Rules, routes (src/kernel/observe.ts) and the firewall are listed while node starts, on standard input: if they show that
# nothing is to be done, nothing is started from there. "changes", read before: src/state/changes.ts.
start_node() {
  changes=''
  { read -r changes <$run/changes; } 2>/dev/null
  {
    timeout 10 ip -N -j -batch - <<'LOOK'
address show
rule show
route show table all proto 201 root 0.0.0.0/0
nexthop show proto 201
neigh show proto 201
neigh show nud permanent
LOOK
    printf '\f'
    timeout 10 nft -s list table inet wanhook
    while read -r _ _ _ scope _; do # IPv6 only where there is a global address: no process for nothing
      [ "$scope" = 00 ] || continue
      printf '\f'
      timeout 10 ip -6 -N -j -batch - <<'LOOK'
rule show
route show table all proto 201
route show default table 254
LOOK
      break
    done </proc/net/if_inet6
  } 2>/dev/null |
    WANHOOK_EARLY=stdin WANHOOK_CHANGES=$changes WANHOOK_STARTED=$started "$node" /usr/lib/wanhook/hooks/load.cjs "$hook" "$@" ||
    give_up $? "$@"
}

# A hook exits 0 whatever happens: this is Node itself. With no memory, another try at once would end the same way; what was to
# be done waits for the next hook. Not without bound, where Node is broken for days (src/state/inbox.ts takes 512).
give_up() {
  status=$1
  shift
  { echo >$run/runner; } 2>/dev/null # not ":": a shell whose special builtin cannot be redirected ends there
  kept=lost
  [ "$hook" = pending ] || { has_room && drop_it "$@"; } && kept='left to the next hook'
  logger -t wanhook -p daemon.err "hook $hook ${1-${interface-}}: \"$node\" failed with status $status: run install.sh again," \
    "unless memory was short; the event is $kept"
  exit 0
}

has_room() {
  set -- "$drop"/*[0-9]
  [ $# -lt 512 ]
}

# Whoever should take it may hang, or be killed this instant: then it is done from here.
be_patient() {
  while sleep 1 && [ -e "$drop/$started-$$" ]; do
    taken_by runner || exec /bin/sh "$0" pending
  done
}

# A stranger's? Nothing in there is read, or written to.
if [ -L $run ] || { [ -e $run ] && [ ! -O $run ]; }; then
  exec logger -t wanhook -p daemon.err "hook $hook: $run is a link, or not root's: look who has made it, then rm -r it"
fi

[ "$hook" = pending ] || is_ours "$@" || exit 0
ticks_of $$
started=$ticks
if [ "$hook" != pending ]; then
  for who in monitor runner; do
    taken_by $who || continue
    drop_it "$@" || break
    be_patient &
    # Gone meanwhile? Then it may not have seen it.
    taken_by $who || { hook=pending && set -- && break; }
    exit 0
  done
# Many hooks may have lost their patience with the same monitor.
elif taken_by runner; then
  exit 0
fi

cd / && unset PWD OLDPWD # cd exports them
node=@NODE@
[ -x "$node" ] || node=$(PATH=/usr/local/sbin:/usr/local/bin:$PATH; command -v node || command -v nodejs)
node=${node:-node}
# While this one runs, others only drop; it looks once more when it has said that it is about to go. What has come meanwhile
# is no affair of the daemon that waits for this hook; what stays, although it was tried, is left for the next event.
while :; do
  oldest=none
  [ "$hook" != pending ] || { set -- "$drop"/*[0-9] && oldest=$1 && set --; }
  { echo "$$ $started" >$run/runner; } 2>/dev/null
  start_node "$@"
  { : >$run/runner; } 2>/dev/null
  set -- "$drop"/*[0-9]
  [ -e "$1" ] && [ "$1" != "$oldest" ] || exit 0
  [ "$hook" = pending ] || { /bin/sh "$0" pending & exit 0; }
  set --
done
