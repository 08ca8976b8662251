#!/usr/bin/env bash
# Set-up, then every test. The last line says how many of CTest's tests passed, failed, were
# skipped.
#
#   launch/test.sh [--cpu] [--libtorch DIR] [--jobs N] [-- CTEST_ARGUMENT...]
#
# Built are the CPU flavour, whose tests all run, and the CUDA flavour, whose GPU tests run where
# there is a GPU and are reported as skipped elsewhere. --cpu leaves the CUDA flavour out. A build
# that fails counts as one failed test.

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

# run_tests FOLDER CTEST_ARGUMENT...
run_tests() {
  local folder="$1"
  shift
  # Tests that need several cores say so; the failing ones' output is shown.
  ctest --test-dir "$ALLMODES_ROOT/$folder" -j "$(nproc)" --output-on-failure \
    --output-junit "$results/$folder.xml" "$@" || true
}

steps=6
if [[ "$flavour" == cpu ]]; then steps=4; fi
begin_step "system packages"
setup_packages
begin_step "LibTorch"
if [[ "$flavour" != cpu ]]; then
  setup_libtorch cuda
  cuda_root="$libtorch_root"
fi
setup_libtorch cpu
begin_step "building, CPU"
build cpu-release
begin_step "tests, CPU"
run_tests build "$@"

if [[ "$flavour" != cpu ]]; then
  begin_step "building, CUDA and NCCL"
  libtorch_root="$cuda_root"
  targets=(allmodes)
  if compgen -G "$ALLMODES_ROOT/tests/gpu/*.cpp" >/dev/null; then targets+=(gpu_tests); fi
  if build gpu-release "${targets[@]}"; then
    begin_step "tests, GPU"
    run_tests build-gpu -L gpu "$@"
  else
    failed_builds=$((failed_builds + 1))
  fi
fi
