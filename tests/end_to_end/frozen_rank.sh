#!/usr/bin/env bash
# A rank that is stopped (SIGSTOP), whichever it is, is found within the watchdog's limit: it is named,
# the others print what they wait in, the job ends with 68 and leaves no process behind.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
limit=3

# freeze RANK of three
freeze() {
  local frozen="$1" rank
  rm -rf runs
  start_job 3 train ring.txtpb --out runs --quiet --steps 1000000 \
    --set "watchdog.limit_s=$limit" --set batch=66 --set diagnostics.evaluate_every=100000 \
    --set checkpoints.every=20
  grep -qz "^OMPI_COMM_WORLD_RANK=$frozen\$" "/proc/${ranks[frozen]}/environ" ||
    fail "process ${ranks[frozen]} is not rank $frozen"

  kill -STOP "${ranks[frozen]}"
  end_of_job
  ((status == 68)) || { cat err; fail "exit status $status instead of 68"; }
  ((took < 1000 * limit + 3000)) || { cat err; fail "the job took $took ms to end"; }
  says err "missing: rank $frozen on .*: no sign of life for"
  for rank in 0 1 2; do
    if ((rank != frozen)); then says err "^flight log of rank $rank of 3 on "; fi
  done
  ((frozen == 0)) || says err 'RUNNING +#[0-9]+ all-(reduce|gather)'
  none_left 5000
  echo "rank $frozen stopped: the job ended after $took ms"
}

freeze 1
freeze 0
