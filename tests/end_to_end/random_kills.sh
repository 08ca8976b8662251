#!/usr/bin/env bash
# label: long
#
#   ALLMODES_KILLS   how many, default 100
#   ALLMODES_SEED    of the moments and of who is hit, default 1
#
# A run that is killed at random moments, one rank, all of them, or mpirun, and goes on each time, ends
# with the bits and the records of the run that nobody touched: on one, two and four ranks in turn.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
arguments=(train ring.txtpb --quiet --steps 600 --set diagnostics.evaluate_every=150
  --set diagnostics.log_every=10 --set checkpoints.every=20)
RANDOM="${ALLMODES_SEED:-1}"
took=() kills=0 wanted="${ALLMODES_KILLS:-100}" runs=0

# state FOLDER: the last checkpoint's bytes, and the records without their times. A start that was killed
# before its first checkpoint has left a folder that the next one passes over.
state() {
  local run
  run="$(dirname "$(dirname "$(ls -d "$1"/*/checkpoints/step-00000600)")")"
  cat "$run"/checkpoints/step-00000600/*.safetensors | sha256sum
  python3 - "$run/records.jsonl" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    record = json.loads(line)
    print({k: v for k, v in sorted(record.items())
           if not k.endswith(("_ms", "_s", "_per_second")) and "_ms_" not in k and "_s_" not in k})
PYTHON
}

# Those of this job: its own process where it is one rank alone, else mpirun's children.
ranks_of() { awk -v job="$1" '$4 == job {print $1}' /proc/[0-9]*/stat 2>/dev/null || true; }

for count in 1 2 4; do
  began="$(date +%s%N)"
  expect 0 on_ranks "$count" "${arguments[@]}" --out "calm$count"
  took[count]=$((($(date +%s%N) - began) / 1000000))
  state "calm$count" >"calm$count.state"
done
while ((kills < wanted)); do
  count=$((1 << (runs % 3)))
  runs=$((runs + 1))
  rm -rf struck
  for ((starts = 0; ; ++starts)); do
    ((starts < 200)) || fail "no end after $starts starts"
    words=("${arguments[@]}" --out struck)
    ((starts == 0)) || words+=(--resume auto)
    # As one process, so that $! is it and not a shell around it.
    if ((count == 1)); then command=("$program"); else
      command=(mpirun -np "$count" "${mpirun_options[@]}" "$program")
    fi
    "${command[@]}" "${words[@]}" >out 2>err &
    job=$!
    # At any moment of the time that the calm run took.
    at=$((RANDOM * took[count] / 32768))
    sleep "$((at / 1000)).$(printf '%03d' $((at % 1000)))"
    if ! kill -0 "$job" 2>/dev/null; then
      status=0
      wait "$job" || status=$?
      ((status == 0)) || { cat err; fail "start $starts ended with $status by itself"; }
      break
    fi
    mapfile -t ranks < <(ranks_of "$job")
    what=$((RANDOM % 3))
    if ((count == 1 || ${#ranks[@]} == 0 || what == 0)); then
      kill -9 "$job" 2>/dev/null || true
    elif ((what == 1)); then
      kill -9 "${ranks[RANDOM % ${#ranks[@]}]}" 2>/dev/null || true
    else
      kill -9 "${ranks[@]}" 2>/dev/null || true
    fi
    wait "$job" 2>/dev/null || true
    if ((count > 1 && ${#ranks[@]} > 0)); then none_left 10000; fi
    kills=$((kills + 1))
  done
  state struck >struck.state
  cmp "calm$count.state" struck.state ||
    { diff "calm$count.state" struck.state | head; fail "run $runs on $count ranks differs from the calm one"; }
done
echo "$kills kills in $runs runs on 1, 2 and 4 ranks: all as the calm run, bit by bit"
