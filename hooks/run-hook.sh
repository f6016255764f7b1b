#!/bin/sh
# What the shims in /etc share. They source it, with hook= set, in a shell that ends here. The environment is the daemon's, and
# perhaps a stranger's: builtins may see it, processes get a clean one. "run-hook.sh pending": nothing new, but do what
# hooks have left.
# Always exits 0.
unset -f unalias read printf eval test echo command cd [ # of whoever sources this
unalias -a
set +efuC
unset IFS GLOBIGNORE
run=/run/wanhook
drop=$run/hooks
itself=/usr/lib/wanhook/run-hook.sh
clean='/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C'
exec </dev/null >/dev/null 2>&1

# What each daemon's environment says of a line: all that is handed on.
case ${hook-$1} in
  ip-* | ipv6-*) handed='LINKNAME DNS1 DNS2' ;;
  dhclient)
    handed='reason interface exit_status new_starts new_ip_address new_subnet_mask new_routers
      new_rfc3442_classless_static_routes new_domain_name_servers old_ip_address new_ip6_prefix old_ip6_prefix'
    ;;
  dhcpcd)
    handed='reason interface new_ip_address new_subnet_mask new_routers new_classless_static_routes new_domain_name_servers
      old_ip_address'
    # Delegated prefixes: so many requests, and so many prefixes each.
    for pd in 1 2 3 4; do
      for prefix in 1 2 3 4; do
        name=dhcp6_ia_pd${pd}_prefix$prefix
        handed="$handed new_$name new_${name}_length old_$name"
      done
    done
    ;;
  udhcpc) handed='interface ip subnet router staticroutes dns' ;;
  networkmanager) handed='DEVICE_IP_IFACE IP4_ADDRESS_0 IP4_GATEWAY IP4_NAMESERVERS' ;;
  networkd) handed='IFACE STATE IP_ADDRS json' ;;
  ifupdown) handed='PHASE IFACE ADDRFAM METHOD IF_ADDRESS IF_NETMASK IF_GATEWAY' ;;
  *) handed='' ;;
esac

# is_named EDGE TEXT [ARGUMENT…]: do the arguments or variables name a line that stands in the text, between such edges?
is_named() {
  edge=$1
  known=$2
  shift 2
  # pppd's device, ipparam and linkname; DHCP clients' device; NetworkManager's; networkd's and ifupdown's
  for name in "${1-}" "${6-}" "${LINKNAME-}" "${interface-}" "${DEVICE_IP_IFACE-}" "${IFACE-}"; do
    case $name in '' | lo) continue ;; esac
    case $edge$known$edge in *"$edge$name$edge"*) return 0 ;; esac
  done
  return 1
}

# What the last run has left (src/state/names.ts): the lines' names, and how node may be started.
read_names() {
  names='' options=''
  { read -r names && read -r options; } <$run/names
  case $options in '--no-rehash-snapshot --no-opt --no-sparkplug') ;; *) options='' ;; esac
}

# By those names, which costs no process but only says yes: what they do not know may be new.
is_known() {
  is_named ' ' "$names" "$@"
}

# Not ours? Decided before Node starts, by the files where the names of every line stand; comments do not count.
# The last ones are what hooks go on with while somebody is editing a broken one, or after a "wanhook try"; and the devices that
# lines have now: a DHCPv6 client on a dialled line knows nothing else. Sets named if Node need not ask again.
is_ours() {
  if is_known "$@"; then named=yes && return; fi
  is_named '' "$($clean grep -hsv '^[[:space:]]*#' /etc/wanhook/wanhook.env /etc/wanhook/links/*.env \
    $run/config.json /var/lib/wanhook/trial.json $run/health)" "$@"
}

# Sets ticks: when process $1 began, in the kernel's ticks since boot; empty if it is gone; and stat. Field 22 of proc(5)'s stat,
# counted behind the name, which may hold anything.
ticks_of() {
  stat=''
  read -r stat <"/proc/$1/stat"
  # shellcheck disable=SC2086 # words
  set -- ${stat##*)}
  ticks=${20-}
  case ${1-} in Z | X) ticks='' ;; esac # killed, and nobody has asked after it
}

