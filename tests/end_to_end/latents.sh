#!/usr/bin/env bash
# `sample --save-latents` writes what the samples were made from, and `--latents` makes the same of
# it; rows of another length are refused.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

expect 0 "$program" train "$source/configs/ring_gan.txtpb" --quiet --out runs --steps 3
run=runs/00000-ring_gan
expect 0 "$program" sample "$run" --count 300 --seed 7 --out drawn.npy --save-latents latents.npy
expect 0 "$program" sample "$run" --out decoded.npy --latents latents.npy
cmp drawn.npy decoded.npy || fail "the same latents make other samples"
expect 0 "$program" sample "$run" --count 300 --seed 8 --out others.npy
if cmp -s drawn.npy others.npy; then fail "another seed has the same samples"; fi
expect 65 "$program" sample "$run" --out x.npy --latents drawn.npy
says err "latent has 64"
[[ ! -e x.npy ]] || fail "a refused command wrote a file"
expect 66 "$program" sample "$run" --out x.npy --latents nowhere.npy
