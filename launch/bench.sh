#!/usr/bin/env bash
# Speed beside what one would use instead: builds both sides and runs them turn by turn.
#
#   launch/bench.sh [--libtorch DIR] [--jobs N] [NAME]... [-- ARGUMENT...]
#   launch/bench.sh --list
#
#   launch/bench.sh                      # all that this machine can run: about an hour on two cores
#   launch/bench.sh step -- --rounds 3 ring_gan
#
# Each prints a table of ratios, with the lowest and highest of one round beside it, and writes its
# figures to runs/bench/NAME.json. What follows -- goes to every benchmark named; --help there says
# what each understands. The Python side is PyTorch of the same wheel as the program's LibTorch; what
# else it needs comes from PyPI.

set -euo pipefail
# shellcheck source=launch/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

readonly known=(adam collectives loader data step ranks first_stage autoencoders diagnostics verdict gpu)

list() {
  cat <<'TEXT'
adam          one update of Adam with averaged weights, beside torch::optim::Adam
collectives   an all-reduce on two ranks, beside MPI_Allreduce and gloo
loader        filling a batch of images, beside PyTorch's index_select
data          JPEG files to ready samples, beside Pillow, torchvision and webdataset; a second start
step          one training step on one core, beside the same model in PyTorch, eager
ranks         two ranks, beside DistributedDataParallel over gloo, and what synchronizing costs
first_stage   the same two of a first stage at 32 and 64 pixels
autoencoders  an epoch of VAE, WAE-MMD, InfoVAE and AAE, beside pythae's trainer
diagnostics   training on two ranks with the default diagnostics and without
verdict       the tables of docs/verdict.md: false alarms, what is found, the smallest effects; a night, only where named
gpu           a step on a GPU (DCGAN, first stage, R3GAN), beside PyTorch eager and compiled
TEXT
}

names=()
while (($# > 0)); do
  parse_setup_option "$@"
  if ((taken > 0)); then
    shift "$taken"
    continue
  fi
  case "$1" in
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      list
      exit 0
      ;;
    --list) list; exit 0 ;;
    --) shift; break ;;
    *)
      [[ " ${known[*]} " == *" $1 "* ]] || refuse "no benchmark '$1'; there are ${known[*]}"
      names+=("$1")
      shift
      ;;
  esac
done
has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }
if ((${#names[@]} == 0)); then
  for name in "${known[@]}"; do
    if [[ "$name" == verdict ]] || { [[ "$name" == gpu ]] && ! has_gpu; }; then continue; fi
    names+=("$name")
  done
elif [[ " ${names[*]} " == *" gpu "* ]]; then
  has_gpu || refuse "gpu: this machine has no NVIDIA GPU, or no driver for it" "$exit_unavailable"
fi

# Of the flavours only the one with CUDA is a whole Python package.
steps=$((3 + ${#names[@]}))
begin_step "system packages"
setup_packages
begin_step "LibTorch"
setup_libtorch cuda
python="$libtorch_root/../../../../bin/python"
[[ -x "$python" ]] || python=python3
begin_step "building"
if [[ "${names[*]}" != gpu ]]; then build cpu-release allmodes bench_collectives bench_adam bench_loader; fi
if [[ " ${names[*]} " == *" verdict "* ]]; then build cpu-release verdict_bench; fi
if [[ " ${names[*]} " == *" gpu "* ]]; then build gpu-release allmodes; fi
export PYTHONDONTWRITEBYTECODE=1

# fetch FOLDER "PACKAGE..." [PACKAGE...]: from PyPI into a folder of their own, once; the first with what they
# depend on, the others, which would bring a PyTorch of their own, without.
fetch() {
  local folder="$1"
  local -a whole
  read -ra whole <<<"$2"
  shift 2
  [[ ! -f "$folder/.complete" ]] || return 0
  say "fetching ${whole[*]} $* from PyPI into $folder"
  rm -rf "$folder"
  pip_install "$python" --target "$folder" "${whole[@]}" &&
    { (($# == 0)) || pip_install "$python" --target "$folder" --no-deps "$@"; } ||
    refuse "could not fetch ${whole[*]} $*: is PyPI reachable?" "$exit_unavailable"
  touch "$folder/.complete"
}

out="$ALLMODES_ROOT/runs/bench"
mkdir -p "$out"
for name in "${names[@]}"; do
  begin_step "$name"
  arguments=(--json "$out/$name.json")
  program="compare_$name"
  export ALLMODES_BINARY="$ALLMODES_ROOT/build/allmodes"
  # What exported networks are read with.
  if [[ "$name" == gpu || "$name" == first_stage ]]; then
    fetch "$cache/safetensors-1" safetensors
    export PYTHONPATH="$cache/safetensors-1"
  fi
  case "$name" in
    adam | loader) ;;
    gpu)
      export ALLMODES_BINARY="$ALLMODES_ROOT/build-gpu/allmodes"
      arguments+=(--python "$python")
      ;;
    first_stage)
      program=compare_ranks
      arguments+=(--python "$python" first_stage32 first_stage64)
      ;;
    autoencoders)
      fetch "$cache/pythae-0.1.2" "pydantic cloudpickle imageio numpy scikit-learn scipy tqdm" pythae==0.1.2
      arguments+=(--python "$python" --pythae "$cache/pythae-0.1.2")
      ;;
    data)
      fetch "$cache/loaders-1" "numpy pillow pyyaml braceexpand" webdataset torchvision==0.26.0
      arguments+=(--python "$python")
      export PYTHONPATH="$cache/loaders-1"
      ;;
    verdict)
      fetch "$cache/verdict-1" "numpy scikit-learn"
      export PYTHONPATH="$cache/verdict-1"
      program=verdict/tables
      arguments+=(--python "$python")
      ;;
    ranks) arguments+=(--python "$python" ring_gan ring_pacgan dcgan32 vae) ;;
    *) arguments+=(--python "$python") ;;
  esac
  python3 "$ALLMODES_ROOT/tests/bench/$program.py" "${arguments[@]}" "$@"
done
