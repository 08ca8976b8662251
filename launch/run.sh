#!/usr/bin/env bash
# Runs the program under mpirun with the settings that matter, each explained below.
#
#   launch/run.sh [-n RANKS] [--hostfile FILE] -- SUBCOMMAND ARGUMENT...
#
#   launch/run.sh -n 2 -- train configs/ring_gan.txtpb --steps 300
#   launch/run.sh --hostfile hosts -- train configs/ring_gan.txtpb --resume auto
#
# Without -n: with a host file its slots, else one rank a GPU, else one rank. FILE has lines
# "HOST slots=RANKS_OF_THIS_HOST". The checkout and the data must be at the same path on every host.
#
#   ALLMODES_BINARY    the program, default the newest of build/ and build-gpu/
#   ALLMODES_NETWORK   with several hosts: the network for MPI, as "10.99.0.0/24" or "eth0"
#   ALLMODES_MPIRUN    further words for mpirun
#   OMP_NUM_THREADS    threads of one rank, default the cores of a host shared out among its ranks
#
# The exit status is the program's: 0 done, 68 a rank or host was lost, 75 stopped after a
# checkpoint, 128 + N by signal N.

set -euo pipefail
# shellcheck source=launch/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit "$1"
}

ranks="" hostfile=""
while (($# > 0)); do
  case "$1" in
    -n | -np)
      [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || { echo "run.sh: $1 wants a number of ranks" >&2; exit 64; }
      ranks="$2"
      shift 2
      ;;
    --hostfile)
      [[ -r "${2:-}" ]] || { echo "run.sh: --hostfile: cannot read '${2:-}'" >&2; exit 66; }
      hostfile="$2"
      shift 2
      ;;
    -h | --help) usage 0 ;;
    --) shift; break ;;
    *) echo "run.sh: '$1' is not understood; the program's own words come after --" >&2; exit 64 ;;
  esac
