#!/usr/bin/env bash
# The ranks of a job on one host listen nowhere, and mpirun on the loopback interface alone.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
command -v ss >/dev/null || { echo "skipped: there is no 'ss'"; exit 77; }

write_ring_gan ring.txtpb
setsid bash "$source/launch/run.sh" -n 2 -- train ring.txtpb --out runs --quiet --steps 1000000 \
  --set diagnostics.evaluate_every=1000000 --set checkpoints.every=20 >out 2>err &
job=$!
trap 'kill -9 -- "-$job" 2>/dev/null || true; rm -rf "$work"' EXIT
await_checkpoint
ranks=()
for process in $(pgrep -f "train ring.txtpb --out runs --quiet"); do
  [[ "$(readlink "/proc/$process/exe")" != "$(readlink -f "$program")" ]] || ranks+=("$process")
done
((${#ranks[@]} >= 2)) || fail "found ${#ranks[@]} processes of 2 ranks"
for rank in "${ranks[@]}"; do
  if ss -ltnpH | grep "pid=$rank,"; then fail "rank process $rank listens"; fi
done
# run.sh is the leader of the session that this began; mpirun has one of its own below it.
starter="$(pgrep -P "$job" -x mpirun)" || fail "run.sh has no mpirun"
places="$(ss -ltnpH | grep "pid=$starter," | awk '{print $4}')"
[[ -n "$places" ]] || fail "mpirun listens nowhere: how does it hear of its ranks?"
if [[ -e "$(dirname "$(realpath "$program")")/liballmodes_loopback.so" ]] &&
  grep -Ev '^(127\.0\.0\.1|\[::1\]):' <<<"$places"; then
  fail "mpirun listens beyond this host"
fi
echo "no rank listens, and mpirun on ${places//$'\n'/, }"
kill -TERM "$job"
end_of_job
((status == 75)) || { cat err; fail "exit status $status instead of 75"; }
