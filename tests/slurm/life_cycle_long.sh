#!/usr/bin/env bash
# label: long
#
#   ALLMODES_CASES   only those whose "LAUNCHER: NAME" matches this regular expression
#
# The life of a job on a real Slurm of four emulated nodes, with both launchers: everything that tells
# it to stop, everything that takes a rank or a node away, and what must not be put back. One line a
# case: name, launcher, how it ended, the step at which it was disturbed and the one it continued from.
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/slurm/cluster.bash
source "$source/tests/slurm/cluster.bash"
slurmd_timeout=10
make_cluster
finished='COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL'
write_job ring.txtpb 3000
write_job short.txtpb 200
cases=0

# disturb NAME LAUNCHER STEP WANTED WORD...: a job on two nodes; at its step STEP the words are run,
# with the job's number in $job; it must end as WANTED says, with each step recorded once.
disturb() {
  local name="$1" launcher="$2" step="$3" wanted="$4" at
  shift 4
  [[ "$launcher: $name" =~ ${ALLMODES_CASES:-.} ]] || return 0
  arguments=(ring.txtpb --quiet)
  ALLMODES_LAUNCHER="$launcher" submit --nodes=2 --ntasks-per-node=1 --output=%j.out \
    ${options[@]+"${options[@]}"}
  if ((step >= 0)); then await_step "runs/slurm-$job" "$step" 60; else await "$job" RUNNING 30; fi
  at="$(last_step "runs/slurm-$job")"
  "$@"
  await "$job" "$finished" 150
  printf '%-28s %-6s %s (at step %s)\n' "$name" "$launcher" "$(how_it_ended "$job")" "$at"
  ended "$job" "$wanted"
  steps_once "runs/slurm-$job"
  if [[ "$wanted" == COMPLETED* ]]; then
    (($(last_step "runs/slurm-$job") == 3000)) || fail "$name: completed before its last step"
  fi
  cases=$((cases + 1))
}

# A step that is still being launched is killed by Slurm, which is one more start.
signal_early() { sleep "$1"; scancel --batch --signal=USR1 "$job"; }
freeze() { kill -STOP "$(ranks_on n2)"; }
kill_rank() { kill -9 "$(ranks_on n2)"; }
power_off() { kill_node n2; sleep 30; start_node n2; }
set_down() { scontrol update NodeName=n2 State=DOWN Reason=test; sleep 8; scontrol update NodeName=n2 State=RESUME 2>/dev/null || true; }
# The batch script's shell, which Slurm runs on a job's first node.
batch_shell() {
  local pid
  for pid in $(on_node n1); do
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q slurm_script; then
      echo "$pid"
      return 0
    fi
  done
  fail "job $job has no batch script on n1"
}
# The controller is not there when the job wants to be put back.
away() {
  local shell
  shell="$(batch_shell)"
  stop_controller
  kill -USR1 "$shell"
  sleep 30
  start_controller
}
preempt() {
  sbatch --parsable --partition=urgent --nodes=4 --exclusive --time=1 --output=/dev/null --wrap "sleep 5" >/dev/null
}

tell() { scancel "$@" "$job"; }
requeue() { scontrol requeue "$job"; }

options=()
for launcher in srun mpirun; do
  disturb "USR1 to the shell" $launcher 300 "COMPLETED 0:0 1" tell --batch --signal=USR1
  disturb "TERM to the shell" $launcher 300 "COMPLETED 0:0 1" tell --batch --signal=TERM
  disturb "TERM to the steps" $launcher 300 "COMPLETED 0:0 1" tell --signal=TERM
  disturb "TERM to all" $launcher 300 "COMPLETED 0:0 1" tell --full --signal=TERM
  disturb "USR1 after 0.1 s" $launcher -1 "COMPLETED 0:0 [0-9]" signal_early 0.1
  disturb "USR1 after 0.6 s" $launcher -1 "COMPLETED 0:0 [0-9]" signal_early 0.6
  disturb "scontrol requeue" $launcher 300 "COMPLETED 0:0 1" requeue
  disturb "preempted" $launcher 300 "COMPLETED 0:0 1" preempt
  disturb "rank killed" $launcher 300 "COMPLETED 0:0 1" kill_rank
  disturb "rank frozen" $launcher 300 "COMPLETED 0:0 1" freeze
  disturb "node set down" $launcher 300 "COMPLETED 0:0 1" set_down
  disturb "node without power" $launcher 300 "COMPLETED 0:0 1" power_off
  disturb "controller away at a stop" $launcher 300 "COMPLETED 0:0 1" away
  disturb "cancelled" $launcher 300 "CANCELLED (0:15|75:0) 0" tell
  options=(--no-requeue)
  disturb "USR1, --no-requeue" $launcher 300 "FAILED 75:0 0" tell --batch --signal=USR1
  options=()
done

# Ends that are no reason to start again.
echo 'stepz: 1' >bad.txtpb
arguments=(bad.txtpb)
submit --nodes=1 --ntasks-per-node=1 --output=%j.out
await "$job" "$finished" 60
ended "$job" "FAILED 78:0 0"
arguments=(short.txtpb --quiet)
submit --nodes=1 --ntasks-per-node=1 --output=%j.out
await "$job" "$finished" 60
ended "$job" "COMPLETED 0:0 0"
cases=$((cases + 2))

# A rank that dies each time at the same place: not for ever.
ALLMODES_MAX_LOSSES=1 submit --nodes=1 --ntasks-per-node=2 --output=%j.out --export=ALL,ALLMODES_BINARY=/bin/false
await "$job" "$finished" 60
ended "$job" "FAILED 1:0 0"
printf '#!/bin/sh\nkill -9 $$\n' >dies
chmod +x dies
ALLMODES_BINARY="$work/dies" ALLMODES_MAX_LOSSES=1 submit --nodes=1 --ntasks-per-node=1 --output=%j.out
await "$job" "$finished" 90
ended "$job" "FAILED 137:0 1"
cases=$((cases + 2))
echo "$cases cases as wanted"
