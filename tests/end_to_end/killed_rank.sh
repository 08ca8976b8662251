#!/usr/bin/env bash
# kill -9 of one rank ends the whole job within 5 s and with a failure; --resume auto continues.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
arguments=(train ring.txtpb --out runs --quiet --set diagnostics.log_every=10
  --set diagnostics.evaluate_every=1000 --set checkpoints.every=50)
mpirun -np 2 "${mpirun_options[@]}" "$program" "${arguments[@]}" --steps 1000000 >out 2>err &
job=$!
trap 'kill -9 $job 2>/dev/null || true; rm -rf "$work"' EXIT

for ((tenths = 0; tenths < 400; ++tenths)); do
  compgen -G 'runs/00000-ring/checkpoints/step-*/manifest.pb' >/dev/null && break
  kill -0 "$job" 2>/dev/null || { cat err; fail "the job ended before its first checkpoint"; }
  sleep 0.1
done
# The fourth word of /proc/PID/stat is the parent.
mapfile -t ranks < <(awk -v job="$job" '$4 == job {print $1}' /proc/[0-9]*/stat 2>/dev/null |
  sort -n)
((${#ranks[@]} == 2)) || fail "found ${#ranks[@]} processes of two ranks"

kill -9 "${ranks[1]}"
killed="$(date +%s%N)"
status=0
wait "$job" || status=$?
took=$((($(date +%s%N) - killed) / 1000000))
((status != 0)) || fail "the job ended well although a rank was killed"
((took < 5000)) || fail "the job took $took ms to end"
says err 'rank 1'
# mpirun does not wait for the ranks that it ends; they have the rest of the 5 s.
for rank in "${ranks[@]}"; do
  while :; do
    # One that nobody has waited for yet (state Z) has ended too.
    state="$(sed 's/.*) \(.\).*/\1/' "/proc/$rank/stat" 2>/dev/null || echo gone)"
    [[ "$state" != [ZX] && "$state" != gone ]] || break
    (($(date +%s%N) - killed < 5000000000)) ||
      fail "process $rank was left behind in state $state"
    sleep 0.1
  done
done

# Continues to 200 steps behind the last checkpoint.
newest="$(find runs/00000-ring/checkpoints -maxdepth 1 -name 'step-*' | sort | tail -n 1)"
at=$((10#${newest##*step-}))
expect 0 on_ranks 2 "${arguments[@]}" --steps $((at + 200)) --resume auto
[[ "$(ls runs)" == 00000-ring ]] || fail "--resume auto made another run folder: $(ls runs)"
python3 - "$at" <<'PYTHON'
import json, sys

steps = [json.loads(line)["step"] for line in open("runs/00000-ring/records.jsonl")
         if '"record":"train"' in line]
last = int(sys.argv[1]) + 200
assert steps == list(range(10, last + 1, 10)), f"records are of steps {steps[:3]} ... {steps[-30:]}"
PYTHON
echo "the job ended $took ms after a rank was killed, with status $status; resumed at step $at"
