#!/usr/bin/env bash
# launch/run.sh: host files as people write them, what other hosts are given, hosts that lack something,
# the command that continues a run, mpirun's own words, what killed jobs left behind.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
run="$source/launch/run.sh"
export ALLMODES_BINARY="$program"
unset OMP_NUM_THREADS

# words HOSTFILE_TEXT: what mpirun would be given for such a file.
words() {
  printf '%b' "$1" >hosts
  "$run" --dry-run --hostfile hosts -- train x 2>&1
}
has() { [[ "$1" == *"$2"* ]] || fail "no '$2' in: $1"; }
has "$(words 'n1\nn1\nn2\nn2\n')" "-np 4 "
has "$(words 'n1 max_slots=8 slots=2\nn2 slots = 2\n')" "-np 4 "
has "$(words '# mine\n\n  n1 slots=3 # three\n\tfe80::1 slots=1\n[fe80::2] slots=1\n')" "-np 5 "
windows="$(words 'n1 slots=2\r\nn2 slots=2\r\n')"
has "$windows" "-np 4 "
[[ "$windows" != *$'\r'* ]] || fail "a carriage return reaches mpirun"
expect 65 words 'n1 slots=two\n'
says out 'hosts:1: "slots=two" is not understood'
expect 65 words '# nothing\n'
says out 'names no host'

given="$(NCCL_SOCKET_IFNAME=e1 UCX_NET_DEVICES=m FI_PROVIDER=tcp LD_LIBRARY_PATH=lib MKL_NUM_THREADS=1 \
  words 'n1 slots=1\n')"
for name in NCCL_SOCKET_IFNAME UCX_NET_DEVICES FI_PROVIDER LD_LIBRARY_PATH MKL_NUM_THREADS \
  OMP_NUM_THREADS ALLMODES_BINARY; do
  has "$given" "-x $name"
done

# Real mpirun reads the normalised file: three lines of this host are three ranks.
printf 'localhost\r\nlocalhost\r\n# end\r\nlocalhost\r\n' >hosts
printf '#!/bin/sh\necho "rank $OMPI_COMM_WORLD_RANK"\n' >says_rank
chmod +x says_rank
ALLMODES_BINARY="$work/says_rank" expect 0 "$run" --hostfile hosts -- train
[[ "$(grep -c '^rank [012]$' out)" == 3 ]] || { cat out err; fail "not three ranks"; }

# All that is wrong with hosts is said at once, before anything is started.
write_ring_gan ring.txtpb
printf '#!/bin/sh\necho "allmodes of old"\n' >older
chmod +x older
cat >agent <<AGENT
#!/bin/sh
program="$program"
AGENT
cat >>agent <<'AGENT'
host="$1"; shift
case "$host" in
  well) exec sh -c "$*" ;;
  old) exec sh -c "$(echo "$*" | sed "s|$program|$PWD/older|")" ;;
  bare) exec sh -c "$(echo "$*" | sed s/there.npy/elsewhere.npy/)" ;;
  *) echo "agent: Could not resolve hostname $host" >&2; exit 255 ;;
esac
AGENT
chmod +x agent
printf 'well slots=1\nnowhere slots=1\nbare slots=1\nold slots=1\n' >hosts
touch there.npy
ALLMODES_MPIRUN="--mca plm_rsh_agent $work/agent" \
  expect 69 "$run" --hostfile hosts -- train ring.txtpb --set "data.path=$work/there.npy"
says err '^nowhere: does not answer .*Could not resolve hostname nowhere'
says err "^bare: there is no $work/elsewhere.npy"
says err "^old: $program is \"allmodes of old\" there and \"allmodes [^\"]*\" here$"
says err 'nothing was started'
! grep "^well" err || fail "something is wrong with a host that has everything"

# The doctor visits every host, and what one lacks is the end of all.
printf '#!/bin/sh\necho " ok  all is well"\n[ ! -e "%s/ill" ]\n' "$work" >visits
chmod +x visits
printf 'localhost slots=1\nwell slots=1\n' >hosts
ALLMODES_BINARY="$work/visits" ALLMODES_MPIRUN="--mca plm_rsh_agent $work/agent" \
  expect 0 "$run" --hostfile hosts -- doctor
[[ "$(tr '\n' '|' <out)" == "localhost| ok  all is well||well| ok  all is well||" ]] ||
  { cat out; fail "the doctor's visits look otherwise"; }
printf 'well slots=1\nnowhere slots=1\n' >hosts
ALLMODES_BINARY="$work/visits" ALLMODES_MPIRUN="--mca plm_rsh_agent $work/agent" \
  expect 69 "$run" --hostfile hosts -- doctor
says out '^agent: Could not resolve hostname nowhere'
says out '^1 of 2 hosts lack something or do not answer'

