#!/usr/bin/env bash
# Every configuration that comes with the program trains two steps and leaves a run with a verdict.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python3 "$source/tests/end_to_end/make_data.py" data
short=(--steps 2 --quiet --set diagnostics.samples=64 --set diagnostics.classifier=false
  --set diagnostics.log_every=2 --set images.count=16
  --on-collapse warn)

count=0
for config in "$source"/configs/*.txtpb; do
  name="$(basename "$config" .txtpb)"
  [[ "$(sed -n 's/^name: "\(.*\)"/\1/p' "$config")" == "$name" ]] ||
    fail "$name.txtpb: its name field is not the file's name"
  overrides=()
  more=()
  case "$(sed -n 's/.*dataset: "\([a-z_]*\)".*/\1/p' "$config")" in
    mnist) overrides=(--set data.path=data/mnist) ;;
    stacked_mnist) overrides=(--set data.path=data/mnist) ;;
    cifar10) overrides=(--set data.path=data/cifar10) ;;
    npy) overrides=(--set data.path=data/points.npy) ;;
    images) overrides=(--set data.path=data/images) ;;
    idx)
      overrides=(--set data.path=data/mnist/train-images-idx3-ubyte.gz
        --set data.labels=data/mnist/train-labels-idx1-ubyte.gz)
      ;;
    fashion_mnist)
      [[ -d /usr/share/datasets/fashion-mnist ]] || overrides=(--set data.path=data/mnist)
      ;;
  esac
  # Whole batches of these networks take seconds a step.
  case "$name" in
    *r3gan* | first_stage_* | stacked_mnist_* | fashion_sn_resnet | own_images_gan_gpu)
      more=(--set batch=16)
      ;;
  esac
  # Networks for GPUs.
  if [[ $name == r3gan_* || $name == own_images_gan_gpu ]]; then
    more+=(--set gan.generator.width=16 --set gan.discriminator.width=16)
    if [[ $name == r3gan_ffhq64 ]]; then
      more+=(--set gan.generator.widest=16 --set gan.discriminator.widest=16)
    fi
  fi
  expect 0 "$program" train "$config" "${short[@]}" "${overrides[@]}" "${more[@]}" --out runs
  [[ -s "runs/00000-$name/verdict.json" || -n "$(ls -d runs/*-"$name"/verdict.json)" ]] ||
    fail "$name left no verdict"
  rm -rf runs
  count=$((count + 1))
done
((count >= 10)) || fail "only $count configurations found in $source/configs"
echo "$count configurations trained"
