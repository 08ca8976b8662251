# shellcheck shell=bash
# Sourced by life_cycle_long.sh: what is done to a job, and what has to follow.

finished='COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|PREEMPTED|OUT_OF_MEMORY'
write_job ring.txtpb 1500
write_job short.txtpb 200
echo 'stepz: 1' >bad.txtpb
write_ring_vae collapse.txtpb
# The KL costs more than any dimension of the ring is worth, so that the posterior collapses.
sed -i 's/^steps:.*/steps: 400/; s/evaluate_every: 30 samples: 200/evaluate_every: 200 samples: 400/
  s/variance: 0.05/variance: 1 beta: 4/; s/every: 30/every: 200/' collapse.txtpb
printf '#!/bin/sh\nkill -9 $$\n' >dies
chmod +x dies
cases=0 failed=()

# try NAME WORD...: one case, in a shell of its own, once all nodes are there and idle.
try() {
  local name="$1" status=0
  shift
  [[ "$launcher: $name" =~ ${ALLMODES_CASES:-.} ]] || return 0
  all_idle || fail "the nodes are not idle before '$name'"
  cases=$((cases + 1))
  ("$@") >"$work/said" 2>&1 &
  wait $! || status=$?
  if ((status == 0)); then
    printf '%-6s  %-42s %s\n' "$launcher" "$name" "$(tail -n 1 "$work/said")"
  else
    failed+=("$launcher: $name")
    printf '%-6s  %-42s %s\n' "$launcher" "$name" "NOT AS WANTED"
    sed 's/^/    | /' "$work/said"
    scancel --quiet --user=root || true
  fi
}

# All four nodes are idle; those that are down are asked for.
all_idle() {
  local tenths node
  for ((tenths = 0; tenths < 600; ++tenths)); do
    [[ "$(sinfo -h -p work -t idle -o %D 2>/dev/null)" != 4 || -n "$(squeue -h)" ]] || return 0
    if ((tenths % 20 == 19)); then
      for node in n1 n2 n3 n4; do
        [[ -e "/proc/$(cat "$cluster/node-$node")" ]] || start_node "$node"
        scontrol update "NodeName=$node" State=RESUME 2>/dev/null || true
      done
    fi
    sleep 0.1
  done
  sinfo
  squeue
  return 1
}

jobs_so_far() { sort -u <(sed -n 's/^JobId=\([0-9]*\) .*/\1/p' "$cluster/jobs.txt") | wc -l; }

# begin WORD...: a job on two nodes, with these words for sbatch, in the background of the case.
begin() { submit --nodes=2 --ntasks-per-node=1 --output=%j.out "$@"; }

# The job has ended as wanted: each log step of its run is recorded once and none is missing, every end
# is a line of starts.txt, and the job's record has the last one's code.
well_ended() {
  local wanted="$1" folder="${2:-runs/slurm-$job}" steps="${3:-1500}" starts code
  await "$job" "$finished" 240
  ended "$job" "$wanted"
  steps_once "$folder"
  if [[ "$wanted" == COMPLETED* ]]; then
    all_recorded "$folder" "$steps"
    starts="$(grep -c " job $job start " "$folder/starts.txt" || true)"
    code="$(scontrol -o show job "$job" | grep -Eo 'ended with [0-9]+' || true)"
    # Without accounting the record of a job that has given up a node can no longer be changed.
    [[ "$code" == "ended with 0" || "$(cat "$job.out")" == *"not available right now"* ]] ||
      fail "the job's record says '$code' after $starts starts"
  fi
}

# Each of the run's log steps up to its last is recorded.
all_recorded() {
  local found
  found="$(cat "$1"/*/records.jsonl | grep '"record":"train"' | grep -Eo '"step":[0-9]+' | sort -u | wc -l)"
  ((found == $2 / 20)) || fail "$1: $found of $(($2 / 20)) log steps are recorded"
}

