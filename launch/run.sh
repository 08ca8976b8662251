#!/usr/bin/env bash
# Runs the program under mpirun with the settings that matter, each explained below.
#
#   launch/run.sh [-n RANKS] [--hostfile FILE] [--restarts N] [--verbose] -- SUBCOMMAND ARGUMENT...
#
#   launch/run.sh -n 2 -- train configs/ring_gan.txtpb --steps 300
#   launch/run.sh --hostfile hosts -- train configs/ring_gan.txtpb --resume auto
#   launch/run.sh --hostfile hosts -- doctor     # what each of the hosts offers and lacks
#
#   -n RANKS         without it: with a host file its slots, else one rank a GPU, else one rank
#   --hostfile FILE  lines "HOST slots=RANKS_OF_THIS_HOST", or a host once for each of its ranks
#   --restarts N     when a rank or host is lost, start again up to N times from the last checkpoint,
#                    on the hosts that answer, those that have come back too (also ALLMODES_RESTARTS)
#   --no-checks      do not ask the hosts first whether they have what the run needs
#   --verbose        say the whole command line, and what the other hosts get of the environment; show
#                    mpirun's own messages too
#   --dry-run        say that and start nothing
#
# The checkout and the data must be at the same path on every host. Of the environment the other
# hosts get OMP_NUM_THREADS, LD_LIBRARY_PATH, NO_COLOR and all names that begin with ALLMODES_, NCCL_,
# UCX_, FI_, MKL_ and KMP_; mpirun itself passes OMPI_. More: ALLMODES_MPIRUN="-x NAME".
#
#   ALLMODES_BINARY    the program, default the newest of build/ and build-gpu/
#   ALLMODES_NETWORK   with several hosts: the network for MPI, as "10.99.0.0/24" or "eth0"
#   ALLMODES_MPIRUN    further words for mpirun
#   ALLMODES_START_LIMIT_S  seconds in which all ranks have to start, default 120; 0 for no limit
#   OMP_NUM_THREADS    threads of one rank, default the cores of a host shared out among its ranks
#
# The exit status is the program's: 0 done, 68 a rank or host was lost, 75 stopped after a
# checkpoint, 128 + N by signal N; 69 when a host lacks something.

set -euo pipefail
say() { echo "run.sh: $*" >&2; }

# A signal sent to this script, and Ctrl-C, become USR1 for mpirun, which passes it to the ranks: they
# save a checkpoint and end with 75. To a TERM or INT of its own mpirun answers by killing them, after a second
# at most, which is less than many a step takes. Asked a second time, that is what happens. It may come at any
# moment: before mpirun runs, nothing is started any more.
subcommand="" mpirun_pid="" asked=false forced=false signalled=false
# shellcheck disable=SC2317
stop() {
  signalled=true
  if [[ "$asked" == false && ("$subcommand" == train || -z "$mpirun_pid") ]]; then
    asked=true
    if [[ -n "$mpirun_pid" ]]; then
      say "asking the ranks for a checkpoint; once more ends them at once"
      insist "$mpirun_pid"
    fi
  else
    forced=true
    [[ -z "$mpirun_pid" ]] || kill -TERM "$mpirun_pid" 2>/dev/null || true
  fi
}
trap stop INT TERM HUP QUIT XCPU USR1 USR2

# shellcheck source=launch/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=launch/hosts.bash
source "$(dirname "${BASH_SOURCE[0]}")/hosts.bash"

usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit "$1"
}

ranks="" hostfile="" restarts="${ALLMODES_RESTARTS:-0}" verbose=false checks=true dry_run=false
own_words=("$@") given_threads="${OMP_NUM_THREADS:-}"
while (($# > 0)); do
  case "$1" in
    -n | -np)
      [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || { say "$1 wants a number of ranks"; exit 64; }
      ranks="$2"
      shift 2
      ;;
    --hostfile)
      [[ -r "${2:-}" ]] || { say "--hostfile: cannot read '${2:-}'"; exit 66; }
      hostfile="$2"
      shift 2
      ;;
    --restarts) restarts="${2:-}"; shift $(($# > 1 ? 2 : 1)) ;;
    --verbose) verbose=true; shift ;;
    --no-checks) checks=false; shift ;;
    --dry-run) dry_run=true; shift ;;
    -h | --help) usage 0 ;;
    --) shift; break ;;
    *) say "'$1' is not understood; the program's own words come after --"; exit 64 ;;
  esac
