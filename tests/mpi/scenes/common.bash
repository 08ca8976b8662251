# shellcheck shell=bash
# Sourced by the scripts of this folder.
#
#   play CODE SECONDS NAME   the scene on two ranks, which has to end with the code within the seconds;
#                            its output in ./out

set -euo pipefail
[[ -x "${ALLMODES_SCENES:-}" ]] || { echo "skipped: ALLMODES_SCENES is not the program"; exit 77; }
work="$(mktemp -d "${TMPDIR:-/tmp}/allmodes-test.XXXXXX")"
trap 'rm -rf "$work"' EXIT
cd "$work"
if ((EUID == 0)); then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

play() {
  local wanted="$1" limit="$2" name="$3" status=0 began took
  began="$(date +%s%N)"
  timeout -k 1 "$((limit + 30))" mpirun -np 2 --oversubscribe --bind-to none \
    --mca mpi_yield_when_idle 1 "$ALLMODES_SCENES" "$name" >out 2>&1 || status=$?
  took=$((($(date +%s%N) - began) / 1000000))
  ((status == wanted)) || { cat out; echo "FAILED: $name: $status instead of $wanted"; exit 1; }
  ((took < 1000 * limit)) || { cat out; echo "FAILED: $name took $took ms"; exit 1; }
  echo "$name: $status after $took ms"
}

says() { grep -Eq -- "$1" out || { cat out; echo "FAILED: nothing says '$1'"; exit 1; }; }
