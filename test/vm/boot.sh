#!/bin/sh
# Process 1 of the virtual machine, on the overlay of the host's root: run one script, keep its exit status, power off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
export WANHOOK_VM_OUT=/vm
hostname router
ip link set lo up
read -r up _ </proc/uptime
echo "vm: booted in ${up}s, running $1"
# syslog to a file that outlives the machine: pppd, dhclient, wanhook.
busybox syslogd -n -O /vm/syslog -S &
(
  cd / || exit 1
  "$1" </dev/null
) 2>&1
echo $? >/vm/exit-status
read -r up _ </proc/uptime
echo "vm: finished after ${up}s"
sync
busybox reboot -f
