#!/usr/bin/env bash
# --deterministic over four hosts gives the bits of one rank.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"

make_hosts
write_ring_gan gan.txtpb
options=(train gan.txtpb --quiet --deterministic --set batch=64)
expect 0 on_ranks 1 "${options[@]}" --out one
host_count=4
expect 0 on_hosts "${options[@]}" --out four
[[ "$(payload one)" == "$(payload four)" ]] || fail "four hosts and one rank differ"
echo "four hosts have the bits of one rank"
