#!/usr/bin/env bash
# R3GAN: what is annealed goes its way by half a cosine over the samples seen, also across a resume and
# on any number of ranks; the networks give the outputs of the published ones for the same weights.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python3 "$source/tests/end_to_end/make_data.py" data
# 16 steps of 8 samples; the schedules end at the eighth.
small=("$source/configs/fashion_r3gan.txtpb" --quiet --set data.dataset=mnist
  --set data.path=data/mnist --set batch=8 --set gan.generator.width=8 --set gan.generator.widest=16
  --set gan.discriminator.width=8 --set gan.discriminator.widest=16
  --set gan.generator_optimizer.anneal_samples=64 --set gan.discriminator_optimizer.anneal_samples=64
  --set "gan.penalty[0].anneal_samples=64" --set "gan.penalty[1].anneal_samples=64"
  --set gan.augment_samples=64 --set gan.generator_optimizer.ema_half_life=16
  --set diagnostics.samples=64 --set diagnostics.classifier=false --set diagnostics.log_every=1
  --set diagnostics.evaluate_every=100 --set images.every=0 --set checkpoints.every=0
  --set checkpoints.keep=5)

expect 0 on_ranks 2 train "${small[@]}" --out whole --steps 16
expect 0 on_ranks 2 train "${small[@]}" --out halves --steps 5
expect 0 on_ranks 2 train "${small[@]}" --out halves --steps 16 --resume auto
same_state 16 whole/00000-fashion_r3gan halves/00000-fashion_r3gan

shards=(--set deterministic_shards=4)
for ranks in 1 2 4; do
  expect 0 on_ranks "$ranks" train "${small[@]}" "${shards[@]}" --out "shards-$ranks" --steps 16
  same_state 16 shards-1/00000-fashion_r3gan "shards-$ranks/00000-fashion_r3gan"
done

python3 - <<'PYTHON'
import json, math

with open("whole/00000-fashion_r3gan/records.jsonl") as file:
    rates = [r["learning_rate_generator"] for r in map(json.loads, file) if r["record"] == "train"]
assert len(rates) == 16, rates
for step, rate in enumerate(rates):
    passed = min(1, 8 * step / 64)
    wanted = 5e-4 + (1e-4 - 5e-4) * (1 - math.cos(math.pi * passed)) / 2
    assert abs(rate - wanted) < 1e-9, (step, rate, wanted)
PYTHON

# A schedule without a way, or with two, is refused.
expect 78 "$program" train "${small[@]}" --dry-run --set gan.generator_optimizer.anneal_samples=0
says err "anneal_samples"
expect 78 "$program" train "${small[@]}" --dry-run --set gan.generator_optimizer.decay=cosine
says err "one schedule"
expect 78 "$program" train "${small[@]}" --dry-run --set gan.augment=
says err "nothing is augmented"

python="${ALLMODES_REFERENCE_PYTHON:-}"
if [[ -z "$python" ]] || ! "$python" -c "import safetensors, torch" 2>/dev/null; then
  echo "not compared with the published networks: no Python with safetensors and torch"
  exit 0
fi
reference() { expect 0 "$python" "$source/tests/reference/compare_r3gan.py" "$@"; }

expect 0 "$program" export whole/00000-fashion_r3gan --out exports/grey
short=(--quiet --steps 3 --set batch=4 --set diagnostics.evaluate_every=100 --set images.every=0
  --set diagnostics.samples=64 --set diagnostics.classifier=false)
expect 0 "$program" train "$source/configs/r3gan_cifar10.txtpb" "${short[@]}" --out conditional \
  --set data.path=data/cifar10 --set gan.generator.width=24 --set gan.discriminator.width=16
expect 0 "$program" export conditional/* --out exports/conditional
expect 0 "$program" train "$source/configs/r3gan_ffhq64.txtpb" "${short[@]}" --out large \
  --set data.path=data/images --set gan.generator.width=8 --set gan.generator.widest=32 \
  --set gan.discriminator.width=16 --set gan.discriminator.widest=24
expect 0 "$program" export large/* --out exports/large
reference exports/*
cat "$work/out"

# The published settings are accepted as they are.
for name in r3gan_cifar10 r3gan_ffhq64 r3gan_imagenet32; do
  data=data/images
  [[ $name != r3gan_cifar10 ]] || data=data/cifar10
  expect 0 "$program" train "$source/configs/$name.txtpb" --dry-run --set data.path="$data"
done