# A batch script is written and shown, of a configuration by its name.
expect 0 "$program" submit ring_gan --nodes 2 --ranks-per-node 4 --out "the job" --show -- --steps 5
says out '^#SBATCH --nodes=2$'
says out "train.sbatch\" .*/configs/ring_gan.txtpb --steps 5 --out '$work/the job'"
cmp out "the job/job.sbatch" || fail "what is shown is not what is written"
expect 78 "$program" submit ring_gan --show -- --set batch=0
expect 64 "$program" submit ring_gan --node 2
expect 0 "$program" submit --help
says out 'allmodes train'

# Told to stop twice: the command that continues is printed once, and works from any folder.
stopped() {
  "$@" >out 2>err &
  local job=$! tenths
  for ((tenths = 0; tenths < 600; ++tenths)); do
    ! compgen -G 'my runs/00000-ring/checkpoints/step-*/manifest.pb' >/dev/null || break
    sleep 0.1
  done
  sleep 0.5
  kill -TERM "$job" 2>/dev/null || true
  status=0
  wait "$job" || status=$?
  ((status == 75)) || { cat err; fail "exit status $status instead of 75"; }
}
export OMP_NUM_THREADS=1
stopped "$run" -n 2 -- train ring.txtpb --out "my runs" --steps 100000 --quiet \
  --set diagnostics.evaluate_every=100000
again="$(sed -n 's/^stopped; to continue: //p' err)"
has "$again" "cd $work && $run -n 2 -- train ring.txtpb --out 'my runs' --steps 100000"
[[ "$(grep -o -- '--resume auto' <<<"$again" | wc -l)" == 1 ]] || fail "continues by: $again"
! grep -Eq 'Primary job|mpirun detected|^-----' err || { cat err; fail "mpirun's paragraphs are shown"; }
(cd / && stopped_again() { stopped bash -c "exec $(sed 's/.*&& //' <<<"$again")"; } &&
  cd "$work" && stopped_again)
once_more="$(sed -n 's/^stopped; to continue: //p' err)"
[[ "$once_more" == "$again" ]] || fail "the second time it continues by: $once_more"

# A rank that dies: one line says which; --restarts goes on from the last checkpoint.
"$run" -n 2 --restarts 1 -- train ring.txtpb --out again --steps 3000 --quiet \
  --set diagnostics.evaluate_every=100000 --set checkpoints.every=100 >out 2>err &
job=$!
for ((tenths = 0; tenths < 600; ++tenths)); do
  ! compgen -G 'again/00000-ring/checkpoints/step-*/manifest.pb' >/dev/null || break
  sleep 0.1
done
launcher="$(pgrep -P "$job" mpirun)"
# Ctrl-Z stops run.sh and not what the ranks write through: they would wait for it until the watchdog ends them.
filter="$(pgrep -P "$job" -f mpirun_filter)"
kill -TSTP "$filter"
[[ "$(ps -o stat= -p "$filter")" != T* ]] || fail "Ctrl-Z stops the filter"
kill -9 "$(pgrep -P "$launcher" | tail -n 1)"
status=0
wait "$job" || status=$?
((status == 0)) || { cat err; fail "exit status $status after a restart"; }
says err '^run.sh: rank 1 on .* was ended by signal 9 \(Killed\)$'
says err '^run.sh: a rank or host was lost .*again with 2 ranks$'
((1$(grep -c '"record":"train"' again/00000-ring/records.jsonl) == 13000)) || fail "records are missing"

# What is not understood passes, and a progress line without an end at once.
printf '%s\n' 'a line' '----------------------------------------' 'Strange new words' \
  '----------------------------------------' '----------------------------------------' \
  'mpirun detected that one or more processes exited with non-zero status' \
  '----------------------------------------' 'mpirun: Forwarding signal 10 to job' '[rank 0] ours' |
  /usr/bin/python3 "$source/launch/mpirun_filter.py" run.sh 2>filtered
[[ "$(cat filtered)" == $'a line\n----------------------------------------\nStrange new words\n----------------------------------------\n[rank 0] ours' ]] ||
  { cat filtered; fail "filtered otherwise"; }
TMPDIR="$work/nowhere" expect 73 "$source/launch/run.sh" -n 1 -- train ring.txtpb
says err "TMPDIR names another place"
# Ranks learn the width of the terminal that run.sh was started on, which is not that of their own streams.
mkdir wide
printf '#!/bin/sh\necho "columns $ALLMODES_COLUMNS of $ALLMODES_TERMINAL" >&2\n' >wide/mpirun
chmod +x wide/mpirun
PATH="$work/wide:$PATH" python3 - "$source/launch/run.sh" >seen <<'PYTHON'
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 123, 0, 0))
    os.execv("/bin/bash", ["bash", sys.argv[1], "-n", "1", "--", "train", "ring.txtpb"])
try:
    while data := os.read(terminal, 4096):
        os.write(1, data)
except OSError:
    pass