done
[[ "$restarts" =~ ^[0-9]+$ ]] || { say "--restarts wants a number, not '$restarts'"; exit 64; }
(($# > 0)) || usage 64 >&2
find_binary
ALLMODES_BINARY="$(realpath -s "$ALLMODES_BINARY")"
subcommand="$1"
program_words=("$@")
# The command that continues a run is named here, not by the program.
export ALLMODES_NAMES_COMMAND=1

make_scratch
hosts=1
if [[ -n "$hostfile" ]]; then
  read_hosts "$hostfile" "$cores" >"$scratch/hosts" || exit 65
  cp "$scratch/hosts" "$scratch/all"
  hosts="$(wc -l <"$scratch/hosts")"
  if [[ -z "$ranks" ]]; then
    ranks="$(slots_of "$scratch/hosts")"
  fi
elif [[ -z "$ranks" ]]; then
  ranks="$({ nvidia-smi -L 2>/dev/null || true; } | grep -c '^GPU' || true)"
  ((ranks > 0)) || ranks=1
fi

# Prints where the library is, in a build folder or an installation; nothing where there is none.
loopback_library() {
  local place folder
  folder="$(dirname "$(realpath "$ALLMODES_BINARY")")"
  for place in "$folder" "$folder"/../lib/allmodes; do
    if [[ -r "$place/liballmodes_loopback.so" ]]; then
      realpath "$place/liballmodes_loopback.so"
      return 0
    fi
  done
}

# Sets ${options[@]} for $ranks ranks on the hosts of $scratch/hosts.
choose_options() {
  # The most ranks that share one host, to share out its cores. Hosts are taken to be alike.
  local ranks_per_host="$ranks" share
  options=(-np "$ranks")
  if [[ -n "$hostfile" ]]; then
    ranks_per_host="$(most_ranks "$ranks" "$scratch/hosts")"
    options+=(--hostfile "$scratch/hosts" --map-by slot)
  fi

  # A rank stays on cores of its own, so that caches stay warm and threads of ranks do not meet: where
  # this job has the machine to itself. mpirun begins with the machine's first core, whatever cores
  # this process was given and whatever other job began there too; so ranks that leave cores idle, or
  # may not use all, stay unbound on those that they were given.
  #
  # Where ranks outnumber cores they must give the core away while they wait for each other: without
  # the yield an all-reduce takes as long as the scheduler's time slices, hundreds of times longer.
  if ((ranks_per_host <= cores)); then
    share=$((cores / ranks_per_host))
    threads="${given_threads:-$share}"
    if ((threads != share || $(count_processors) < $(getconf _NPROCESSORS_ONLN))); then
      options+=(--bind-to none)
    elif [[ -n "$hostfile" ]]; then
      options+=(--bind-to core)
      # The slots of a host file count ranks; --map-by's PE counts the cores that each is bound to.
      options=("${options[@]/#slot/slot:PE=$threads}")
    else
      options+=(--map-by "slot:PE=$threads" --bind-to core)
    fi
  else
    threads="${given_threads:-1}"
    options+=(--oversubscribe --bind-to none --mca mpi_yield_when_idle 1)
  fi
  export OMP_NUM_THREADS="$threads"

  # Between hosts nobody tells mpirun that a cable was cut: ask for a sign of life after a second of
  # silence, then every second, and give up after five. Not sooner: the ranks' own watchdog, which says
  # who is missing where, finds it after 5 s, and mpirun ends what is left before 10 s are over.
  options+=(--mca oob_tcp_keepalive_time 1 --mca oob_tcp_keepalive_intvl 1
    --mca oob_tcp_keepalive_probes 5)

  # When a rank is lost, mpirun asks the others to end, and waits a second, twice, before it kills them. They
  # have nothing to do in that time: what they could save needs all ranks. Where it has daemons on other hosts
  # it then waits without end for one that was cut off, so that it is left as it is there.
  if [[ -z "$hostfile" ]]; then options+=(--mca odls_base_sigkill_timeout 0); fi

  # By default every rank listens on all interfaces of its host. On one host it needs no network at
  # all: through shared memory alone no rank listens anywhere. mpirun itself still would, on all
  # interfaces: Open MPI 4.1 has no setting for that, *_if_include only chooses the addresses that it
  # tells others. A library of ours keeps it to the loopback interface.
  preloaded=""
  if [[ -n "${ALLMODES_NETWORK:-}" ]]; then
    options+=(--mca oob_tcp_if_include "$ALLMODES_NETWORK" --mca btl_tcp_if_include "$ALLMODES_NETWORK")
  elif ((hosts == 1)) && [[ -z "$hostfile" ]]; then
    options+=(--mca oob_tcp_if_include lo --mca pml ob1 --mca btl self,vader)
    preloaded="$(loopback_library)"
  fi

  # Containers commonly forbid a process to read another's memory, and Open MPI then complains at each
  # large message.
  if [[ -e /.dockerenv || -e /run/.containerenv ]]; then
    options+=(--mca btl_vader_single_copy_mechanism none)
  fi

  # What every host needs of this environment.
  local passed='^((NCCL|UCX|FI|ALLMODES|MKL|KMP)_.*|OMP_NUM_THREADS|LD_LIBRARY_PATH|NO_COLOR)$'
  if [[ -n "$hostfile" ]]; then
    local name
    for name in $(compgen -e | grep -E "$passed" || true); do options+=(-x "$name"); done
  fi

  if [[ -n "${ALLMODES_MPIRUN:-}" ]]; then
    read -r -a extra <<<"$ALLMODES_MPIRUN"
    options+=("${extra[@]}")
  fi
}

# Sets $command, and says it when asked to.
prepare() {
  choose_options
  command=(mpirun "${options[@]}" "$ALLMODES_BINARY" "${program_words[@]}")
  if [[ -n "$preloaded" ]]; then
    command=(env "LD_PRELOAD=$preloaded${LD_PRELOAD:+:$LD_PRELOAD}" "${command[@]}")
  fi
  if [[ "$verbose" == true || "$dry_run" == true ]]; then
    echo "OMP_NUM_THREADS=$OMP_NUM_THREADS $(quoted "${command[@]}")" >&2
  fi
}

if [[ "$dry_run" == true ]]; then
  prepare
  exit 0
fi
if [[ -n "$hostfile" && "$subcommand" == doctor ]]; then
  doctor_on_hosts "$scratch/hosts" "$ALLMODES_BINARY" "$@" || exit 69
  exit 0
fi
remove_leftovers
if [[ -n "$hostfile" && "$checks" == true ]]; then
  if ! ask_hosts "$scratch/hosts" "$ALLMODES_BINARY" "$@" >"$scratch/problems"; then
    cat "$scratch/problems" >&2
    say "nothing was started: these hosts lack what the run needs (--no-checks starts in any case)"
    exit 69
  fi
fi

# mpirun removes the folder that all jobs of a user share when its job ends, also while another job
# begins in it, which then fails: each job of one host has a folder of its own.
if [[ -z "$hostfile" ]]; then export OMPI_MCA_orte_tmpdir_base="$scratch"; fi

# Rank 0 writes to mpirun and cannot see which of standard output and error a person reads, and how
# wide the terminal is.
say_where_output_goes
export ALLMODES_TERMINAL=""
if [[ -t 1 ]]; then ALLMODES_TERMINAL+=1; fi
if [[ -t 2 ]]; then
  ALLMODES_TERMINAL+=2
  ALLMODES_COLUMNS="$({ stty size <&2 2>/dev/null || true; } | cut -d ' ' -f 2)"
  export ALLMODES_COLUMNS="${ALLMODES_COLUMNS:-80}"
fi

# Runs $command; its exit status in $status. mpirun runs in the background because a shell that waits
# in the foreground would handle the signal after the run, and in a session of its own because the
# terminal would send Ctrl-C to it too. A second `wait` is needed because a trap ends the first.
run() {
  if [[ "$asked" == true ]]; then
    say "told to stop before anything was started"
    status=75
    if [[ "$forced" == true || "$subcommand" != train ]]; then status=143; fi
    return
  fi
  local said printed filter_pid
  rm -f "$scratch/ran"
  begin_filter run.sh "$scratch" "$verbose"
  if [[ -n "$printed" ]]; then
    setsid "${command[@]}" <&0 2>"$said" >"$printed" &
  else
    setsid "${command[@]}" <&0 2>"$said" &
  fi
  mpirun_pid=$!
  watch_launcher "$mpirun_pid" 30
  # Told between the look above and here.
  if [[ "$forced" == true || ("$asked" == true && "$subcommand" != train) ]]; then
    forced=true
    kill -TERM "$mpirun_pid" 2>/dev/null || true
  elif [[ "$asked" == true ]]; then
    insist "$mpirun_pid"
  fi
  while :; do
    signalled=false status=0
    wait "$mpirun_pid" || status=$?
    [[ "$signalled" == true ]] || break
  done
  no_more_helpers
  end_filter
  # Ranks that are asked while they still start may die of the signal, and mpirun too, or it ends with
  # a code of its own; they had nothing to save. Otherwise such a code means a host that is lost.
  if [[ "$asked" == true ]] && { ((status == 138 || status == 1)) || ! is_of_the_program "$status"; }; then
    status=75
  elif ! is_of_the_program "$status" || { ((status == 1)) && [[ -e "$scratch/ran" ]]; }; then
    # A 1, once ranks were there, is what mpirun makes of a daemon that it lost; the program has no such code.
    status=68
  fi
  # What mpirun ends with when it was told to end says nothing about the ranks.
  if [[ "$forced" == true ]]; then status=143; fi
}

# Sets hosts and ranks for a further start: all hosts of the host file that can take part, the lost ones that
# are back among them; as many ranks as at first, or as there is room for and can share out the batch. Fails
# where no host is left. Arguments: the program's words.
choose_hosts() {
  answering "$scratch/all" "$scratch/hosts" "$ALLMODES_BINARY" "$@" >"$scratch/left"
  gone="$(comm -23 <(sort "$scratch/hosts") <(sort "$scratch/left") | cut -d ' ' -f 1 | paste -sd ' ')"
  back="$(comm -13 <(sort "$scratch/hosts") <(sort "$scratch/left") | cut -d ' ' -f 1 | paste -sd ' ')"
  mv "$scratch/left" "$scratch/hosts"
  [[ -s "$scratch/hosts" ]] || return 1
  hosts="$(wc -l <"$scratch/hosts")"
  local slots
  slots="$(slots_of "$scratch/hosts")"
  ranks="$first_ranks"
  if ((slots < ranks && slots < $(slots_of "$scratch/all"))); then
    ranks="$(ranks_that_fit "$slots" "${@:2}")"
  fi
}

prepare
run
first_ranks="$ranks"
resumes=true
value_of --resume "$@" >/dev/null || resumes=false
while ((restarts > 0)) && ((status == 68 || status == 137 || status == 139)) &&
  [[ "$subcommand" == train && "$asked" == false ]]; do
  restarts=$((restarts - 1))
  if [[ -n "$hostfile" ]]; then choose_hosts "$@" || break; fi
  if [[ "$resumes" == false ]]; then program_words=("$@" --resume auto); fi
  what="a rank or host was lost (status $status${gone:+, no answer from $gone}${back:+, $back is back})"
  say "$what; again with $ranks ranks"
  prepare
  run
done

if [[ "$subcommand" == train ]] && ((status == 75 || status == 68 || (status > 128 && status <= 192))); then
  case "$status" in
    75) what="stopped; to continue" ;;
    68) what="a rank or host was lost; to continue from the last checkpoint" ;;
    *)
      what="ended by SIG$(kill -l "$status" 2>/dev/null || echo "$((status - 128))")"
      what+="; to continue from the last checkpoint"
      ;;
  esac
  again=("$(realpath -s "${BASH_SOURCE[0]}")" "${own_words[@]}")
  [[ "$resumes" == true ]] || again+=(--resume auto)
  echo "$what: cd $(quoted "$PWD") && $(quoted "${again[@]}")" >&2
fi
exit "$status"