# disturb STEP WANTED WORD...: at its step STEP (below 0: as soon as it runs) the words are run, with the
# job's number in $job; it must end as WANTED says.
disturb() {
  local step="$1" wanted="$2" at
  shift 2
  arguments=(ring.txtpb --quiet)
  begin ${options[@]+"${options[@]}"}
  if ((step >= 0)); then await_step "runs/slurm-$job" "$step" 60; else await "$job" RUNNING 30; fi
  at="$(last_step "runs/slurm-$job")"
  "$@"
  well_ended "$wanted"
  echo "$(how_it_ended "$job"), at step $at"
}
options=()
disturb_kept() {
  options=(--no-requeue)
  disturb "$@"
  says "$job.out" "to continue it: cd .* --resume auto"
}

tell() { scancel "$@" "$job"; }
requeue() { scontrol requeue "$job"; }
signal_after() { sleep "$1"; scancel --batch --signal="$2" "$job"; }
kill_rank() { kill "-$2" $(ranks_on "$1"); }
kill_first_seen() {
  local tenths
  for ((tenths = 0; tenths < 300; ++tenths)); do
    [[ -z "$(ranks_on "$1")" ]] || break
    sleep 0.1
  done
  kill_rank "$@"
}
set_down() {
  scontrol update NodeName=n2 State=DOWN Reason=test
  sleep 8
  scontrol update NodeName=n2 State=RESUME 2>/dev/null || true
}
# Of the batch script's shell, which Slurm runs on a job's first node, and of what it started there.
batch_shell() {
  local pid
  for pid in $(on_node n1) $(on_node n2) $(on_node n3) $(on_node n4); do
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q slurm_script; then
      echo "$pid"
      return 0
    fi
  done
  fail "job $job has no batch script"
}
kill_launcher() {
  local shell
  shell="$(batch_shell)"
  kill -9 "$(awk -v shell="$shell" '$4 == shell && $2 ~ /srun|mpirun/ {print $1}' /proc/[0-9]*/stat 2>/dev/null | head -n 1)"
}
stop_shell() { kill -USR1 "$(batch_shell)"; }
# The controller writes down within some five seconds what has changed. What it knew at the time of FILE
# is written down when this is back: await_saved FILE.
await_saved() {
  local tenths
  for ((tenths = 0; tenths < 120; ++tenths)); do
    [[ ! "$cluster/state/job_state" -nt "$1" ]] || return 0
    sleep 0.1
  done
}
# without_controller KNOWN STEPS WANTED WORD...: the controller is killed in a job of so many steps and is
# gone for half a minute, at whose beginning the words are run. KNOWN is what it has written down of the
# job: its "start", or only its "submission" (without that there is no such job when it is back).
without_controller() {
  local known="$1" steps="$2" wanted="$3" status=0 at
  shift 3
  write_job away.txtpb "$steps"
  arguments=(away.txtpb --quiet)
  # Not held until then: that would be what it remembers.
  begin --begin=now+15
  touch submitted
  await_saved submitted
  await "$job" RUNNING 60
  touch started
  [[ "$known" != start ]] || await_saved started
  await_step "runs/slurm-$job" 20 60
  at="$(last_step "runs/slurm-$job")"
  stop_controller
  "$@" || status=$?
  sleep 30
  start_controller
  ((status == 0)) || fail "'$*' ended with $status"
  well_ended "$wanted" "runs/slurm-$job" "$steps"
  echo "$(how_it_ended "$job"), at step $at"
}
preempt() {
  sbatch --parsable --partition=urgent --nodes=4 --exclusive --time=1 --output=/dev/null --wrap "sleep 5" >/dev/null
}

# TERM comes ten seconds before the end in the partition that is preempted with grace.
preempted_with_notice() {
  options=(--partition=graced)
  disturb 300 "COMPLETED 0:0 1" preempt
}

