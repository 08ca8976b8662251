#!/usr/bin/env bash
# Runs the program as one process without MPI, for a debugger or a quick look.
#
#   launch/debug.sh [--gdb] -- SUBCOMMAND ARGUMENT...
#
#   launch/debug.sh --gdb -- train configs/ring_gan.txtpb --steps 20
#
# The program of build-debug/ (`cmake --preset cpu-debug && cmake --build --preset cpu-debug`) is
# preferred. With --gdb it stops where an exception is thrown. More ranks on one machine:
# `launch/run.sh -n 2`.

set -euo pipefail
# shellcheck source=launch/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

gdb=()
while (($# > 0)); do
  case "$1" in
    --gdb)
      command -v gdb >/dev/null || { echo "debug.sh: gdb is not installed" >&2; exit 69; }
      gdb=(gdb -q -ex 'catch throw' -ex run --args)
      shift
      ;;
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --) shift; break ;;
    *) echo "debug.sh: '$1' is not understood; the program's own words come after --" >&2; exit 64 ;;
  esac
done
(($# > 0)) || { echo "usage: launch/debug.sh [--gdb] -- SUBCOMMAND ARGUMENT..." >&2; exit 64; }

if [[ -z "${ALLMODES_BINARY:-}" && -x "$ALLMODES_ROOT/build-debug/allmodes" ]]; then
  export ALLMODES_BINARY="$ALLMODES_ROOT/build-debug/allmodes"
fi
find_binary

# Inside a Slurm allocation of several tasks the program would refuse to be a lone process: here it
# is meant to be one.
# One thread unless told otherwise: steps repeat, and a busy machine does not slow them down.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec env -u SLURM_NTASKS -u SLURM_NPROCS -u SLURM_TASKS_PER_NODE -u SLURM_STEP_NUM_TASKS \
  "${gdb[@]}" "$ALLMODES_BINARY" "$@"