# Is somebody there who takes what is dropped? $run/monitor and $run/runner: PID TICKS ….
taken_by() {
  pid='' since=''
  read -r pid since _ <"$run/$1"
  [ -n "$since" ] && ticks_of "$pid" && [ "$ticks" = "$since" ]
}

# A link, or another user's? Nothing in there is read, or written to.
is_strange() {
  [ -L $run ] || { [ -e $run ] && [ ! -O $run ]; }
}

# By this shell alone: each process (cat, mv) would cost as much as all of it. So it grows under its own name, and whoever
# takes it knows by its last word that it is whole (src/state/dropped.ts).
drop_it() {
  count=$#
  for name in $handed; do
    eval "[ -z \"\${$name+set}\" ]" || eval "set -- \"\$@\" \"$name=\$$name\""
  done
  [ ! -e "$drop/$started-$me" ] || return 1
  set -C
  printf '%s\0' "$hook" "$count" "$@" . >"$drop/$started-$me"
  dropped=$?
  set +C
  [ $dropped = 0 ] || $clean rm -f "$drop/$started-$me" # no room: half of it is none
  return $dropped
}

# Ends here if it is somebody else's business. Sets hook to "pending" if whoever was to take it has gone meanwhile: perhaps he
# has not seen it.
leave_to_others() {
  for who in monitor runner; do
    taken_by $who || continue
    drop_it "$@" || return
    be_patient &
    ! taken_by $who || exit 0
    hook=pending
    return
  done
}

# Whoever should take it may hang, or be killed this instant: then it is done from here.
be_patient() {
  while $clean sleep 1 && [ -e "$drop/$started-$me" ]; do
    taken_by runner || exec $clean /bin/sh $itself pending
  done
}

ticks_of self # the process that asks: in a subshell, $$ would be another one
me=${stat%% *}
started=$ticks

if [ -z "${hook-}" ]; then
  hook=$1
  shift
fi
if is_strange; then
  $clean logger -t wanhook -p daemon.err "hook $hook: $run is a link, or not root's: look who has made it, then rm -r it"
  exit 0
fi
named=''
read_names
if [ "$hook" = pending ]; then
  # Many hooks may have lost their patience with the same monitor.
  ! taken_by runner || exit 0
else
  is_ours "$@" || exit 0
  leave_to_others "$@"
  [ "$hook" != pending ] || set --
fi

# While node starts, ip(8) lists rules and routes (src/kernel/observe.ts), then waits at its pipe for what node has decided
# (src/kernel/waiting-ip.ts): to start another one from there costs 5 ms. A here-document is a pipe, which is opened once more
# to write; where it is a file, ip(8) only looks.
open_pipe() {
  pipe=''
  # Without "command" a shell that has no room for it would end. What is open there then is the daemon's.
  command exec 8<<'LOOK' || return
address show
rule show
route show table all proto 201 root 0.0.0.0/0
nexthop show proto 201
neigh show proto 201
neigh show nud permanent
netconf show
LOOK
  [ ! -p /proc/self/fd/8 ] || { command exec 9>/proc/self/fd/8 && pipe=9; }
}

# Node says that it is done, and then takes as long as a process needs to start to end: nobody has to wait for that.
open_answer() {
  answer=''
  command exec 7<<'ANSWER' || return
none yet
ANSWER
  [ ! -p /proc/self/fd/7 ] || { command exec 6>/proc/self/fd/7 && read -r _ <&7 && answer=6; }
}

# Sets ended: its exit status. No word, and it has ended otherwise than it should.
await_node() {
  exec 6>&-
  ended=0
  if [ -z "$answer" ] || ! read -r _ <&7; then
    wait $started_node
    ended=$?
  fi
  exec 7<&- 9>&- # that ends ip(8)
}

look() {
  while read -r _ _ _ scope _; do # IPv6 only where there is a global address: no process for nothing
    [ "$scope" = 00 ] || continue
    $clean ip -6 -N -j -batch - <<'LOOK'
rule show
route show table all proto 201
route show default table 254
LOOK
    break
  done </proc/net/if_inet6
  printf '\f'
  exec $clean nft -s list table inet wanhook
}

