#!/usr/bin/env bash
# label: long
#
#   ALLMODES_FREEZES   how many, default 40
#   ALLMODES_SEED      of the moments and of who is hit, default 1
#
# A rank is stopped (SIGSTOP) at a random moment between the start of its process and its end: while it
# loads, starts MPI, reads data, trains, evaluates, saves, or ends. The job ends with 68 and names it,
# within the watchdog's limit or, before the first agreement, the start's; or all was done. No process is
# left behind.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
RANDOM="${ALLMODES_SEED:-1}"
start_limit=15 limit=5 worst=0 named=0 through=0
words=(-n 3 -- train ring.txtpb --quiet --steps 120 --set batch=66 --set diagnostics.evaluate_every=60
  --set checkpoints.every=20 --set "watchdog.limit_s=$limit" --set watchdog.stage_limit_s=8)
export ALLMODES_BINARY="$program" ALLMODES_START_LIMIT_S="$start_limit"
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# This job's ranks, in their order: what mpirun, a child of run.sh, has started with a rank's environment.
ranks_of_job() {
  local mpirun pid
  for mpirun in $(pgrep -P "$job" -x mpirun); do
    for pid in $(pgrep -P "$mpirun"); do
      if grep -qzs '^OMPI_COMM_WORLD_RANK=' "/proc/$pid/environ"; then echo "$pid"; fi
    done
  done
}

began="$(now_ms)"
expect 0 "$source/launch/run.sh" "${words[@]}" --out calm
calm=$(($(now_ms) - began))
for ((freeze = 0; freeze < ${ALLMODES_FREEZES:-40}; ++freeze)); do
  rm -rf runs
  "$source/launch/run.sh" "${words[@]}" --out runs >out 2>err &
  job=$!
  at=$((RANDOM * calm / 32768))
  sleep "$((at / 1000)).$(printf '%03d' $((at % 1000)))"
  mapfile -t ranks < <(ranks_of_job)
  victim=""
  if ((${#ranks[@]} > 0)); then victim="${ranks[RANDOM % ${#ranks[@]}]}"; fi
  # A frozen process reads as one that is: which rank it is has to be asked before.
  rank="$(tr "\0" "\n" <"/proc/${victim:-self}/environ" 2>/dev/null | sed -n 's/^OMPI_COMM_WORLD_RANK=//p' || true)"
  if [[ -z "$rank" ]] || ! kill -STOP "$victim" 2>/dev/null; then
    wait "$job" || fail "the job ended with $? by itself"
    through=$((through + 1))
    continue
  fi
  began="$(now_ms)"
  status=0
  wait "$job" || status=$?
  took=$(($(now_ms) - began))
  started=false
  ! compgen -G 'runs/*/records.jsonl' >/dev/null || started=true
  none_left 5000
  case "$status" in
    0) through=$((through + 1)) ;;
    68)
      says err "rank $rank"
      named=$((named + 1))
      ((took < 1000 * (start_limit + 5))) || { cat err; fail "rank $rank, frozen after $at ms, was found after $took ms"; }
      [[ "$started" == false ]] || ((took <= 10000)) ||
        { cat err; fail "rank $rank, frozen in training after $at ms, was found after $took ms"; }
      ((took <= worst)) || worst="$took"
      ;;
    *) cat err; fail "rank $rank frozen after $at ms: exit status $status" ;;
  esac
  echo "rank $rank frozen after $at ms (training: $started): $status after $took ms"
done
echo "$named ranks named, at most $worst ms after they were frozen; $through jobs were done by then"