# A time limit of two minutes; Slurm's signal comes 30 to 90 s before it. How far a job comes by then depends
# on the machine: its last step is chosen when the first start has ended.
reaches_limit() {
  local tenths folder at
  write_job limited.txtpb 1000000
  arguments=(limited.txtpb --quiet)
  begin --time=2 --signal=B:USR1@30
  folder="runs/slurm-$job"
  for ((tenths = 0; tenths < 1500; ++tenths)); do
    [[ ! -s "$folder/starts.txt" ]] || break
    sleep 0.1
  done
  at="$(last_step "$folder")"
  sed -i "s/^steps:.*/steps: $((at / 200 * 200 + 800))/" limited.txtpb
  well_ended "COMPLETED 0:0 [1-9]" "$folder" $((at / 200 * 200 + 800))
  says "$folder/starts.txt" 'start 1 .*: exit 75'
  if grep -Ev 'exit (75|0),' "$folder/starts.txt"; then fail "a start ended otherwise"; fi
  ((at > 0)) || fail "the first start came to no step"
  echo "$(how_it_ended "$job"), at step $at"
}

# The node's power is cut: the job goes on without it, and does not ask for it again.
without_power() {
  local nodes
  arguments=(ring.txtpb --quiet)
  begin
  await_step "runs/slurm-$job" 300 60
  kill_node n2
  well_ended "COMPLETED 0:0 1"
  says "runs/slurm-$job/starts.txt" 'start 1 .*nodes without an answer: n2'
  nodes="$(field "$job" NodeList)"
  scontrol show hostnames "$nodes" | grep -qx n2 && fail "the second start had the lost node too: $nodes"
  start_node n2
  echo "$(how_it_ended "$job"), then on $nodes"
}

# restarts_on NODES LIMIT WORD...: a loss that the allocation outlives, with the time to the next step.
restarts_on() {
  local nodes="$1" limit="$2" began took=0
  shift 2
  # So many that a fast machine is not done before the rank is killed.
  write_job wide.txtpb 5000
  # The batch of ring.txtpb, 64, is one that three ranks do not divide.
  ((nodes != 3)) || sed -i 's/^batch:.*/batch: 66/' wide.txtpb
  arguments=(wide.txtpb --quiet)
  ALLMODES_RESTARTS="$limit" submit --nodes="$nodes" --ntasks-per-node=1 --no-kill --output=%j.out
  await_step "runs/slurm-$job" 400 60
  "$@"
  began="$(date +%s%N)"
  await_step "runs/slurm-$job" $(($(last_step "runs/slurm-$job") + 20)) 120
  took=$((($(date +%s%N) - began) / 1000000))
  well_ended "COMPLETED 0:0 0" "runs/slurm-$job" 5000
  says "$job.out" "again the 1. time"
  [[ -e "/proc/$(cat "$cluster/node-n2")" ]] || start_node n2
  echo "$(how_it_ended "$job"), the next record after $took ms"
}

# From a folder of the user's own, whose name has a space, with a clean environment; put back once.
clean_environment() {
  mkdir "my runs $launcher"
  cd "my runs $launcher"
  write_job "my ring.txtpb" 1500
  # A clean environment also drops what emulated nodes need.
  cat >"$work/batch.sh" <<SCRIPT
#!/bin/bash
export ALLMODES_BINARY='$program' ALLMODES_ROOT='$source' OMPI_MCA_btl=self,tcp
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_rmaps_base_oversubscribe=1 ALLMODES_LAUNCHER=$launcher
exec bash '$source/launch/slurm/train.sbatch' "\$@"
SCRIPT
  job="$(sbatch --parsable --export=NONE --nodes=2 --ntasks-per-node=1 --open-mode=append \
    --output=%j.out "$work/batch.sh" "my ring.txtpb" --quiet --out "of mine")"
  await_step "of mine" 300 60
  grep -zqx OMP_NUM_THREADS=1 "/proc/$(ranks_on n2)/environ" ||
    fail "the tasks have not the script's environment"
  tell --batch --signal=USR1
  well_ended "COMPLETED 0:0 1" "of mine"
  how_it_ended "$job"
}

