#!/usr/bin/env bash
# The Python package beside the program: its own tests; and modules made of exported networks, whose
# outputs are the trainer's for every kind of layer and every architecture that there is.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python="${ALLMODES_REFERENCE_PYTHON:-}"
if [[ -z "$python" ]] || ! "$python" -c "import numpy, pytest, safetensors, torch" 2>/dev/null; then
  echo "skipped: ALLMODES_REFERENCE_PYTHON names no Python with numpy, pytest, safetensors and torch"
  exit 77
fi
export ALLMODES_BINARY="$program" PYTHONPATH="$source/python" PYTHONDONTWRITEBYTECODE=1
expect 0 "$python" -m pytest -q -p no:cacheprovider "$source/python/tests"

python3 "$source/tests/end_to_end/make_data.py" data
short=(--steps 2 --quiet --set diagnostics.evaluate_every=1000 --set images.every=1000
  --set diagnostics.classifier=false --set diagnostics.samples=64)

# exported NAME WORD...: a short run of configs/NAME, exported into exports/NAME.
exported() {
  local name="$1"
  shift
  expect 0 "$program" train "$source/configs/$name.txtpb" "${short[@]}" --out "runs-$name" "$@"
  expect 0 "$program" export "runs-$name"/* --out "exports/$name"
}

digits=(--set data.path=data/mnist --set batch=16)
exported ring_gan
exported custom_layers_gan
exported attention_gan "${digits[@]}"
exported fashion_conditional_gan "${digits[@]}"
exported fashion_sn_resnet "${digits[@]}" --set gan.conditioning=projection
exported fashion_vae "${digits[@]}"
exported vae_learned_variance "${digits[@]}"
exported stacked_mnist_unrolled "${digits[@]}"
exported stacked_mnist_veegan "${digits[@]}"
exported npy_vae --set data.path=data/points.npy
exported fashion_gan "${digits[@]}"
exported ring_gan_r1
exported fashion_r3gan "${digits[@]}" --set gan.conditioning=projection
exported first_stage_kl "${digits[@]}" --set first_stage.encoder.width=32 \
  --set first_stage.decoder.width=32 --set first_stage.discriminator_start=0
exported first_stage_vq "${digits[@]}"
expect 0 "$python" "$source/python/tests/compare_networks.py" exports/*
tail -n 1 "$work/out"

# The same first stage as diffusers has it.
expect 0 "$python" -m allmodes.autoencoder_kl exports/first_stage_kl kl
[[ -s kl/config.json && -s kl/diffusion_pytorch_model.safetensors ]] || fail "no AutoencoderKL"
if "$python" -c "import diffusers" 2>/dev/null; then
  expect 0 "$python" "$source/python/tests/compare_autoencoder_kl.py" exports/first_stage_kl kl
  cat "$work/out"
else
  echo "not compared with diffusers, which this Python does not have"
fi
expect 1 "$python" -m allmodes.autoencoder_kl exports/first_stage_vq vq
says err "quantizer kl"
