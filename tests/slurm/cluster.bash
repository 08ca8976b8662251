# shellcheck shell=bash
# Sourced by the scripts of this folder after end_to_end/common.bash: a Slurm of its own on this
# machine, with munge, a controller and four emulated nodes n1 to n4 of two processors. Ends with 77
# where that is not possible (no root, no packages). All is in $work and removed at the end.
#
#   submit WORD...         sbatch of launch/slurm/train.sbatch with these words before it and the
#                          array ${arguments[@]} behind it; the job's number in $job
#   await STATE SECONDS    until the job is in that state (a regular expression)
#   field NAME             a field of the job's record
#   await_step STEP SECONDS   until a record of the job's run has at least that step
#   start_controller, stop_controller, kill_node NODE, start_node NODE

# What this script was started by may itself run under Slurm.
for name in $(compgen -e | grep -E '^(SLURM|SBATCH|SRUN|PMIX)_' || true); do unset "$name"; done

skip() {
  echo "skipped: $1"
  exit 77
}
((EUID == 0)) || skip "a Slurm of our own needs root"
for tool in munged slurmctld slurmd sbatch srun scontrol; do
  command -v "$tool" >/dev/null || skip "there is no '$tool' (Debian: slurm-wlm, munge)"
done
compgen -G '/usr/lib/*/slurm*/mpi_pmix.so' >/dev/null || skip "this Slurm has no PMIx"

cluster="$work/cluster"
mkdir -p "$cluster/state" "$cluster/run"
chmod 755 "$work" "$cluster" "$cluster/run"
export SLURM_CONF="$cluster/slurm.conf" MUNGE_SOCKET="$cluster/run/munge.socket"
# Emulated nodes share the machine; ranks of two of them must not take each other for neighbours.
export OMPI_MCA_btl=self,tcp OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_rmaps_base_oversubscribe=1 ALLMODES_BINARY="$program"
munge_pid=""

# Processes that began in $work or below: this Slurm's keepers of steps, and what they run.
of_cluster() {
  local process folder
  for process in /proc/[0-9]*; do
    folder="$(readlink "$process/cwd" 2>/dev/null || true)"
    if [[ "$folder" == "$work"* && "${process#/proc/}" != "$$" && "${process#/proc/}" != "$BASHPID" ]]
    then
      echo "${process#/proc/}"
    fi
  done
}
# Of these the ones on one node.
on_node() {
  local pid
  for pid in $(of_cluster); do
    if grep -zqxF "SLURMD_NODENAME=$1" "/proc/$pid/environ" 2>/dev/null ||
      [[ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" == "$cluster/spool-$1"* ]]; then
      echo "$pid"
    fi
  done
}

remove_cluster() {
  local pid
  scancel --quiet --user=root 2>/dev/null || true
  sleep 0.5
  # What one daemon starts while another is killed is there at the second look.
  for pid in $munge_pid $(of_cluster) $(of_cluster); do kill -9 "$pid" 2>/dev/null || true; done
  [[ -n "${ALLMODES_KEEP_WORK:-}" ]] || rm -rf "$work"
}

write_slurm_conf() {
  local port=$((20000 + RANDOM % 20000)) host
  host="$(hostname -s)"
  cat >"$SLURM_CONF" <<CONF
ClusterName=allmodes
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$MUNGE_SOCKET,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation=$cluster/state
SlurmctldPidFile=$cluster/run/slurmctld.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdSpoolDir=$cluster/spool-%n
SlurmdPidFile=$cluster/run/%n.pid
SlurmdLogFile=$cluster/slurmd-%n.log
TmpFS=$cluster/tmp-%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=5,requeue_delay=1
ReturnToService=2
MpiDefault=none
KillWait=5
SlurmdTimeout=${slurmd_timeout:-20}
MessageTimeout=10
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobCompType=jobcomp/filetxt
JobCompLoc=$cluster/jobs.txt
NodeName=n[1-4] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 4))] CPUs=2 RealMemory=1000
PartitionName=work Nodes=n[1-4] Default=YES MaxTime=UNLIMITED State=UP PriorityTier=1
PartitionName=graced Nodes=n[1-4] MaxTime=UNLIMITED State=UP PriorityTier=1 GraceTime=10
PartitionName=urgent Nodes=n[1-4] MaxTime=UNLIMITED State=UP PriorityTier=10
CONF
}

