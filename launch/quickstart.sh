#!/usr/bin/env bash
# From a bare Debian or Ubuntu machine to four trained models, each with its verdict.
#
#   launch/quickstart.sh [--cpu | --gpu] [--libtorch DIR] [--from DIR] [--jobs N] [--build-only]
#
#   --cpu, --gpu     which LibTorch to fetch; default: with CUDA where there is an NVIDIA driver
#   --libtorch DIR   use this one: the `torch` folder of a Python environment, or an unpacked zip
#   --from DIR       without a network: what launch/setup.sh --download DIR brought
#   --jobs N         compile with N jobs; default: as many as cores and memory allow
#   --build-only     leave the training out
#
# LibTorch goes to ${ALLMODES_CACHE:-~/.cache/allmodes}, outside the checkout. A second run finds
# everything in place.

set -euo pipefail
# shellcheck source=launch/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

train=true
while (($# > 0)); do
  parse_setup_option "$@"
  if ((taken > 0)); then
    shift "$taken"
    continue
  fi
  case "$1" in
    --build-only) train=false ;;
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) refuse "'$1' is not understood; see --help" ;;
  esac
  shift
done
if [[ -z "$flavour" ]]; then flavour="$(has_nvidia_driver && echo cuda || echo cpu)"; fi
preset=cpu-release folder=build
if [[ "$flavour" == cuda ]]; then preset=gpu-release folder=build-gpu; fi

# How long it will take, from what was measured on two cores: twelve minutes of one core to compile,
# ten to train; and what is in place already costs nothing.
how_long() {
  local count minutes=0 parts=()
  count="$(compile_jobs)"
  if [[ -z "$libtorch_path" && ! -f "$cache/torch-$torch_version-$flavour/.complete" ]]; then
    minutes=$((minutes + 2))
    parts+=("2 to fetch LibTorch, more on a slow network")
  fi
  if [[ ! -x "$ALLMODES_ROOT/$folder/allmodes" ]]; then
    minutes=$((minutes + (12 + count - 1) / count))
    parts+=("$(((12 + count - 1) / count)) to compile with $count job$( ((count == 1)) || echo s)")
  fi
  if [[ "$train" == true ]]; then
    minutes=$((minutes + (cores > 1 ? 5 : 10)))
    parts+=("$((cores > 1 ? 5 : 10)) to train four models")
  fi
  ((minutes > 0)) || { echo "a minute at most: everything is in place"; return; }
  printf 'about %d minutes on this machine: %s' "$minutes" "${parts[0]}"
  ((${#parts[@]} < 2)) || printf ', %s' "${parts[@]:1}"
  echo
}
say "$(how_long)"

steps=3
if [[ "$train" == true ]]; then steps=5; fi
begin_step "system packages"
setup_packages
begin_step "LibTorch"
setup_libtorch "$flavour"
begin_step "building"
build "$preset" allmodes
export ALLMODES_BINARY="$ALLMODES_ROOT/$folder/allmodes"
say "$folder/allmodes: $("$ALLMODES_BINARY" --version | head -n 1)"
[[ "$train" == true ]] || exit 0

# The last two differ in one line of their configurations.
configs=(quickstart_gan quickstart_vae ring_vae_collapsed ring_vae)
begin_step "training ${#configs[@]} models on two ranks: about five minutes on two cores"
started="$(mktemp)"
trap 'rm -f "$started"' EXIT
for config in "${configs[@]}"; do
  say "$config"
  bash launch/run.sh -n 2 -- train "configs/$config.txtpb" --out runs
done

begin_step "verdicts"
/usr/bin/python3 - "$started" <<'PYTHON'
import json, pathlib, re, sys, textwrap

def step_of(path):
    number = re.search(r"-(\d+)\.png$", path.name)
    return int(number.group(1)) if number else -1

started = pathlib.Path(sys.argv[1]).stat().st_mtime
said_of = {}
for run in sorted(pathlib.Path("runs").iterdir()):
    verdict = run / "verdict.json"
    if not verdict.is_file() or verdict.stat().st_mtime < started:
        continue
    said = json.loads(verdict.read_text())
    kind = said.get("kind")
    named = said["state"] + (f": {kind}" if kind and kind != "none" else "")
    # What decided, and what is missing beside it; verdict.json has the rest.
    print(textwrap.fill(f"{run}: {named}, {said['brief']}", 78, initial_indent="   ", subsequent_indent=" " * 8))
    series = {}
    for picture in (run / "images").glob("*.png"):
        series.setdefault(re.sub(r"-\d+\.png$", "", picture.name), []).append(picture)
    for pictures in series.values():
        print(f"      {max(pictures, key=step_of)}")
    said_of[run.name.split("-", 1)[1]] = said

# What one line does.
pair = [said_of.get(name) for name in ("ring_vae_collapsed", "ring_vae")]
if all(pair):
    print("   One line of the configuration, the decoder's variance:")
    for title, said in zip(("variance: 4", "variance: 0.04"), pair):
        kind = "" if said.get("kind", "none") == "none" else f": {said['kind']}"
        print(f"      {title:14} {said['state']}{kind}")
    print("   See both: images/modes-00006000.png of these two runs.")
PYTHON
