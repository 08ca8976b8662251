#!/usr/bin/env bash
# A job of two ranks whose data come slowly, one small picture after another, is no hang, though all of
# them take longer than a stage may take without progress; one rank whose loader stands still is found
# and named.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

make_slow_pictures
echo 'watchdog { limit_s: 1 stage_limit_s: 2 }' >>pictures.txtpb

# slowly SECONDS FIRST RANK: the job on two ranks, each read of a picture so much longer.
slowly() {
  mpirun -np 2 "${mpirun_options[@]}" -x "LD_PRELOAD=$library" -x SLOW_DISK_END=.pgm \
    -x "SLOW_DISK_S=$1" -x "SLOW_DISK_FIRST=$2" -x "SLOW_DISK_RANK=$3" \
    "$program" train pictures.txtpb --out runs --quiet
}
began="$(date +%s)"
expect 0 slowly 0.1 1 ""
(($(date +%s) - began >= 3)) || fail "the reads were not slow"
expect 68 slowly 600 5 1
says err "missing: rank 1 on .*: alive, but without progress for .*loading data"
echo "slow loading is no hang, and loading that hangs is found"
