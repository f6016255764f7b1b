#!/bin/bash
# A PPPoE line of which nobody tells that it is gone; and all lines gone at once.
# limit: 500
# shellcheck disable=SC2317 # `meanwhile` is called by `course`
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready

# No hook says that it is gone: the group shrinks by itself; rule and table are stale until something looks.
meanwhile() {
  check_await 'kill -9: two nexthops in the group' 5 group_is 2
  pause 2
  ppp_dial dsl1
}
course 'kill -9' 198.51.100.24 drop_kill9 dsl1

say 'the last line goes, all come back'
dhclient_release
ppp_hangup dsl1
ppp_hangup dsl2
check_await 'all gone' 10 group_is 0
ppp_dial dsl1
ppp_dial dsl2
dhclient_up
check_balance 'all gone: three lines in the balance again' 90 dsl1 dsl2 cable
probe_start lan 60000
pause 2
probe_stop lan 'after all were gone'
check 'all gone: the LAN is served again' "$LOST" 0