os.waitpid(pid, 0)
PYTHON
says seen 'columns 123 of 12'

# What mpirun left running may hold its stderr: it is not waited for.
mkdir leaves
printf '#!/bin/sh\nsetsid sleep 120 </dev/null >/dev/null &\necho "said $!" >&2\nexit 3\n' >leaves/mpirun
chmod +x leaves/mpirun
began="$SECONDS"
PATH="$work/leaves:$PATH" expect 3 "$run" -n 1 -- train ring.txtpb
left="$(sed -n 's/^said //p' err)"
((SECONDS < began + 60)) || fail "run.sh waited for what mpirun left running"
kill "$left"

# Where MPI cannot start no rank was lost, and starting again would not help.
mkdir no_mpi
printf '#!/bin/sh\necho "[a:1] *** An error occurred in MPI_Init_thread" >&2\nsleep 0.5\nexit 1\n' >no_mpi/mpirun
chmod +x no_mpi/mpirun
PATH="$work/no_mpi:$PATH" expect 69 "$run" -n 2 --restarts 3 -- train ring.txtpb
says err '^MPI could not start'
if ((EUID == 0)) && unshare -m true 2>/dev/null; then
  small_memory() { unshare -m sh -c 'mount -t tmpfs -o size=2m none /dev/shm && exec "$@"' _ "$@"; }
  expect 69 small_memory "$run" -n 2 --restarts 3 -- train ring.txtpb
  says err '^allmodes: error.*: /dev/shm has room for 2.0 MiB, and the 2 ranks of this host need 4.0 MiB each'
  (($(grep -c 'MiB each' err) == 1)) || fail "said more than once"
fi

# One error line a job, whoever says it first, and mpirun's counts of its own messages never.
printf '%s\n' 'allmodes: error [rank 1 of 2 on a]: no file' 'allmodes: error [rank 0 of 2 on b]: no file' \
  '[a:1] 1 more process has sent help message help-mpi-api.txt / mpi-abort' \
  '[a:1] 3 more processes have sent help message help-mpi-api.txt / mpi-abort' \
  'allmodes: error [rank 0 of 2 on b]: no disk' |
  /usr/bin/python3 "$source/launch/mpirun_filter.py" run.sh 2>filtered
[[ "$(cat filtered)" == $'allmodes: error [rank 1 of 2 on a]: no file\nallmodes: error [rank 0 of 2 on b]: no disk' ]] ||
  { cat filtered; fail "errors are repeated"; }
mkfifo pipe
# What ranks print stands between whole lines of what they say, whenever its pieces come.
(printf 'verdict '; sleep 0.5; printf 'healthy\n  table'; sleep 0.5; printf ' of it\n') >pipe &
{ printf 'one '; sleep 0.7; printf 'line\ntwo\n'; sleep 0.5; echo end; } |
  /usr/bin/python3 "$source/launch/mpirun_filter.py" run.sh pipe >both 2>&1
wait
[[ "$(grep -cxE 'one line|two|end|verdict healthy|  table of it' both)" == 5 ]] ||
  { cat both; fail "lines of the two streams are mixed"; }
(printf ' 40%% ...\r'; sleep 3) >pipe &
/usr/bin/python3 "$source/launch/mpirun_filter.py" run.sh <pipe 2>progress &
sleep 1.5
grep -q '40%' progress || fail "a progress line waits for its end"
wait

# Left behind by a job that was killed: gone. Of one that runs, or that just began: kept.
export TMPDIR="$work/tmp"
folder="$TMPDIR/ompi.$(hostname).$EUID"
mkdir -p "$TMPDIR"/allmodes-run.{dead,elsewhere,alive}
echo "999999999 $(hostname)" >"$TMPDIR/allmodes-run.dead/owner"
echo "999999999 another-host" >"$TMPDIR/allmodes-run.elsewhere/owner"
echo "$$ $(hostname)" >"$TMPDIR/allmodes-run.alive/owner"
mkdir -p "$folder/pid.999999999" "$folder/pid.$$" "$folder/pid.999999998"
touch -d '-1 hour' "$folder/pid.999999999" "$folder/pid.$$"
segment="/dev/shm/vader_segment.allmodes-test.$$"
touch -d '-1 hour' "$segment"
trap 'rm -rf "$work" "$segment"' EXIT
ALLMODES_BINARY="$work/says_rank" "$run" -n 1 -- train >/dev/null 2>&1
[[ ! -e "$folder/pid.999999999" && ! -e "$segment" ]] || fail "leftovers are still there"
[[ ! -e "$TMPDIR/allmodes-run.dead" && -e "$TMPDIR/allmodes-run.elsewhere" && -e "$TMPDIR/allmodes-run.alive" ]] ||
  fail "of other runs' folders $(ls "$TMPDIR") are left"
[[ -e "$folder/pid.$$" && -e "$folder/pid.999999998" ]] || fail "removed what may be in use"