done
(($# > 0)) || usage 64 >&2
find_binary

# How many ranks share one host, to share out its cores. Hosts are taken to be alike.
hosts=1
if [[ -n "$hostfile" ]]; then
  hosts="$(sed 's/#.*//' "$hostfile" | awk 'NF {print $1}' | sort -u | wc -l)"
  ((hosts > 0)) || { echo "run.sh: $hostfile names no host" >&2; exit 65; }
  if [[ -z "$ranks" ]]; then
    ranks="$(sed 's/#.*//' "$hostfile" | awk -v all="$cores" '
      NF { if (match($0, /slots *= *[0-9]+/)) { n = substr($0, RSTART, RLENGTH); sub(/.*= */, "", n) }
           else n = all
           sum += n }
      END { print sum }')"
  fi
elif [[ -z "$ranks" ]]; then
  ranks="$({ nvidia-smi -L 2>/dev/null || true; } | grep -c '^GPU' || true)"
  ((ranks > 0)) || ranks=1
fi
ranks_per_host=$(((ranks + hosts - 1) / hosts))

options=(-np "$ranks")
if [[ -n "$hostfile" ]]; then options+=(--hostfile "$hostfile" --map-by slot); fi

# A rank stays on cores of its own, so that caches stay warm and threads of ranks do not meet: where
# this job has the machine to itself. mpirun begins with the machine's first core, whatever cores
# this process was given and whatever other job began there too; so ranks that leave cores idle, or
# may not use all, stay unbound on those that they were given.
#
# Where ranks outnumber cores they must give the core away while they wait for each other: without
# the yield an all-reduce takes as long as the scheduler's time slices, hundreds of times longer.
if ((ranks_per_host <= cores)); then
  share=$((cores / ranks_per_host))
  threads="${OMP_NUM_THREADS:-$share}"
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
  threads="${OMP_NUM_THREADS:-1}"
  options+=(--oversubscribe --bind-to none --mca mpi_yield_when_idle 1)
fi
export OMP_NUM_THREADS="$threads"

# Between hosts nobody tells mpirun that a cable was cut: ask for a sign of life after a second of
# silence, then every second, and give up after five. Not sooner: the ranks' own watchdog, which says
# who is missing where, finds it after 5 s, and mpirun ends what is left before 10 s are over.
options+=(--mca oob_tcp_keepalive_time 1 --mca oob_tcp_keepalive_intvl 1
  --mca oob_tcp_keepalive_probes 5)

# By default every rank listens on all interfaces of its host.
if [[ -n "${ALLMODES_NETWORK:-}" ]]; then
  options+=(--mca oob_tcp_if_include "$ALLMODES_NETWORK" --mca btl_tcp_if_include "$ALLMODES_NETWORK")
elif ((hosts == 1)) && [[ -z "$hostfile" ]]; then
  options+=(--mca oob_tcp_if_include lo --mca btl_tcp_if_include lo)
fi

# Containers commonly forbid a process to read another's memory, and Open MPI then complains at each
# large message.
if [[ -e /.dockerenv || -e /run/.containerenv ]]; then
  options+=(--mca btl_vader_single_copy_mechanism none)
fi

# What every host needs of this environment.
if [[ -n "$hostfile" ]]; then
  options+=(-x OMP_NUM_THREADS)
  for name in $(compgen -e | grep -E '^(NCCL_|ALLMODES_|NO_COLOR$)' || true); do
    options+=(-x "$name")
  done
fi

if [[ -n "${ALLMODES_MPIRUN:-}" ]]; then
  read -r -a extra <<<"$ALLMODES_MPIRUN"
  options+=("${extra[@]}")
fi

command=(mpirun "${options[@]}" "$ALLMODES_BINARY" "$@")
printf 'OMP_NUM_THREADS=%s' "$threads" >&2
printf ' %q' "${command[@]}" >&2
printf '\n' >&2

# A signal sent to this script, and Ctrl-C, become USR1 for mpirun, which passes it to the ranks: they
# save a checkpoint and end with 75. To a TERM or INT of its own mpirun gives them one second, less
# than many a step takes, and then kills. Asked a second time, that is what happens.
# shellcheck disable=SC2317
stop() {
  signalled=true
  if [[ "$subcommand" == train && "$asked" == false ]]; then
    asked=true
    echo "run.sh: asking the ranks for a checkpoint; once more ends them at once" >&2
    kill -USR1 "$mpirun_pid" 2>/dev/null || true
  else
    forced=true
    kill -TERM "$mpirun_pid" 2>/dev/null || true
  fi
}

# mpirun runs in the background because a shell that waits in the foreground would handle the signal
# after the run, and in a session of its own because the terminal would send Ctrl-C to it too. A
# second `wait` is needed because a trap ends the first.
subcommand="$1" asked=false forced=false
setsid "${command[@]}" <&0 &
mpirun_pid=$!
trap stop INT TERM HUP USR1
trap 'signalled=true; kill -USR2 "$mpirun_pid" 2>/dev/null || true' USR2
while :; do
  signalled=false status=0
  wait "$mpirun_pid" || status=$?
  [[ "$signalled" == true ]] || break
done
# mpirun's own code for a host that it can no longer reach.
if ((status == 205)); then status=68; fi
# What mpirun ends with when it was told to end says nothing about the ranks.
if [[ "$forced" == true ]]; then status=143; fi

if [[ "$subcommand" == train ]]; then
  again="launch/run.sh -n $ranks ${hostfile:+--hostfile $hostfile }-- $* --resume auto"
  if ((status == 75)); then
    echo "stopped after a checkpoint; to continue: $again" >&2
  elif ((status == 68)); then
    echo "a rank or host was lost; to continue from the last checkpoint: $again" >&2
  elif ((status > 128 && status <= 192)); then
    echo "ended by SIG$(kill -l "$status" 2>/dev/null || echo "$((status - 128))");" \
      "to continue from the last checkpoint: $again" >&2
  fi
fi
exit "$status"
