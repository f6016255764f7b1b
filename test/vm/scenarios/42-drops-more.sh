#!/bin/bash
# More ways in which a PPPoE line goes and comes back, under traffic (drops).
# limit: 400
# shellcheck disable=SC2317 # `meanwhile` is called by `course`
set -u
# shellcheck disable=SC1091
. "$(dirname "$0")/../product.sh"

product_ready

address_of dsl1
course 'HUP, same address' "$ADDRESS" drop_hup dsl1

meanwhile() {
  check_balance 'LCP timeout: two lines in the balance' 30 dsl2 cable
  line_heal A
}
course 'LCP timeout' 198.51.100.25 drop_lcp A