# Daemons' numbers are kept in files: a case may start one from a shell of its own.
start_controller() {
  slurmctld -D -f "$SLURM_CONF" >>"$cluster/slurmctld.out" 2>&1 &
  echo $! >"$cluster/controller"
  disown
}
stop_controller() {
  local pid
  pid="$(cat "$cluster/controller")"
  kill -9 "$pid"
  while [[ -e "/proc/$pid" ]]; do sleep 0.1; done
}
start_node() {
  mkdir -p "$cluster/spool-$1" "$cluster/tmp-$1"
  slurmd -D -N "$1" -f "$SLURM_CONF" >>"$cluster/slurmd-$1.out" 2>&1 &
  echo $! >"$cluster/node-$1"
  disown
}

# The node's daemon, the keepers of its steps and what they run: a machine without power.
kill_node() {
  local pid
  kill -9 "$(cat "$cluster/node-$1")" 2>/dev/null || true
  for pid in $(on_node "$1"); do kill -9 "$pid" 2>/dev/null || true; done
}

make_cluster() {
  local node tenths
  trap remove_cluster EXIT
  write_slurm_conf
  dd if=/dev/urandom of="$cluster/munge.key" bs=64 count=1 status=none
  chmod 400 "$cluster/munge.key"
  munged --force --foreground --key-file "$cluster/munge.key" --socket "$MUNGE_SOCKET" \
    --pid-file "$cluster/run/munged.pid" --log-file "$cluster/munged.log" \
    --seed-file "$cluster/munged.seed" >"$cluster/munged.out" 2>&1 &
  munge_pid=$!
  disown
  start_controller
  for node in n1 n2 n3 n4; do start_node "$node"; done
  for ((tenths = 0; tenths < 300; ++tenths)); do
    [[ "$(sinfo -h -p work -t idle -o %D 2>/dev/null)" != 4 ]] || return 0
    sleep 0.1
  done
  tail -n 5 "$cluster"/*.out "$cluster"/*.log
  fail "Slurm did not start within 30 s"
}

submit() {
  job="$(sbatch --parsable "$@" "$source/launch/slurm/train.sbatch" "${arguments[@]}")"
}

# The record of one job is one line, each field a word but for comments.
field() {
  scontrol -o show job "${1:?}" 2>/dev/null | grep -Eo "(^| )$2=[^ ]*" | head -n 1 | sed 's/^[^=]*=//'
}

# await JOB STATE SECONDS
await() {
  local tenths state=""
  for ((tenths = 0; tenths < $3 * 5; ++tenths)); do
    state="$(field "$1" JobState)"
    [[ ! "$state" =~ ^($2)$ ]] || return 0
    sleep 0.2
  done
  tail -n 30 ./*"${1%_*}"*.out || true
  scontrol show job "$1"
  fail "job $1 is $state after $3 s instead of $2"
}

# last_step FOLDER: of the records of the newest run in it; 0 where there is none.
last_step() {
  cat "$1"/*/records.jsonl 2>/dev/null | grep -Eo '"step":[0-9]+' | tail -n 1 | sed 's/.*://' |
    grep . || echo 0
}

# await_step FOLDER STEP SECONDS
await_step() {
  local tenths
  for ((tenths = 0; tenths < $3 * 5; ++tenths)); do
    (($(last_step "$1") < $2)) || return 0
    sleep 0.2
  done
  tail -n 30 ./*"${job:-}"*.out || true
  fail "$1 has not reached step $2 after $3 s"
}

# The ranks' processes on one node.
ranks_on() {
  local pid
  for pid in $(on_node "$1"); do
    [[ "$(readlink "/proc/$pid/exe" 2>/dev/null)" != "$(realpath "$program")" ]] || echo "$pid"
  done
}

# steps_once FOLDER: the train records of a run's folder hold each step once.
steps_once() {
  local twice
  twice="$(cat "$1"/*/records.jsonl | grep '"record":"train"' | grep -Eo '"step":[0-9]+' | sort |
    uniq -d | head -n 3)"
  [[ -z "$twice" ]] || fail "$1: recorded twice: $twice"
}

# Writes the configuration of a run that takes some seconds and is saved often.
write_job() {
  write_ring_gan "$1"
  sed -i 's/^steps:.*/steps: '"$2"'/; s/log_every: 1 evaluate_every: 30/log_every: 20 evaluate_every: 100000/
    s/^checkpoints.*/checkpoints { every: 200 }/' "$1"
}

# What a job ended with and how often it was put back: "STATE CODE RESTARTS".
how_it_ended() {
  local state
  state="$(field "$1" JobState)"
  echo "$state $(field "$1" ExitCode) $(field "$1" Restarts)"
}

# ended JOB "STATE CODE RESTARTS", a regular expression
ended() {
  local found
  found="$(how_it_ended "$1")"
  [[ "$found" =~ ^($2)$ ]] || { tail -n 40 ./*"$1"*.out; fail "job $1 ended as '$found', not '$2'"; }
}
