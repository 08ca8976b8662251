#!/usr/bin/env bash
# A signal to one rank stops all of them at the same step, within seconds, however rare log steps are.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
mpirun -np 2 "${mpirun_options[@]}" "$program" train ring.txtpb --out runs --steps 1000000 \
  --set diagnostics.log_every=1000000 --set diagnostics.evaluate_every=1000000 \
  --set checkpoints.every=20 >out 2>err &
job=$!
trap 'kill -9 $job 2>/dev/null || true; rm -rf "$work"' EXIT
for ((tenths = 0; tenths < 600; ++tenths)); do
  compgen -G 'runs/00000-ring/checkpoints/step-*/manifest.pb' >/dev/null && break
  kill -0 "$job" 2>/dev/null || { cat err; fail "the job ended before its first checkpoint"; }
  sleep 0.1
done
mapfile -t ranks < <(awk -v job="$job" '$4 == job {print $1}' /proc/[0-9]*/stat 2>/dev/null |
  sort -n)
kill -USR1 "${ranks[1]}"
began="$(date +%s%N)"
status=0
wait "$job" || status=$?
took=$((($(date +%s%N) - began) / 1000000))
((status == 75)) || { cat err; fail "exit status $status instead of 75"; }
((took < 6000)) || fail "the job took $took ms to stop"
says err 'signal 10: stopping with a checkpoint'
echo "the job stopped $took ms after a signal to rank 1"
