#!/usr/bin/env bash
# What asks a process to end saves and ends with 75, whatever the signal and the moment: also a
# closed pipe, and a signal that comes before the first step. The command that it then names goes on
# from any folder.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan "my ring.txtpb"
for signal in HUP QUIT USR2 XCPU PIPE TERM; do
  rm -rf "runs"
  # A shell without job control lets its background jobs ignore QUIT.
  env --default-signal="$signal",QUIT "$program" train "my ring.txtpb" --steps 1000000 \
    --set checkpoints.every=20 >out 2>err &
  job=$!
  await_checkpoint
  kill -"$signal" "$job"
  end_of_job
  ((status == 75)) || { cat err; fail "SIG$signal ended the run with $status"; }
  says err "SIG$signal: stopping with a checkpoint"
done

# The command stands in one line and works from elsewhere.
command="$(sed -n 's/.*to continue: //p' err)"
step="$(ls runs/00000-ring/checkpoints | tail -n 1)"
command="${command/--steps 1000000/--steps $((10#${step#step-} + 5))}"
(cd / && bash -c "$command") >out 2>err ||
  { cat err; fail "the command that was named fails: $command"; }
[[ "$(ls runs/)" == 00000-ring ]] || fail "the command began another run"

# As soon as the program has begun: it still reads its configuration and its data.
rm -rf runs
"$program" train "my ring.txtpb" --steps 1000000 >out 2>err &
job=$!
for ((tries = 0; tries < 1000; ++tries)); do
  # Until then it is a shell, which catches signals for itself.
  [[ "/proc/$job/exe" -ef "$program" ]] || { sleep 0.01; continue; }
  caught="$(awk '/^SigCgt/ {print $2}' "/proc/$job/status" 2>/dev/null)" || caught=0
  ((16#${caught:-0} >> 9 & 1)) && break
  sleep 0.01
done
kill -USR1 "$job"
end_of_job
((status == 75)) || { cat err; fail "SIGUSR1 at the start ended the run with $status"; }
# A fast machine may have taken its first steps between the look at the process and the signal.
step="$(ls runs/00000-ring/checkpoints)"
[[ "$step" == step-* ]] || fail "no checkpoint, or more than one: $step"
expect 0 "$program" train "my ring.txtpb" --resume auto --steps $((10#${step#step-} + 5))

# A launcher says it again and again. Up to the process's last moment that is nothing new.
for time in 1 2 3; do
  rm -rf runs
  "$program" train "my ring.txtpb" --steps 1000000 --set checkpoints.every=20 >out 2>err &
  job=$!
  await_checkpoint
  while kill -USR1 "$job" && read -r state 2>/dev/null <"/proc/$job/stat" && [[ "$state" != *") Z "* ]]; do :; done
  end_of_job
  ((status == 75)) || { cat err; fail "SIGUSR1 said again ended the run with $status"; }
done
echo "signals save and end with 75"
