#!/usr/bin/env bash
# A rank that is stopped (SIGSTOP), whichever it is, is found within the watchdog's limit: it is named,
# the others print what they wait in, the job ends with 68 and leaves no process behind.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
limit=3

# freeze RANK of three
freeze() {
  local frozen="$1" rank status=0 began took state
  local -a ranks
  rm -rf runs
  mpirun -np 3 "${mpirun_options[@]}" "$program" train ring.txtpb --out runs --quiet \
    --steps 1000000 --set "watchdog.limit_s=$limit" --set batch=66 \
    --set diagnostics.evaluate_every=100000 --set checkpoints.every=20 >out 2>err &
  job=$!
  trap 'kill -9 $job 2>/dev/null || true; rm -rf "$work"' EXIT
  for ((tenths = 0; tenths < 600; ++tenths)); do
    compgen -G 'runs/00000-ring/checkpoints/step-*/manifest.pb' >/dev/null && break
    kill -0 "$job" 2>/dev/null || { cat err; fail "the job ended before its first checkpoint"; }
    sleep 0.1
  done
  # The fourth word of /proc/PID/stat is the parent. mpirun starts the ranks in their order.
  mapfile -t ranks < <(awk -v job="$job" '$4 == job {print $1}' /proc/[0-9]*/stat 2>/dev/null |
    sort -n)
  ((${#ranks[@]} == 3)) || fail "found ${#ranks[@]} processes of three ranks"
  grep -qz "^OMPI_COMM_WORLD_RANK=$frozen\$" "/proc/${ranks[frozen]}/environ" ||
    fail "process ${ranks[frozen]} is not rank $frozen"

  kill -STOP "${ranks[frozen]}"
  began="$(date +%s%N)"
  wait "$job" || status=$?
  took=$((($(date +%s%N) - began) / 1000000))
  ((status == 68)) || { cat err; fail "exit status $status instead of 68"; }
  ((took < 1000 * limit + 3000)) || { cat err; fail "the job took $took ms to end"; }
  says err "missing: rank $frozen on .*: no sign of life for"
  for rank in 0 1 2; do
    if ((rank != frozen)); then says err "^flight log of rank $rank of 3 on "; fi
  done
  ((frozen == 0)) || says err 'RUNNING +#[0-9]+ all-(reduce|gather)'
  for rank in "${ranks[@]}"; do
    for ((tenths = 0; tenths < 50; ++tenths)); do
      state="$(sed 's/.*) \(.\).*/\1/' "/proc/$rank/stat" 2>/dev/null || echo gone)"
      [[ "$state" != [ZX] && "$state" != gone ]] || break
      sleep 0.1
    done
    ((tenths < 50)) || fail "process $rank was left behind in state $state"
  done
  echo "rank $frozen stopped: the job ended after $took ms"
}

freeze 1
freeze 0
