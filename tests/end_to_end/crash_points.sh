#!/usr/bin/env bash
# label: long
#
#   ALLMODES_CRASH_STRIDE   every so many points, default 9; 1 is all
#   ALLMODES_CRASH_RANKS    default "2 4"
#
# The rank that writes is killed before each call that changes what is on the disk, and in the middle of
# each write, in runs on two and four ranks: one that goes straight through and one that collapses and
# goes back. Checkpoints are written by a thread while steps go on. No committed checkpoint may be lost,
# and what goes on ends with the bits and the records of the run that was never killed.
# crash_tests tries all points of one rank.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
library="${ALLMODES_CRASH_LIBRARY:-$(dirname "$program")/tests/libcrash_points.so}"
[[ -r "$library" ]] || { echo "skipped: no $library"; exit 77; }

write_ring_gan straight.txtpb
sed -i 's/^steps:.*/steps: 24/; s/log_every: 1 evaluate_every: 30/log_every: 5 evaluate_every: 12/
  s/every: 30 }/every: 8 keep: 2 }/; s/every: 0 count: 16/every: 12 count: 4/' straight.txtpb
write_ring_vae back.txtpb
# The KL costs more than any dimension of the ring is worth; going back makes it cheaper.
sed -i 's/^steps:.*/steps: 200/; s/log_every: 1 evaluate_every: 30 samples: 200/log_every: 50 evaluate_every: 100 samples: 400 calibration_draws: 50/
  s/variance: 0.05/variance: 1 beta: 4/; s/every: 30 }/every: 50 }/' back.txtpb
echo 'verdict { on_collapse: "rollback" rollback { limit: 2 kl_weight: 0.01 } }' >>back.txtpb

# state FOLDER: the last checkpoint's bytes, and the records without their times. A start that was
# killed before its first checkpoint has left a folder that the next one passes over.
state() {
  local run last
  run="$(ls -d "$1"/*/ | tail -n 1)"
  last="$(ls -d "$run"checkpoints/step-* | tail -n 1)"
  echo "$(basename "$last") $(cat "$last"/*.safetensors | sha256sum)"
  python3 - "$run/records.jsonl" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    record = json.loads(line)
    print({k: v for k, v in sorted(record.items())
           if not k.endswith(("_ms", "_s", "_per_second", "_seconds"))
           and "_ms_" not in k and "_s_" not in k and k != "unwritten_files"})
PYTHON
}

# killed_at POINT CONFIG RANKS: the exit status in $status, what had been committed in $renamed and $last.
killed_at() {
  truncate -s 0 points && truncate -s 24 points
  status=0
  ALLMODES_CRASH_FOLDER="$work/struck" ALLMODES_CRASH_AT="$1" ALLMODES_CRASH_RANK=0 \
    ALLMODES_CRASH_POINTS="$work/points" mpirun -np "$3" "${mpirun_options[@]}" \
    -x "LD_PRELOAD=$library" "$program" train "$2" --quiet --out "$work/struck" >out 2>err || status=$?
  read -r points renamed last < <(od -An -t u8 -w24 points | tr -s ' ')
}

total=0
for ranks in ${ALLMODES_CRASH_RANKS:-2 4}; do
  for config in straight back; do
    rm -rf struck
    killed_at 0 "$config.txtpb" "$ranks"
    ((status == 0 && renamed > 0)) || { cat err; fail "the calm run ended with $status"; }
    state struck >calm
    all="$points" tried=0
    stride="${ALLMODES_CRASH_STRIDE:-9}"
    for ((point = 1 + stride / 2; point <= all; point += stride)); do
      rm -rf struck
      killed_at "$point" "$config.txtpb" "$ranks"
      # Files that are written again every so many milliseconds make the last points come or not.
      ((status != 0)) || continue
      ((status == 137)) || { cat err; fail "$config at point $point ended with $status"; }
      if ((renamed > 0)); then
        newest="$(ls -d struck/*/checkpoints/step-* | tail -n 1 | sed 's/.*step-0*//')"
        ((newest >= last)) || compgen -G 'struck/*/records-before-rollback-1.jsonl' >/dev/null ||
          fail "$config at point $point: step $last was committed, $newest is left"
      fi
      expect 0 on_ranks "$ranks" train "$config.txtpb" --quiet --out "$work/struck" --resume auto
      state struck >struck.state
      cmp -s calm struck.state || { diff calm struck.state | head -n 20
        fail "$config on $ranks ranks, killed at point $point of $all, ends otherwise than the calm run"; }
      [[ -z "$(find "$(ls -d struck/*/ | tail -n 1)" -name ".tmp-*")" ]] || fail "temporary files are left after point $point"
      tried=$((tried + 1))
    done
    echo "$config on $ranks ranks: $tried of $all points, nothing lost, nothing twice"
    total=$((total + tried))
  done
done
echo "$total points"
