#!/usr/bin/env bash
# A signal to one rank stops all of them at the same step, within seconds, however rare log steps are.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
start_job 2 train ring.txtpb --out runs --steps 1000000 --set diagnostics.log_every=1000000 \
  --set diagnostics.evaluate_every=1000000 --set checkpoints.every=20
kill -USR1 "${ranks[1]}"
end_of_job
((status == 75)) || { cat err; fail "exit status $status instead of 75"; }
((took < 6000)) || fail "the job took $took ms to stop"
says err 'SIGUSR1: stopping with a checkpoint'
echo "the job stopped $took ms after a signal to rank 1"
