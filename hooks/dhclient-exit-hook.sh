#!/bin/sh
# /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook: SOURCED by dhclient-script(8), after the file rfc3442-classless-routes.
# If anything here failed, dhclient would decline its address and ask for another until the pool is empty. Hence one
# subshell, one command with an absolute path (nobody's alias, function or IFS matters), no variable set, and `|| :`.
(
  /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
    reason="${reason-}" interface="${interface-}" exit_status="${exit_status-}" new_starts="${new_starts-}" \
    new_ip_address="${new_ip_address-}" new_subnet_mask="${new_subnet_mask-}" new_routers="${new_routers-}" \
    new_rfc3442_classless_static_routes="${new_rfc3442_classless_static_routes-}" \
    new_domain_name_servers="${new_domain_name_servers-}" old_ip_address="${old_ip_address-}" \
    new_ip6_prefix="${new_ip6_prefix-}" old_ip6_prefix="${old_ip6_prefix-}" \
    /bin/sh /usr/lib/wanhook/run-hook.sh dhclient </dev/null >/dev/null 2>&1
) || :
