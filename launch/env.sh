# shellcheck shell=bash
# Sourced by the other scripts of this folder: where things are, and what a run's environment needs.
#
#   ALLMODES_ROOT    the checkout, or share/allmodes of an installation
#   ALLMODES_BINARY  the program; kept when already set, else the newest that was built
#   cores            cores this process may use, hyperthreads counted once

ALLMODES_ROOT="${ALLMODES_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"

find_binary() {
  local candidate newest=""
  if [[ -n "${ALLMODES_BINARY:-}" ]]; then
    [[ -x "$ALLMODES_BINARY" ]] && return 0
    echo "ALLMODES_BINARY=$ALLMODES_BINARY is not an executable file" >&2
    exit 66
  fi
  # The third place is the one of an installation, where this folder is share/allmodes/launch.
  for candidate in "$ALLMODES_ROOT"/{build,build-gpu,../../bin}/allmodes; do
    if [[ -x "$candidate" && (-z "$newest" || "$candidate" -nt "$newest") ]]; then
      newest="$candidate"
    fi
  done
  if [[ -z "$newest" ]]; then
    echo "no program in $ALLMODES_ROOT/build or build-gpu: run launch/quickstart.sh --build-only" >&2
    exit 66
  fi
  export ALLMODES_BINARY="$newest"
}

# Processors that may be used; nproc alone would say what OMP_NUM_THREADS says.
count_processors() { env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc; }

count_cores() {
  local usable physical
  usable="$(count_processors)"
  physical="$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l || true)"
  if ((physical > 0 && physical < usable)); then usable="$physical"; fi
  echo "$usable"
}
# shellcheck disable=SC2034
cores="$(count_cores)"

has_nvidia_driver() {
  [[ -e /proc/driver/nvidia/version ]] || { command -v nvidia-smi && nvidia-smi -L; } &>/dev/null
}

# Open MPI lets root start a job only when told so twice. Containers are root; nobody else needs it.
if ((EUID == 0)); then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# What killed jobs of this user left behind on this host: Open MPI's session folders whose mpirun is
# gone, and its shared memory that no process maps any more. A job that is just starting may not have
# mapped its own yet, so nothing younger than a minute is touched.
remove_leftovers() {
  local folder segment pid host tmp="${TMPDIR:-/tmp}"
  for folder in "$tmp"/allmodes-run.*; do
    pid="" host=""
    { read -r pid host <"$folder/owner"; } 2>/dev/null || true
    # Of another host, which shares this place, nobody here can say whether it lives.
    if [[ -O "$folder" && -n "$pid" && "$host" == "$(hostname)" && ! -e "/proc/$pid" ]]; then
      rm -rf "$folder"
    fi
  done
  for folder in "$tmp/ompi.$(hostname).$EUID"/pid.*; do
    pid="${folder##*.}"
    if [[ -O "$folder" && -n "$(find "$folder" -maxdepth 0 -mmin +1)" && ! -e "/proc/$pid" ]]; then
      rm -rf "$folder"
    fi
  done
  for segment in /dev/shm/vader_segment.*; do
    if [[ -O "$segment" && -n "$(find "$segment" -maxdepth 0 -mmin +1)" ]] &&
      ! grep -qsF "$segment" /proc/[0-9]*/maps; then
      rm -f "$segment"
    fi
  done
}

# Sets $scratch to a new folder, which is removed when the script ends, or by the next one's
# remove_leftovers() where it was killed.
make_scratch() {
  scratch="$(mktemp -d "${TMPDIR:-/tmp}/allmodes-run.XXXXXX")" ||
    { say "no folder can be made in ${TMPDIR:-/tmp}; TMPDIR names another place" >&2; exit 73; }
  trap 'rm -rf "$scratch"' EXIT
  echo "$$ $(hostname)" >"$scratch/owner"
}

# runs_program PID: whether the process is the program. Told by the word that it was started with: the file of
# that name may be another one by now, where the program was built or installed anew while the run goes on.
runs_program() {
  local word=""
  { IFS= read -r -d '' word <"/proc/$1/cmdline"; } 2>/dev/null || true
  [[ "$word" == "$ALLMODES_BINARY" ]]
}

