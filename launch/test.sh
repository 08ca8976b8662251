#!/usr/bin/env bash
# Set-up, then every test. The last line says how many of CTest's tests passed, failed, were
# skipped.
#
#   launch/test.sh [--cpu] [--libtorch DIR] [--jobs N] [--long] [--no-unity] [-- CTEST_ARGUMENT...]
#   launch/test.sh --sanitize address|thread [-- CTEST_ARGUMENT...]
#   launch/test.sh --fuzz SECONDS
#   launch/test.sh --tidy
#
# What is built and tested is the flavour with CUDA and NCCL, which also runs where there is no GPU; the
# tests that need one are then reported as skipped, and the sources that the CPU flavour compiles
# otherwise are compiled once more its way. --cpu builds and tests the CPU flavour instead. A build that
# fails counts as one failed test.
#
#   --long       also the tests that take many minutes (label long): a whole life under Slurm
#   --no-unity   compiles each source by itself, as for an editor, and not five as one file; this finds
#                a source that lacks an include, and takes several times as long
#   --sanitize   address: the unit, ranks and mpi tests of a CPU build with AddressSanitizer and
#                UndefinedBehaviorSanitizer (build-asan/); thread: what threads of ours share, and the
#                ranks of a node, with ThreadSanitizer (build-tsan/)
#   --fuzz       each fuzz target of tests/fuzz for so many seconds (build-fuzz/, clang-16)
#   --tidy       clang-tidy on every source of ours (build-tidy/, one file at a time)

set -euo pipefail
# shellcheck source=launch/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

