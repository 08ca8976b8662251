#!/usr/bin/env bash
# The perceptual distance of a first stage is that of the PyPI package lpips, on the same weights, and so
# is its gradient; a run trains with it; weights that are not those of its network are refused.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python="${ALLMODES_REFERENCE_PYTHON:-}"
if [[ -z "$python" ]] || ! "$python" -c "import numpy, safetensors, scipy, torch" 2>/dev/null; then
  echo "skipped: ALLMODES_REFERENCE_PYTHON names no Python with numpy, safetensors, scipy and torch"
  exit 77
fi
if ! "$python" -m pip install --quiet --disable-pip-version-check --target packages --no-deps \
  lpips==0.1.4 tqdm torchvision==0.26.0 >pip.log 2>&1; then
  echo "skipped: lpips and torchvision cannot be fetched from PyPI: $(tail -n 1 pip.log)"
  exit 77
fi
rank_tests="$(dirname "$program")/tests/rank_tests"
if [[ ! -x "$rank_tests" ]]; then
  echo "skipped: no $rank_tests"
  exit 77
fi

expect 0 env PYTHONPATH="$work/packages" PYTHONDONTWRITEBYTECODE=1 \
  "$python" -W ignore "$source/tests/reference/make_lpips.py" packages/lpips weights
cat "$work/out"
ALLMODES_LPIPS_REFERENCE="$work/weights" expect 0 "$rank_tests" --gtest_filter='Lpips.*'
says out "PASSED.*3 tests"

# The linear layers as a user makes a file of them.
expect 0 python3 "$source/launch/to_safetensors.py" packages/lpips/weights/v0.1/vgg.pth mine.safetensors
cp mine.safetensors weights/lpips.safetensors

python3 "$source/tests/end_to_end/make_data.py" data
small=("$source/configs/first_stage_kl.txtpb" --quiet --steps 2 --set data.dataset=mnist
  --set data.path=data/mnist --set first_stage.encoder.width=4 --set first_stage.decoder.width=4
  --set batch=4 --set diagnostics.samples=16 --set diagnostics.classifier=false
  --set diagnostics.log_every=1 --set images.every=0 --set first_stage.perceptual=lpips)
expect 0 on_ranks 2 train "${small[@]}" --set first_stage.perceptual_path=weights --out runs
says runs/00000-first_stage_kl/records.jsonl '"perceptual_distance":[0-9.e-]+'

# A run whose weights have gone can be looked at, but not trained.
mv weights gone
expect 0 "$program" export runs/00000-first_stage_kl --out exported
expect 66 "$program" train "${small[@]}" --set first_stage.perceptual_path=weights --out other
says err "vgg16.safetensors"
mkdir weights
cp gone/lpips.safetensors weights/vgg16.safetensors
expect 78 "$program" train "${small[@]}" --set first_stage.perceptual_path=weights --dry-run
says err "features.0.weight"