# has_ranks LAUNCHER: whether ranks run on this host: children of mpirun; or, in a Slurm job, where a keeper
# of Slurm's own starts what srun, and mpirun's daemons, were asked for, processes of this job.
known_ranks=()
has_ranks() {
  local pid
  local -a found=()
  for pid in ${known_ranks[@]+"${known_ranks[@]}"}; do
    ! runs_program "$pid" || return 0
  done
  { read -r -a found <"/proc/$1/task/$1/children"; } 2>/dev/null || true
  if [[ -n "${SLURM_JOB_ID:-}" ]]; then
    mapfile -t -O "${#found[@]}" found < <(pgrep -f -- "$(basename "$ALLMODES_BINARY")" || true)
  fi
  known_ranks=()
  for pid in ${found[@]+"${found[@]}"}; do
    runs_program "$pid" || continue
    [[ -z "${SLURM_JOB_ID:-}" ]] ||
      grep -qzxF "SLURM_JOB_ID=$SLURM_JOB_ID" "/proc/$pid/environ" 2>/dev/null || continue
    known_ranks+=("$pid")
  done
  ((${#known_ranks[@]} > 0))
}

# in_background WORD...: the words as a process that no signal to this script's group reaches and whose end
# the shell does not report; its number is added to ${helpers[@]}.
helpers=()
in_background() {
  (
    trap '' INT TERM HUP QUIT XCPU USR1 USR2
    "$@"
  ) <&- >/dev/null &
  helpers+=($!)
  disown $!
}

# watch_launcher LAUNCHER SECONDS: makes the file $scratch/ran once there are ranks on this host, and ends mpirun
# when they have been gone for so long: it may hang then. By itself it needs some seconds after a rank that
# failed.
watch_launcher() { in_background end_if_alone "$1" "$2"; }
end_if_alone() {
  local seen=false gone=0 looks=0
  while kill -0 "$1" 2>/dev/null; do
    if has_ranks "$1"; then
      [[ "$seen" == true ]] || : >"$scratch/ran"
      seen=true gone=0
    elif [[ "$seen" == true ]] && ((++gone > $2)); then
      echo "$(cat "/proc/$1/comm" 2>/dev/null || echo mpirun) is still there $2 s after its ranks: ending it" >&2
      : >"$scratch/hangs"
      kill -KILL "$1" 2>/dev/null
      return
    fi
    # Ranks that end within a second are to be seen, too; they may also all be on other hosts. What
    # outlives this loop must not hold the pipe that errors are written to.
    if [[ "$seen" == false ]] && ((++looks <= 300)); then sleep 0.1; else sleep 1; fi 2>/dev/null
  done
}

# insist LAUNCHER: sends USR1 to mpirun or srun, and again: before mpirun has launched its ranks it says
# that it passes a signal on, and does not. To ranks that have heard it, it says nothing new; to mpirun
# whose ranks have ended it is not sent.
insisting=false
insist() {
  kill -USR1 "$1" 2>/dev/null || true
  [[ "$insisting" == false ]] || return 0
  insisting=true
  in_background repeat_signal "$1"
  # How the job ends is known then.
  watch_launcher "$1" 5
}
repeat_signal() {
  local pause seen=false
  for pause in 0.3 0.5 1 2 4 8 15 30 60; do
    sleep "$pause" 2>/dev/null
    if has_ranks "$1"; then seen=true; elif [[ "$seen" == true ]]; then return; fi
    kill -USR1 "$1" 2>/dev/null || return
  done
}
# When the launcher has ended: its number may become another process's. Where it was ended because it hung,
# that it was killed says nothing about the ranks: $status is then mpirun's own for a daemon that it lost.
no_more_helpers() {
  ((${#helpers[@]} == 0)) || kill -9 "${helpers[@]}" 2>/dev/null || true
  helpers=() insisting=false
  # shellcheck disable=SC2034
  [[ ! -e "$scratch/hangs" ]] || status=205
  rm -f "$scratch/hangs"
}

# begin_filter NAME FOLDER ALL: for mpirun's stderr a pipe $said in FOLDER, from which everything comes out of
# this script's but the paragraphs that say what the program has said already; those too where ALL is true or
# there is no Python. NAME begins the filter's own lines. Where a person reads both streams, no piece of one
# may begin within a line of the other: mpirun's stdout then belongs into the pipe $printed, else empty.
# Ctrl-C and Ctrl-Z reach the filter too, which has still to pass on what the ranks say then: they must not
# wait for a pipe that nobody reads.
begin_filter() {
  local filter=(/usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/mpirun_filter.py" "$1")
  said="$2/said" printed=""
  [[ -p "$said" ]] || mkfifo "$said"
  if [[ "$3" == true || ! -x /usr/bin/python3 ]]; then
    filter=(cat)
  elif [[ -t 1 && -t 2 ]]; then
    printed="$2/printed"
    [[ -p "$printed" ]] || mkfifo "$printed"
    filter+=("$printed")
  fi
  (trap '' INT TERM HUP QUIT XCPU USR1 USR2 TSTP && exec "${filter[@]}") <"$said" >&2 &
  filter_pid=$!
}

# end_filter: when mpirun has ended, and the filter has passed everything on. What mpirun started may outlive
# it and hold the pipe: it is waited for five seconds. Where MPI could not start, $status is 69 then, and not that
# of a rank that was lost.
end_filter() {
  local tenths
  for ((tenths = 0; tenths < 50; ++tenths)); do
    kill -0 "$filter_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -ALRM "$filter_pid" 2>/dev/null || true
  wait "$filter_pid" 2>/dev/null || {
    # shellcheck disable=SC2034
    if (($? == 69)); then
      status=69
      echo "MPI could not start (its own words are above); \`allmodes doctor\` tries what it needs" >&2
    fi
  }
}

# is_of_the_program STATUS: whether the program ends with such a code, by itself or by a signal. mpirun has
# others for a host or a daemon that it lost: 205, or the number of the signal that ended what it had
# started the daemon with.
is_of_the_program() { (($1 <= 3 || ($1 >= 64 && $1 <= 78) || ($1 > 128 && $1 <= 192))); }

# say_where_output_goes: what only this script knows, as its ranks write to pipes: whether standard output and
# error lead to the same place, such as a terminal or a job's log.
say_where_output_goes() {
  unset ALLMODES_ONE_OUTPUT
  if [[ /proc/self/fd/1 -ef /proc/self/fd/2 ]]; then export ALLMODES_ONE_OUTPUT=1; fi
}

# quoted WORD...: the words as one line that a shell reads back as the same words.
quoted() {
  local word line=""
  for word in "$@"; do
    # What needs no quotes keeps its looks.
    if [[ "$word" =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then
      line+=" $word"
    else
      line+=" '${word//\'/\'\\\'\'}'"
    fi
  done
  printf '%s' "${line# }"
}

# value_of OPTION WORD...: prints the value that the words give to the option, as "--option VALUE" or
# "--option=VALUE"; fails when they give none.
value_of() {
  local option="$1"
  shift
  while (($# > 0)); do
    case "$1" in
      "$option") printf '%s' "${2:-}"; return 0 ;;
      "$option="*) printf '%s' "${1#*=}"; return 0 ;;
    esac
    shift
  done
  return 1
}

# fields_of WORD...: of the words for `train` those that `validate` needs to see the same configuration,
# into ${fields[@]}.
fields_of() {
  fields=()
  while (($# > 0)); do
    case "$1" in
      --set) fields+=(--set "${2:-}"); shift ;;
      --steps | --device) fields+=(--set "${1#--}=${2:-}"); shift ;;
      --on-collapse) fields+=(--set "verdict.on_collapse=${2:-}"); shift ;;
      --set=*) fields+=("$1") ;;
      --steps=* | --device=*) fields+=(--set "${1#--}") ;;
      --on-collapse=*) fields+=(--set "verdict.on_collapse=${1#*=}") ;;
      --deterministic) fields+=(--set deterministic_shards=8) ;;
      --out | --resume | --from | --allow-change) shift ;;
      --*) ;;
      *) fields+=("$1") ;;
    esac
    shift $(($# > 0 ? 1 : 0))
  done
}

# ranks_that_fit LIMIT WORD...: prints the most ranks, up to LIMIT, that can share out the batch of
# what `train WORD...` trains; LIMIT where the configuration cannot be read, which the ranks will say.
ranks_that_fit() {
  local limit="$1" most
  shift
  fields_of "$@"
  most="$("$ALLMODES_BINARY" validate ${fields[@]+"${fields[@]}"} --ranks "$limit" 2>&1 |
    sed -n 's/.*the most ranks that can[^:]*: \([0-9]*\)$/\1/p' | head -n 1 || true)"
  echo "${most:-$limit}"
}
