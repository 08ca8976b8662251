#!/usr/bin/env bash
# The perceptual distance of a first stage is that of the PyPI package lpips, on the same weights, and so
# is its gradient; a run trains with it, and records that of its reconstructions of held-out pictures;
# weights that are not those of its network are refused.
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
  --set batch=4 --set diagnostics.samples=128 --set diagnostics.classifier=false
  --set diagnostics.log_every=1 --set images.every=0 --set first_stage.perceptual=lpips)
expect 0 on_ranks 2 train "${small[@]}" --set first_stage.perceptual_path=weights --out runs
says runs/00000-first_stage_kl/records.jsonl '"perceptual_distance":[0-9.e-]+'

# The package's distance of all held-out pictures from what the exported networks make of them.
expect 0 "$program" export runs/00000-first_stage_kl --out exported
PYTHONPATH="$work/packages:$work/exported:$source/tests/reference" PYTHONDONTWRITEBYTECODE=1 "$python" -W ignore - <<'PYTHON'
import gzip, json, pathlib
import numpy, torch
from safetensors.torch import load_file
import make_lpips, model

judge, convolutions = make_lpips.judge_of_package()
trunk = load_file("weights/vgg16.safetensors")
for name, layer in convolutions.items():
    layer.weight.data, layer.bias.data = (trunk[f"{name}.{of}"] for of in ("weight", "bias"))
with gzip.open("data/mnist/t10k-images-idx3-ubyte.gz") as file:
    pixels = numpy.frombuffer(file.read()[16:], numpy.uint8).reshape(-1, 1, 28, 28)
pictures = torch.from_numpy(pixels.astype(numpy.float32)) / 127.5 - 1
encoder, decoder = (model.load(f"exported/{name}.json", "cpu").eval() for name in ("encoder", "decoder"))
with torch.no_grad():
    mean = encoder(pictures).chunk(2, 1)[0]
    made = decoder(mean)
    wanted = float(judge(made.expand(-1, 3, -1, -1), pictures.expand(-1, 3, -1, -1)).mean())
records = pathlib.Path("runs/00000-first_stage_kl/records.jsonl").read_text().splitlines()
found = [r for r in map(json.loads, records) if r["record"] == "evaluation"][-1]["reconstruction_perceptual"]
print(f"reconstruction_perceptual: {found:.6f}, of the package: {wanted:.6f}")
assert abs(found / wanted - 1) < 1e-4
PYTHON

# Measured, and no part of the loss.
expect 0 "$program" train "${small[@]}" --set first_stage.perceptual_path=weights \
  --set first_stage.perceptual_weight=0 --out measured
says measured/00000-first_stage_kl/records.jsonl '"reconstruction_perceptual":[0-9.e-]+'
if grep -q '"perceptual_distance"' measured/00000-first_stage_kl/records.jsonl; then
  fail "a distance of weight 0 was computed in a step"
fi

# A run whose weights have gone can be looked at, but not trained.
mv weights gone
expect 0 "$program" export runs/00000-first_stage_kl --out exported-later
expect 3 "$program" diagnose --run runs/00000-first_stage_kl
says err "reconstruction_perceptual is not measured: .*vgg16.safetensors"
expect 66 "$program" train "${small[@]}" --set first_stage.perceptual_path=weights --out other
says err "vgg16.safetensors"
mkdir weights
cp gone/lpips.safetensors weights/vgg16.safetensors
expect 78 "$program" train "${small[@]}" --set first_stage.perceptual_path=weights --dry-run
says err "features.0.weight"
