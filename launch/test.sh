#!/usr/bin/env bash
# Set-up, then every test. The last line says how many of CTest's tests passed, failed, were
# skipped.
#
#   launch/test.sh [--cpu] [--libtorch DIR] [--jobs N] [-- CTEST_ARGUMENT...]
#
# What is built and tested is the flavour with CUDA and NCCL, which also runs where there is no GPU; the
# tests that need one are then reported as skipped, and the sources that the CPU flavour compiles
# otherwise are compiled once more its way. --cpu builds and tests the CPU flavour instead. A build that
# fails counts as one failed test.

set -euo pipefail
# shellcheck source=launch/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

while (($# > 0)); do
  parse_setup_option "$@"
  if ((taken > 0)); then
    shift "$taken"
    continue
  fi
  case "$1" in
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --) shift; break ;;
    *) refuse "'$1' is not understood; see --help" ;;
  esac
done

results="$(mktemp -d)"
failed_builds=0

# Prints the closing line; fails when a test failed or none passed.
summary() {
  /usr/bin/python3 - "$results" "$failed_builds" <<'PYTHON'
import pathlib, sys, xml.etree.ElementTree as xml

passed, failed, skipped = 0, int(sys.argv[2]), 0
for report in pathlib.Path(sys.argv[1]).glob("*.xml"):
    for case in xml.parse(report).getroot().iter("testcase"):
        reason = case.find("skipped")
        message = reason.get("message", "") if reason is not None else ""
        if case.get("status") == "run":
            passed += 1
        # A test that could not be started is "skipped" to CTest; to us it failed.
        elif message.startswith("SKIP_") or case.get("status") == "disabled":
            skipped += 1
            print(f"   skipped: {case.get('name')} ({message or 'disabled'})")
        else:
            failed += 1
            print(f"   failed: {case.get('name')}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(0 if failed == 0 and passed > 0 else 1)
PYTHON
}

finish() {
  local status=$?
  trap - EXIT
  # Whatever ended this script before its end was a failure of the set-up or of a build.
  if ((status != 0)); then failed_builds=$((failed_builds + 1)); fi
  summary || status=1
  rm -rf "$results"
  exit "$status"
}
trap finish EXIT

# The authors' implementations of the metrics, beside which tests/reference puts ours. Where they
# cannot be had that test is skipped.
setup_reference() {
  local folder="$cache/reference-1" lock
  [[ -z "${ALLMODES_REFERENCE_PYTHON:-}" ]] || return 0
  exec {lock}>"$cache/.lock-reference"
  flock "$lock"
  if [[ ! -f "$folder/.complete" ]]; then
    say "fetching the reference implementations from PyPI (unpacked 0.3 GB) into $folder"
    rm -rf "$folder"
    /usr/bin/python3 -m venv "$folder"
    if pip_install "$folder/bin/python" prdc==0.2 vendi-score==0.0.3 numpy scipy scikit-learn; then
      touch "$folder/.complete"
    else
      say "could not fetch them: reference.metrics will be skipped"
    fi
  fi
  exec {lock}>&-
  [[ ! -f "$folder/.complete" ]] || export ALLMODES_REFERENCE_PYTHON="$folder/bin/python"
}

steps=4
begin_step "system packages"
setup_packages
begin_step "LibTorch"
# A LibTorch that was given may be one without NCCL beside it.
if [[ -n "$libtorch_path" && ! -e "$libtorch_path/../nvidia/nccl/lib/libnccl.so.2" ]]; then flavour=cpu; fi
if [[ "$flavour" == cpu ]]; then
  preset=cpu-release folder=build
  setup_libtorch cpu
else
  preset=gpu-release folder=build-gpu
  setup_libtorch cuda
fi
begin_step "building, $preset"
build "$preset"
begin_step "tests"
setup_reference
# Tests that need several cores say so; the failing ones' output is shown.
ctest --test-dir "$ALLMODES_ROOT/$folder" -j "$(count_processors)" --output-on-failure \
  --output-junit "$results/$folder.xml" "$@" || true
