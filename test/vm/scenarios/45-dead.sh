#!/bin/bash
# wanhook monitor on Debian's kernel, with netem: what is wrong with each line, and a clock that is set.
# limit: 300
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready
cp /etc/wanhook/wanhook.env "$LAB/wanhook.env"
printf '%s\n' "PROBE=icmp://$INTERNET,icmp://203.0.113.11,icmp://203.0.113.12" PROBE_INTERVAL=0.3 PROBE_TIMEOUT=3 \
  DOWN_AFTER=6 LOSS_DOWN=off FLAP_PENALTY=0 >>/etc/wanhook/wanhook.env
ip -n net addr add 203.0.113.11/32 dev lo
ip -n net addr add 203.0.113.12/32 dev lo
wanhook monitor >"$OUT/monitor.log" 2>&1 &
monitor=$!
check_await 'the monitor watches' 90 grep -q watching "$OUT/monitor.log"

# Whatever happens, the others find their lines well.
clean_up() {
  kill -TERM "$monitor" 2>/dev/null
  tc -n ispA qdisc del dev core root
  tc -n ispB qdisc del dev core root
  isp_upstream A on
  isp_upstream C on
  [ ! -e "$LAB/wanhook.env" ] || mv "$LAB/wanhook.env" /etc/wanhook/wanhook.env
} 2>/dev/null
trap clean_up EXIT
trap exit TERM

# verdict_is LINK WORD: as the record has it; of a line that was never bad it has nothing.
verdict_is() {
  local state
  state=$(</run/wanhook/state.json)
  [[ $state == *"\"$1\":{\"verdict\":\"$2\""* ]] || { [ "$2" = alive ] && [[ $state != *"\"$1\":{\"verdict\""* ]]; }
}
all_alive() { verdict_is dsl1 alive && verdict_is dsl2 alive && verdict_is cable alive; }

pause 2
tc -n ispA qdisc replace dev core root netem loss 50%
tc -n ispB qdisc replace dev core root netem delay 1500ms
isp_upstream C off
check_await 'upstream blackholed: dead' 90 verdict_is cable dead
check_await 'upstream blackholed: out of the balance' 60 group_is 2
check_await '50 % loss: degraded' 90 verdict_is dsl1 degraded
check_await '1.5 s latency: degraded' 90 verdict_is dsl2 degraded
tc -n ispA qdisc del dev core root
tc -n ispB qdisc del dev core root
isp_upstream C on
# While they recover, for that takes a while.
for hours in +1 -1; do
  date -s "@$((EPOCHSECONDS + hours * 3600))" >/dev/null
  pause 2
done
check_await 'all well again' 90 all_alive
check_balance 'three lines in the balance again' 60 dsl1 dsl2 cable
check 'clock set forward and back by an hour: nothing is dead for that' "$(grep -c 'is dead: ' /run/wanhook/journal.jsonl)" 1
isp_upstream A off
check_await 'clock set: what is dead is noticed as before' 90 verdict_is dsl1 dead
isp_upstream A on
check_await 'and what is well again' 90 verdict_is dsl1 alive
check 'it had nothing to complain about' "$(grep -v watching "$OUT/monitor.log")" ''
kill -TERM "$monitor"
wait "$monitor"
check 'it ends' $? 0
