#!/bin/sh
# The write-ups' ip-up script, as well as it can be done in shell: what `npm run bench` puts beside wanhook's hook.
# It is /etc/ppp/ip-up.d/multiwan and /etc/ppp/ip-down.d/multiwan at once; DEVICE TTY SPEED LOCAL REMOTE IPPARAM.
# One `ip -batch`, one `nft -f`, one lock; everything else is the shell's own. /etc/multiwan: "NAME ID WEIGHT" a line.
# It makes what wanhook makes for BALANCE=flow: a table, a source and a mark rule for each line, a weighted default over
# all that are up, and connection marks. It looks at nothing in the kernel, checks nothing, and repairs nothing.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $0 in */ip-up.d/*) verb=up ;; *) verb=down ;; esac
device=$1 address=$4 name=$6 run=/run/multiwan id='' weight=''
while read -r line number share; do
  [ "$line" = "$name" ] && id=$number weight=$share && break
done </etc/multiwan
[ -n "$id" ] || exit 0

# Hooks of several lines run at once.
umask 077
[ -d $run ] || mkdir -p $run
exec 9>$run/lock
flock 9

line=$run/$id.line table=$((20000 + id)) mark=$((id << 24))
{ read -r _ old _ <"$line"; } 2>/dev/null
if [ $verb = up ]; then
  echo "$device $address $id $weight" >"$line"
elif [ "$old" = "$address" ]; then
  rm -f "$line"
else
  exit 0 # a late one: the line is up again, with another address
fi

nexthops='' devices='' records='' restores=''
for file in "$run"/*.line; do
  [ -e "$file" ] || continue
  read -r each _ number share <"$file"
  nexthops="$nexthops nexthop dev $each weight $share"
  devices="$devices\"$each\", "
  records="$records\"$each\" : $((number << 24)), "
  restores="$restores$((number << 24)) : $((number << 24)), "
done

{
  echo 'rule del pref 20000'
  echo 'rule add pref 20000 lookup main suppress_prefixlength 0'
  echo 'rule del pref 20900'
  echo 'rule add pref 20900 lookup 20000'
  [ -z "$old" ] || echo "rule del pref 20300 from $old lookup $table"
  echo "rule del pref 20200 fwmark $mark/0x3f000000 lookup $table"
  if [ $verb = up ]; then
    echo "route replace default dev $device src $address table $table"
    echo "rule add pref 20200 fwmark $mark/0x3f000000 lookup $table"
    echo "rule add pref 20300 from $address lookup $table"
  else
    echo "route flush table $table"
  fi
  if [ -n "$nexthops" ]; then echo "route replace default table 20000$nexthops"; else echo 'route flush table 20000'; fi
} | ip -force -batch - >/dev/null 2>&1

nft -f - <<TABLE
table inet multiwan
delete table inet multiwan
table inet multiwan {
  set wan { type ifname; ${devices:+elements = { $devices \}} }
  map record { type ifname : mark; ${records:+elements = { $records \}} }
  map restore { type mark : mark; ${restores:+elements = { $restores \}} }
  chain prerouting {
    type filter hook prerouting priority mangle;
    iifname @wan ct mark 0 ct mark set iifname map @record
    iifname != @wan meta mark set ct mark map @restore
  }
  chain output { type route hook output priority mangle; meta mark set ct mark map @restore; }
  chain postrouting {
    type filter hook postrouting priority mangle;
    ct mark 0 oifname @wan ct mark set oifname map @record
  }
  chain srcnat { type nat hook postrouting priority srcnat; oifname @wan masquerade; }
}
TABLE