# Into files, not pipes: who looks may hang, and neither node nor this shell waits for him for ever. Node is started first: it
# takes longest. "changes", read before: src/state/changes.ts; "settled": src/state/settled.ts. Sets ended, as await_node does.
start_node() {
  changes='' settled=none
  read -r changes <$run/changes
  read -r settled <$run/settled
  if [ "$settled" = "$changes" ]; then settled=perhaps; else settled=none; fi # whatever stands there
  seen=$started.$me
  asked=''
  open_pipe
  open_answer
  # Node need not look for links in the path: a fortieth of what it does before our code.
  # shellcheck disable=SC2086 # words, or none
  set -- "$node" $options --preserve-symlinks-main /usr/lib/wanhook/hooks/load.cjs "$hook" "$@"
  for name in $handed; do
    eval "[ -z \"\${$name+set}\" ]" || eval "set -- \"$name=\$$name\" \"\$@\""
  done
  $clean WANHOOK_LOOK="$seen $pipe" WANHOOK_CHANGES="$changes" WANHOOK_STARTED="$started" WANHOOK_NAMED="$named" \
    WANHOOK_SETTLED="$settled" WANHOOK_ANSWER="$answer" "$@" 7<&- 8<&- &
  started_node=$!
  set -C
  if [ -e /proc/self/fd/8 ]; then
    $clean ip -N -j -batch - <&8 6>&- 7<&- 8<&- 9>&- >"$run/look-ip-$seen.tmp" 2>&1 &
    asked=$!
  fi
  # A subshell: of what is closed for a function, dash keeps another descriptor while it runs, and ip(8) may hang there.
  (look) >"$run/look-rest-$seen.tmp" 6>&- 7<&- 8<&- 9>&- &
  echo "${asked:-$!} $!" >"$run/look-by-$seen.tmp"
  set +C
  exec 8<&-
  await_node
  # Not read: of no use to an event that changes nothing.
  [ ! -e "$run/look-by-$seen.tmp" ] || $clean rm -f "$run/look-by-$seen.tmp" "$run/look-ip-$seen.tmp" "$run/look-rest-$seen.tmp"
}

# A hook exits 0 whatever happens: this is Node itself. With no memory, another try at once would end the same way; what was to
# be done waits for the next hook. Not without bound, where Node is broken for days (src/state/inbox.ts takes 512).
give_up() {
  status=$1
  shift
  echo >$run/runner
  kept=lost
  [ "$hook" = pending ] || { has_room && drop_it "$@"; } && kept='left to the next hook'
  $clean logger -t wanhook -p daemon.err "hook $hook ${1-${interface-}}: \"$node\" failed with status $status: run install.sh again," \
    "unless memory was short; the event is $kept"
  exit 0
}

has_room() {
  set -- "$drop"/*[0-9]
  [ $# -lt 512 ]
}

cd /
node=@NODE@
[ -x "$node" ] || node=$(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; command -v node || command -v nodejs)
node=${node:-node}
# While this one runs, others only drop; it looks once more when it has said that it is about to go. What has come meanwhile
# is no affair of the daemon that waits for this hook; what stays, although it was tried, is left for the next event.
while :; do
  oldest=none
  [ "$hook" != pending ] || { set -- "$drop"/*[0-9] && oldest=$1 && set --; }
  echo "$me $started" >$run/runner
  start_node "$@"
  if [ $ended = 9 ] && [ -n "$options" ]; then # node(1), "Exit codes": another one, which does not know them
    options=''
    start_node "$@"
  fi
  [ $ended = 0 ] || give_up $ended "$@"
  printf '' >$run/runner # not ":": a shell ends there whose special builtin cannot be redirected
  set -- "$drop"/*[0-9]
  [ -e "$1" ] && [ "$1" != "$oldest" ] || exit 0
  [ "$hook" = pending ] || { $clean /bin/sh $itself pending & exit 0; }
  set --
done
