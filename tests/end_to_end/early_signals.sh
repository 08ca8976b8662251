#!/usr/bin/env bash
# A signal to launch/run.sh is heard at any moment: before anything is started, nothing is; while
# mpirun starts, which loses signals until its ranks run, it is said again; and it ends with 75.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
run="$source/launch/run.sh"

# In the place of the program: ends with 75 when it is asked to stop, with 0 after ten seconds.
cat >program <<'PROGRAM'
#!/bin/bash
trap 'exit 75' USR1
touch "$1.started"
for ((tenths = 0; tenths < 100; ++tenths)); do sleep 0.1; done
PROGRAM
chmod +x program
export ALLMODES_BINARY="$work/program"

# A command that run.sh calls before it starts anything: signals the shell that runs it.
mkdir early
cat >early/nvidia-smi <<'COMMAND'
#!/bin/bash
pid=$PPID
while parent="$(awk '{print $4}' "/proc/$pid/stat")" &&
  tr '\0' ' ' <"/proc/$parent/cmdline" | grep -q run.sh; do pid=$parent; done
kill -"$SIGNAL" "$pid"
sleep 0.2
COMMAND
chmod +x early/nvidia-smi
for signal in USR1 USR2 TERM HUP XCPU; do
  PATH="$work/early:$PATH" SIGNAL=$signal expect 75 \
    env --default-signal=HUP "$run" -- train before
  says err 'told to stop before anything was started'
  [[ ! -e before.started ]] || fail "SIG$signal: the program was started all the same"
done

# An mpirun that loses what comes in its first second, as the real one does for a shorter time.
mkdir slow
cat >slow/mpirun <<'MPIRUN'
#!/bin/bash
trap 'echo "mpirun: Forwarding signal 10 to job" >&2' USR1
touch lost.mpirun
end=$((SECONDS + 2))
while ((SECONDS < end)); do sleep 0.05; done
trap 'kill -USR1 $rank' USR1
"$ALLMODES_BINARY" lost &
rank=$!
while :; do
  status=0
  wait $rank || status=$?
  kill -0 $rank 2>/dev/null || break
done
exit $status
MPIRUN
chmod +x slow/mpirun
PATH="$work/slow:$PATH" "$run" -n 1 -- train lost >out 2>err &
job=$!
for ((tenths = 0; tenths < 100; ++tenths)); do [[ -e lost.mpirun ]] && break; sleep 0.1; done
kill -USR1 "$job"
end_of_job
((status == 75)) || { cat err; fail "a signal that mpirun lost: $status"; }
[[ -e lost.started ]] || fail "the program was not started"

# The real one, at moments of its start.
jobs=()
for moment in 0.00 0.03 0.06 0.12 0.25; do
  (
    "$run" -n 2 -- train "$moment" >"$moment.out" 2>&1 &
    job=$!
    for ((i = 0; i < 200; ++i)); do
      pgrep -P "$job" mpirun >/dev/null && break
      sleep 0.02
    done
    sleep "$moment"
    kill -TERM "$job"
    wait "$job"
  ) &
  jobs+=("$!")
done
for job in "${jobs[@]}"; do
  end_of_job
  ((status == 75)) || { cat ./*.out; fail "a signal while mpirun starts: $status"; }
done
echo "signals are heard at any moment of the start"
