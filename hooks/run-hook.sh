#!/bin/sh
# run-hook.sh HOOK [ARGUMENT…]: what the shims in /etc share; they start it with a clean environment. Always exits 0.
hook=$1
shift

# Not ours? Decided before Node starts: the names of every line stand in these files, and comments do not count.
# The last ones are what hooks go on with while somebody is editing a broken one, or after a "wanhook try"; and the devices that
# lines have now: a DHCPv6 client on a dialled line knows nothing else.
config=$(grep -hsv '^[[:space:]]*#' /etc/wanhook/wanhook.env /etc/wanhook/links/*.env /run/wanhook/config.json \
  /var/lib/wanhook/trial.json /run/wanhook/health)
ours=no
# pppd's device, ipparam and linkname; DHCP clients' device; NetworkManager's; networkd's and ifupdown's
for name in "${1-}" "${6-}" "${LINKNAME-}" "${interface-}" "${DEVICE_IP_IFACE-}" "${IFACE-}"; do
  case $name in '' | lo) continue ;; esac
  case $config in *"$name"*) ours=yes ;; esac
done
[ "$ours" = yes ] || exit 0

cd / && unset PWD OLDPWD # cd exports them
node=@NODE@
[ -x "$node" ] || node=$(PATH=/usr/local/sbin:/usr/local/bin:$PATH; command -v node || command -v nodejs)
# Rules, routes (src/kernel/observe.ts) and the firewall are listed while node starts, on standard input: if they show that
# nothing is to be done, nothing is started from there.
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
  WANHOOK_EARLY=stdin "${node:-node}" /usr/lib/wanhook/hooks/load.cjs "$hook" "$@" ||
  logger -t wanhook -p daemon.err "hook $hook ${1-${interface-}}: \"${node:-node}\" failed with status $?: run install.sh again"
exit 0
