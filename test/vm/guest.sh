#!/bin/bash
# Runs in the virtual machine: builds the lab, then the scenarios in name order, each a process with a time limit.
# /vm/only, if there, names the ones wanted (one per line, without number and suffix).
set -u
here=$(dirname "$0")
# shellcheck disable=SC1091
. "$here/lab.sh"
: >"$OUT/checks.jsonl"

now; start=$NOW
lab_up
now
measure 'lab built' $((NOW - start)) ms

failed=0
for scenario in "$here"/scenarios/[0-9]*.sh; do
  SCENARIO=${scenario##*/[0-9][0-9]-}
  export SCENARIO=${SCENARIO%.sh}
  if [ -s "$OUT/only" ] && ! grep -qx "$SCENARIO" "$OUT/only"; then continue; fi
  # The time a scenario may take is said in its own file: "# limit: 60".
  limit=$(sed -n 's/^# limit: //p' "$scenario")
  say "---- $SCENARIO"
  now; start=$NOW
  timeout -k 5 "${limit:-120}" bash "$scenario"
  status=$?
  now
  skipped=''
  if [ "$status" -eq 77 ] && [ -s "$LAB/skip" ]; then
    json_string "$(<"$LAB/skip")" && skipped=",\"skip\":$JSON"
    rm -f "$LAB/skip"
    say "skipped: $JSON"
    status=0
  fi
  printf '{"scenario":"%s","status":%d,"ms":%d%s}\n' "$SCENARIO" "$status" $((NOW - start)) "$skipped" >>"$OUT/checks.jsonl"
  say "---- $SCENARIO: status $status, $((NOW - start)) ms"
  if [ "$status" -ne 0 ]; then
    failed=1
    lines_kill
  fi
done
dmesg >"$OUT/dmesg" 2>&1
exit "$failed"
