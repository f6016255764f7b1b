#!/bin/sh
# health.sh [LINK|--any|--all]: "wanhook health". Exit code 0 healthy, 1 not, 2 usage. keepalived asks every second, and Node
# takes 60 ms of CPU only to start: this starts no process at all. It reads what the last reconcile made of the links (a line
# "link NAME CONDITION DEVICE" each), and believes it only if the devices are there and the monitor, if one ran, still does.
run=/run/wanhook
sys=/sys/class/net
# A monitor writes its sign of life every 5 s at least.
oldest=30

usage() {
  printf 'wanhook health: %s\n' "$1" >&2
  exit 2
}
unhealthy() {
  printf 'not healthy: %s\n' "$1"
  exit 1
}

[ $# -le 1 ] || usage 'one link, --any (default) or --all'
which=${1---any}
case $which in
  --any | --all) ;;
  --help | -h) echo 'usage: wanhook health [LINK|--any|--all]: exit code 0 healthy, 1 not' && exit 0 ;;
  -* | '') usage "unknown option \"$which\"" ;;
esac

[ -r "$run/health" ] || unhealthy 'wanhook has not run since boot, or you may not read its state'

# A monitor that was killed, or hangs, leaves its last verdicts behind. Told to end, it takes this file away.
if [ -e "$run/monitor" ]; then
  read -r pid started beat <"$run/monitor"
  read -r now rest </proc/uptime
  line=
  { read -r line <"/proc/$pid/stat"; } 2>/dev/null
  # The start time is field 22, counted behind the name, which may hold anything.
  # shellcheck disable=SC2086 # words
  set -- ${line##*)}
  # hidepid hides it from some: then it is asked whether the process is there.
  [ "${20-}" = "$started" ] || { [ -z "$line" ] && kill -0 "$pid" 2>/dev/null; } || unhealthy "the monitor (process $pid) has died"
  [ $((${now%.*} - ${beat:-0})) -le $oldest ] || unhealthy "the monitor (process $pid) hangs"
fi

# is_there DEVICE: there, and with a carrier? Reading it fails while the device is administratively down.
is_there() {
  carrier=
  { read -r carrier <"$sys/$1/carrier"; } 2>/dev/null
  [ "$carrier" = 1 ]
}

good='' bad=''
while read -r word name condition device; do
  [ "$word" != stopped ] || unhealthy 'wanhook is stopped ("wanhook apply" starts it)'
  [ "$word" = link ] || continue
  case $which in -*) ;; "$name") ;; *) continue ;; esac
  case $condition in up | degraded) is_there "$device" || condition="down ($device has no carrier)" ;; esac
  case $condition in
    up | degraded) good="$good$name $condition, " ;;
    *) bad="$bad$name $condition, " ;;
  esac
done <"$run/health"

[ -n "$good$bad" ] || case $which in
  -*) unhealthy 'there are no links' ;;
  *) usage "no link \"$which\"" ;;
esac
case $which in
  --any) [ -n "$good" ] || unhealthy "${bad%, }" ;;
  *) [ -z "$bad" ] || unhealthy "${bad%, }" ;;
esac
printf 'healthy: %s\n' "${good%, }"