# Three tasks, at most two at a time; the last one, whose job number is the array's, is told to stop.
one_of_an_array() {
  local array task
  write_job array.txtpb 1500
  arguments=(array.txtpb --quiet)
  submit --nodes=1 --ntasks-per-node=2 --array=0-2%2 --output=%A_%a.out
  array="$job"
  await_step "runs/slurm-${array}_2" 20 120
  scancel --batch --signal=USR1 "${array}_2"
  for task in 0 1 2; do
    await "${array}_$task" "$finished" 120
    ended "${array}_$task" "COMPLETED 0:0 $((task == 2))"
    steps_once "runs/slurm-${array}_$task"
    all_recorded "runs/slurm-${array}_$task" 1500
  done
  echo "all COMPLETED, the one that was told put back once"
}

# The second of two jobs on one run is refused; the first knows nothing of it.
two_on_one() {
  local first
  write_job both.txtpb 9000
  arguments=(both.txtpb --quiet --out "both-$launcher" --resume auto)
  submit --nodes=1 --ntasks-per-node=1 --output=%j.out
  first="$job"
  await_step "both-$launcher" 200 60
  submit --nodes=1 --ntasks-per-node=1 --output=%j.out
  await "$job" "$finished" 90
  ended "$job" "FAILED 73:0 0"
  says "$job.out" "is being trained by process"
  job="$first"
  well_ended "COMPLETED 0:0 0" "both-$launcher" 9000
  echo "COMPLETED and FAILED 73:0"
}

# ends_with WANTED CONFIG WORD...
ends_with() {
  local wanted="$1"
  shift
  arguments=("$@" --quiet)
  submit --nodes=2 --ntasks-per-node=1 --output=%j.out
  await "$job" "$finished" 60
  ended "$job" "$wanted"
  scontrol -o show job "$job" | grep -q "Comment=allmodes: start 1 ended with" ||
    fail "the code is not in the job's record"
  how_it_ended "$job"
}

finished_again() {
  arguments=(short.txtpb --quiet)
  begin
  await "$job" "$finished" 60
  requeue
  await "$job" "PENDING|RUNNING|COMPLETING" 30
  await "$job" "$finished" 60
  ended "$job" "COMPLETED 0:0 1"
  steps_once "runs/slurm-$job"
  how_it_ended "$job"
}

no_more_requeues() {
  export ALLMODES_MAX_REQUEUES=0
  disturb 300 "FAILED 75:0 0" tell --batch --signal=USR1
}

# mpirun stays though its ranks have ended, once. Where nodes are emulated the ranks are no children of it.
launcher_stays() {
  local folder="$work/stays"
  mkdir "$folder"
  cat >"$folder/mpirun" <<MPIRUN
#!/bin/bash
mkdir "$folder/stayed" 2>/dev/null || exec "$(command -v mpirun)" "\$@"
"$(command -v mpirun)" "\$@" <&- || true
while :; do sleep 1; done
MPIRUN
  chmod +x "$folder/mpirun"
  arguments=(short.txtpb --quiet)
  PATH="$folder:$PATH" begin
  well_ended "COMPLETED 0:0 1" "runs/slurm-$job" 200
  says "$job.out" "mpirun is still there 30 s after its ranks"
  how_it_ended "$job"
}

# A rank that dies each time at the same place: not for ever.
ends_with_binary() {
  arguments=(short.txtpb --quiet)
  ALLMODES_BINARY="$1" ALLMODES_MAX_LOSSES=1 submit --nodes=2 --ntasks-per-node=1 --output=%j.out
  await "$job" "$finished" 120
  ended "$job" "$2"
  how_it_ended "$job"
}
