#!/usr/bin/env bash
# kill -9 of one rank ends the whole job within 5 s and with a failure; --resume auto continues.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
arguments=(train ring.txtpb --out runs --quiet --set diagnostics.log_every=10
  --set diagnostics.evaluate_every=1000 --set checkpoints.every=50)
start_job 2 "${arguments[@]}" --steps 1000000
kill -9 "${ranks[1]}"
end_of_job
((status != 0)) || fail "the job ended well although a rank was killed"
((took < 5000)) || fail "the job took $took ms to end"
says err 'rank 1'
# mpirun does not wait for the ranks that it ends; they have the rest of the 5 s.
none_left $((5000 - took))

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
