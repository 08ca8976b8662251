#!/usr/bin/env bash
# What a job does when it is told to stop or loses a rank: on a real Slurm of four emulated nodes, as
# launch/slurm/train.sbatch runs it. life_cycle_long.sh has the rest.
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/slurm/cluster.bash
source "$source/tests/slurm/cluster.bash"
make_cluster
finished='COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL'

# From a folder of the user's own, whose name has a space, with a clean environment: a rank dies.
mkdir "my runs"
cd "my runs"
write_job ring.txtpb 3000
# A clean environment also drops ALLMODES_BINARY and what emulated nodes need.
cat >"$work/batch.sh" <<SCRIPT
#!/bin/bash
export ALLMODES_BINARY='$program' ALLMODES_ROOT='$source' OMPI_MCA_btl=self,tcp
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
exec bash '$source/launch/slurm/train.sbatch' "\$@"
SCRIPT
killed="$(sbatch --parsable --export=NONE --nodes=2 --ntasks-per-node=1 \
  --open-mode=append --output=%x-%j.out "$work/batch.sh" ring.txtpb --quiet --out "of mine")"
await_step "of mine" 300 60
grep -zqx OMP_NUM_THREADS=1 "/proc/$(ranks_on n2)/environ" ||
  fail "the tasks have not the script's environment"
kill -9 "$(ranks_on n2)"
cd "$work"

# An array: one task is told to stop, the other goes on. The last task's job number is the array's.
write_job array.txtpb 1500
expect 78 "$source/launch/slurm/submit.sh" array.txtpb -- --set gan.loss=hinges
says err "did you mean 'hinge'"
"$program" submit array.txtpb --array 2 --out "an array" -- --quiet \
  --set checkpoints.every=100000 >submitted || { cat submitted; fail "submit"; }
says submitted '^#SBATCH --array=1-2$'
array="$(sed -n 's/^Submitted batch job //p' submitted)"
await_step "an array/seed-2" 20 60
scancel --batch --signal=USR1 "${array}_2"

# Not to be put back: the code of a stop stays, and the checkpoint is there.
write_job once.txtpb 100000
arguments=(once.txtpb --quiet --set checkpoints.every=100000)
await "${array}_2" "$finished" 90
await "${array}_1" "$finished" 90
ended "${array}_1" "COMPLETED 0:0 0"
ended "${array}_2" "COMPLETED 0:0 1"
steps_once "an array/seed-2"

ALLMODES_LAUNCHER=mpirun submit --no-requeue --nodes=2 --ntasks-per-node=1 --output=once-%j.out
once="$job"
await_step "runs/slurm-$once" 200 60
began="$SECONDS"
scancel --full --signal=TERM "$once"
await "$once" "$finished" 60
# mpirun has not waited for ranks that had ended, and has said nothing that the program had said.
((SECONDS < began + 25)) || fail "the stopped job took $((SECONDS - began)) s to end"
! grep -E 'Primary job|mpirun|^-----' "once-$once.out" | grep -v ' start 1, ' ||
  fail "mpirun's own words are in the job's output"
ended "$once" "FAILED 75:0 0"
says "once-$once.out" 'not put back into the queue, as it was submitted with --no-requeue'
says "once-$once.out" "to continue it: cd $work && sbatch $source/launch/slurm/train.sbatch once.txtpb .* --resume auto"
compgen -G "runs/slurm-$once/*/checkpoints/step-*" >/dev/null || fail "stopped without a checkpoint"

await "$killed" "$finished" 60
cd "my runs"
ended "$killed" "COMPLETED 0:0 1"
says "of mine/starts.txt" 'start 1 .*: exit (68|137|139), nodes without an answer: none'
says "of mine/starts.txt" 'start 2 .*: exit 0'
steps_once "of mine"
(($(last_step "of mine") == 3000)) || fail "the killed job ended at step $(last_step "of mine")"
