#!/usr/bin/env bash
# --deterministic: the checkpoints of 1, 2, 4 and 8 ranks hold the same bits, and so does one that was
# resumed at another number of ranks half-way.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan gan.txtpb
options=(--quiet --deterministic --set batch=64)

for ranks in 1 2 4 8; do
  expect 0 on_ranks "$ranks" train gan.txtpb "${options[@]}" --out "whole-$ranks"
  [[ "$(payload "whole-$ranks")" == "$(payload whole-1)" ]] || fail "$ranks ranks and 1 differ"
done
expect 0 on_ranks 4 train gan.txtpb "${options[@]}" --out halves --steps 30
expect 0 on_ranks 2 train gan.txtpb "${options[@]}" --out halves --resume auto
[[ "$(payload halves)" == "$(payload whole-1)" ]] || fail "resumed on other ranks they differ"

# Otherwise the bits do depend on the ranks: the comparison can fail.
for ranks in 1 2; do
  expect 0 on_ranks "$ranks" train gan.txtpb --quiet --set batch=64 --out "usual-$ranks"
done
[[ "$(payload usual-1)" != "$(payload usual-2)" ]] || fail "the usual runs are bitwise equal too"

expect 78 on_ranks 3 train gan.txtpb "${options[@]}" --set batch=48 --out three
says "$work/err" "power of two"
echo "the same bits on 1, 2, 4 and 8 ranks"