mode=tests long=false sanitizer="" fuzz_seconds=""
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
    --long) long=true; shift ;;
    --no-unity) unity=OFF; shift ;;
    --tidy) mode=tidy; shift ;;
    --sanitize)
      [[ "${2:-}" =~ ^(address|thread)$ ]] || refuse "--sanitize wants 'address' or 'thread'"
      mode=sanitize sanitizer="$2"
      shift 2
      ;;
    --fuzz)
      [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || refuse "--fuzz wants a number of seconds for each target"
      mode=fuzz fuzz_seconds="$2"
      shift 2
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

# Python packages beside which tests put ours: the authors' implementations of the metrics, Pillow for
# pictures, TensorBoard for its files, axe-core for pages; and what the tests of python/ need. Where they cannot be had those
# tests are skipped. PyTorch is LibTorch's own wheel, which only the flavour with CUDA has whole.
setup_reference() {
  local folder="$cache/reference-2" lock site
  [[ -z "${ALLMODES_REFERENCE_PYTHON:-}" ]] || return 0
  exec {lock}>"$cache/.lock-reference"
  flock "$lock"
  if [[ ! -f "$folder/.complete" ]]; then
    say "fetching the reference implementations from PyPI (unpacked 0.4 GB) into $folder"
    rm -rf "$folder"
    /usr/bin/python3 -m venv "$folder"
    if pip_install "$folder/bin/python" prdc==0.2 vendi-score==0.0.3 numpy scipy scikit-learn \
      Pillow tensorboard pytest safetensors; then
      touch "$folder/.complete"
    else
      say "could not fetch them: the tests beside other implementations will be skipped"
    fi
  fi
  # axe-core for the pages, without what drives a browser; also where the others have been for long.
  if [[ -f "$folder/.complete" && ! -f "$folder/.axe" ]] &&
    pip_install "$folder/bin/python" --no-deps axe-playwright-python==0.1.8; then
    touch "$folder/.axe"
  fi
  # The tools beside whose features ours are put; without what they depend on but for pictures and weights.
  if [[ -f "$folder/.complete" && ! -f "$folder/.features" ]] &&
    pip_install "$folder/bin/python" --no-deps pytorch-fid==0.3.0 torch-fidelity==0.4.0 clean-fid==0.1.35 \
      torchvision==0.26.0 tqdm && setup_features; then
    touch "$folder/.features"
  fi
  exec {lock}>&-
  [[ -f "$folder/.complete" ]] || return 0
  for site in "$folder"/lib/python3*/site-packages; do
    dirname "$libtorch_root" >"$site/libtorch.pth"
  done
  export ALLMODES_REFERENCE_PYTHON="$folder/bin/python"
}

# Which tests run without being asked for: all but the long ones.
selection=(-LE '^long$')
if [[ "$long" == true ]]; then selection=(); fi

# run_tests FOLDER CTEST_ARGUMENT...: tests that need several cores say so; the failing ones' output is
# shown.
run_tests() {
  local folder="$1"
  shift
  ctest --test-dir "$ALLMODES_ROOT/$folder" -j "$(count_processors)" --output-on-failure \
    --output-junit "$results/$folder.xml" "$@" || true
}

all_tests() {
  local preset=gpu-release folder=build-gpu
  steps=4
  begin_step "system packages"
  setup_packages
  begin_step "LibTorch"
  # A LibTorch that was given may be one without NCCL beside it.
  if [[ -n "$libtorch_path" && ! -e "$libtorch_path/../nvidia/nccl/lib/libnccl.so.2" ]]; then
    flavour=cpu
  fi
  if [[ "$flavour" == cpu ]]; then
    preset=cpu-release folder=build
    setup_libtorch cpu
  else
    setup_libtorch cuda
  fi
  begin_step "building, $preset"
  build "$preset"
  begin_step "tests"
  setup_reference
  run_tests "$folder" "${selection[@]}" "$@"
}

sanitized_tests() {
  # LibTorch is not built with ThreadSanitizer, which therefore sees whole only what does without it.
  local preset=asan targets=(unit_tests rank_tests mpi_tests) which=(-L '^(unit|ranks|mpi)$')
  if [[ "$sanitizer" == thread ]]; then
    preset=tsan targets=(world_tests mpi_tests) which=(-R '^(world_tests|mpi_tests\.[24])$')
  fi
  steps=4
  begin_step "system packages"
  setup_packages
  begin_step "LibTorch"
  setup_libtorch cpu
  begin_step "building, $preset"
  build "$preset" "${targets[@]}"
  begin_step "tests"
  run_tests "build-$preset" "${which[@]}" "$@"
}

# need_tool PROGRAM PACKAGE...: what only this way of testing needs is not installed by the way.
need_tool() {
  command -v "$1" >/dev/null || refuse "there is no $1: apt-get install ${*:2}" "$exit_unavailable"
}

# Each finding is a file in build-fuzz/findings and a failed test. A target begins with the good files of
# its format, and with what it found before (build-fuzz/corpus).
fuzz() {
  local target corpus found="$ALLMODES_ROOT/build-fuzz/findings" passed=0 failed=0
  local -a targets
  steps=4
  begin_step "system packages"
  setup_packages
  need_tool clang++-16 clang-16 libclang-rt-16-dev
  begin_step "LibTorch"
  setup_libtorch cpu
  begin_step "building the fuzz targets"
  # With fuzzer-no-link libFuzzer sees the branches of our rooms, not only those of its own file.
  cd "$ALLMODES_ROOT"
  quietly cmake cmake --preset asan -B build-fuzz -DCMAKE_C_COMPILER=clang-16 \
    -DCMAKE_CXX_COMPILER=clang++-16 "-DLIBTORCH_ROOT=$libtorch_root" -DCMAKE_UNITY_BUILD=OFF \
    -DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link
  mapfile -t targets < <(ninja -C build-fuzz -t targets all | grep -Eo '^fuzz_[a-z0-9_]+: phony' |
    cut -d : -f 1 | sort -u)
  ((${#targets[@]} > 0)) || refuse "this clang has no libFuzzer: apt-get install libclang-rt-16-dev" 69
  quietly build ninja -C build-fuzz -j "$(compile_jobs)" "${targets[@]}"
  begin_step "${#targets[@]} targets, $fuzz_seconds s each"
  mkdir -p "$found"
  for target in "${targets[@]}"; do
    corpus="build-fuzz/corpus/$target"
    mkdir -p "$corpus"
    if "build-fuzz/tests/$target" "-max_total_time=$fuzz_seconds" -print_final_stats=1 \
      -artifact_prefix="$found/$target-" "$corpus" >"build-fuzz/$target.log" 2>&1; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      tail -n 30 "build-fuzz/$target.log"
    fi
    say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$target.log") runs," \
      "coverage $(grep -Eo 'cov: [0-9]+' "build-fuzz/$target.log" | tail -n 1 | cut -d ' ' -f 2)"
  done
  echo "$passed passed, $failed failed, 0 skipped"
  ((failed == 0))
}

# Its own build folder, since unity files hide which source a finding is in.
tidy() {
  local -a sources
  steps=3
  begin_step "LibTorch"
  need_tool clang-tidy clang-tidy
  setup_libtorch cpu
  begin_step "configuring"
  cd "$ALLMODES_ROOT"
  quietly cmake cmake --preset cpu-release -B build-tidy "-DLIBTORCH_ROOT=$libtorch_root" \
    -DCMAKE_UNITY_BUILD=OFF
  # The generated headers.
  quietly build ninja -C build-tidy allmodes_proto allmodes_version_header
  mapfile -t sources < <(git ls-files 'trainer/*.cpp' | { [[ $# -gt 0 ]] && grep -E "$1" || cat; })
  begin_step "clang-tidy on ${#sources[@]} sources"
  printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(count_processors)" \
    clang-tidy -p build-tidy --quiet --warnings-as-errors='*'
}

# The other ways print what they found themselves.
case "$mode" in
  fuzz | tidy)
    trap - EXIT
    rm -rf "$results"
    "$mode" "$@"
    ;;
  sanitize) sanitized_tests "$@" ;;
  *) all_tests "$@" ;;
esac
