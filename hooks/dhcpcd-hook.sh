#!/bin/sh
# dhcpcd-hooks/90-wanhook: SOURCED by dhcpcd-run-hooks(8), for every interface and reason. Hence one subshell, whose failure
# nobody notices, and no variable set outside it. The environment is dhcpcd's own, but what is in it came from a server.
(
  set --
  for name in reason interface new_ip_address new_subnet_mask new_routers new_classless_static_routes \
    new_domain_name_servers old_ip_address; do
    eval "set -- \"\$@\" \"$name=\${$name-}\""
  done
  # Delegated prefixes: so many requests, and so many prefixes each.
  for pd in 1 2 3 4; do
    for prefix in 1 2 3 4; do
      name=dhcp6_ia_pd${pd}_prefix$prefix
      eval "[ -z \"\${new_$name-}\${old_$name-}\" ]" && continue
      eval "set -- \"\$@\" \"new_$name=\${new_$name-}\" \"new_${name}_length=\${new_${name}_length-}\" \"old_$name=\${old_$name-}\""
    done
  done
  exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@" \
    /bin/sh /usr/lib/wanhook/run-hook.sh dhcpcd </dev/null >/dev/null 2>&1
) || :
