#!/bin/bash
# Ways in which a PPPoE line goes and comes back, under traffic; more of them: gone, drops-more.
# limit: 600
# shellcheck disable=SC2317 # `meanwhile` is called by `course`
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready

course 'server kill, new address' 198.51.100.21 drop_server_kill A

meanwhile() { unit_take A "$OLD_DEV"; }
course 'HUP, unit taken' 198.51.100.22 drop_hup dsl1
address_of dsl1
check 'HUP, unit taken: on another device' "$([ "$DEV" != "$OLD_DEV" ] && echo yes)" yes
unit_free
