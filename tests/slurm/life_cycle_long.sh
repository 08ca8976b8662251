#!/usr/bin/env bash
# label: long
#
#   ALLMODES_CASES    only those whose "LAUNCHER: NAME" matches this regular expression
#   ALLMODES_ROUNDS   how often all of them, default 1
#
# The life of a job on a real Slurm of four emulated nodes, with both launchers: everything that tells
# it to stop, everything that takes a rank or a node away, and what must not be put back. One line a
# case: launcher, name, how the job ended, the step at which it was disturbed. A case that did not end
# as wanted is shown and the next one goes on; the last line has how many jobs of how many did.
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/slurm/cluster.bash
source "$source/tests/slurm/cluster.bash"
# shellcheck source=tests/slurm/cases.bash
source "$source/tests/slurm/cases.bash"
slurmd_timeout=10
make_cluster

for ((round = 0; round < ${ALLMODES_ROUNDS:-1}; ++round)); do
  for launcher in srun mpirun; do
    export ALLMODES_LAUNCHER="$launcher"
    # Told to stop.
    try "USR1 to the shell" disturb 300 "COMPLETED 0:0 1" tell --batch --signal=USR1
    try "TERM to the shell" disturb 300 "COMPLETED 0:0 1" tell --batch --signal=TERM
    try "TERM to the steps" disturb 300 "COMPLETED 0:0 1" tell --signal=TERM
    try "TERM to all" disturb 300 "COMPLETED 0:0 1" tell --full --signal=TERM
    # A step that is still being launched is killed by Slurm, which is one more start.
    for moment in 0.0 0.2 0.4 0.6 0.9 1.3; do
      try "USR1 after $moment s" disturb -1 "COMPLETED 0:0 [0-9]" signal_after "$moment" USR1
    done
    try "TERM after 0.3 s" disturb -1 "COMPLETED 0:0 [0-9]" signal_after 0.3 TERM
    try "time limit" reaches_limit
    try "scontrol requeue" disturb 300 "COMPLETED 0:0 1" requeue
    try "preempted without notice" disturb 300 "COMPLETED 0:0 1" preempt
    try "preempted with notice" preempted_with_notice
    try "cancelled" disturb 300 "CANCELLED (0:15|0:9|75:0) 0" tell
    try "USR1, --no-requeue" disturb_kept 300 "FAILED 75:0 0" tell --batch --signal=USR1
    # Lost a rank or a node.
    try "rank killed" disturb 300 "COMPLETED 0:0 1" kill_rank n2 9
    try "first rank killed" disturb 300 "COMPLETED 0:0 1" kill_rank n1 9
    try "rank's segmentation fault" disturb 300 "COMPLETED 0:0 1" kill_rank n2 SEGV
    try "rank frozen" disturb 300 "COMPLETED 0:0 1" kill_rank n2 STOP
    try "first rank frozen" disturb 300 "COMPLETED 0:0 1" kill_rank n1 STOP
    try "rank frozen at the start" disturb -1 "COMPLETED 0:0 1" kill_first_seen n2 STOP
    try "launcher killed" disturb 300 "COMPLETED 0:0 1" kill_launcher
    if [[ "$launcher" == mpirun ]]; then try "launcher stays" launcher_stays; fi
    try "node set down" disturb 300 "COMPLETED 0:0 1" set_down
    try "node without power" without_power
    # The controller does not answer.
    try "controller away in training" without_controller start 9000 "COMPLETED 0:0 0" true
    try "controller away at a stop" without_controller start 3000 "COMPLETED 0:0 [01]" stop_shell
    try "controller away at a loss" without_controller start 3000 "COMPLETED 0:0 [01]" kill_rank n2 9
    try "controller away at the end" without_controller start 3000 "COMPLETED 0:0 0" true
    # It does not know of the start and starts the job anew: no requeue.
    try "controller forgets the start" without_controller submission 3000 "COMPLETED 0:0 [01]" stop_shell
    # Within the allocation.
    try "restarts: rank killed" restarts_on 2 2 kill_rank n2 9
    try "restarts: rank frozen" restarts_on 2 2 kill_rank n2 STOP
    try "restarts: node without power" restarts_on 3 2 kill_node n2
    try "restarts: ranks that do not divide the batch" restarts_on 4 2 kill_node n2
    # Where it was submitted, and how.
    try "clean environment, spaces" clean_environment
    try "array" one_of_an_array
    try "two jobs on one run" two_on_one
    # Ends that are no reason to start again.
    try "refused configuration" ends_with "FAILED 78:0 0" bad.txtpb
    try "collapse" ends_with "FAILED 3:0 0" collapse.txtpb --on-collapse stop
    try "finished" ends_with "COMPLETED 0:0 0" short.txtpb
    try "finished, requeued by hand" finished_again
    try "no more requeues" no_more_requeues
    try "a program that is not there" ends_with_binary /bin/false "FAILED 1:0 0"
    try "a program that always dies" ends_with_binary "$work/dies" "FAILED 137:0 1"
  done
done
echo "$((cases - ${#failed[@]})) of $cases cases, $(jobs_so_far) jobs, as wanted"
((${#failed[@]} == 0)) || fail "$(printf '%s; ' "${failed[@]}")"
