#!/usr/bin/env bash
# `sample --save-latents` writes what the samples were made from, and `--latents` makes the same of
# it; rows of another length are refused.
# processors: 1
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

# Many samples take no more memory than few: they are drawn some at a time. Drawn together, each
# layer of 128 would take 100 MB here.
python3 - "$program" "$run" <<'PYTHON'
import os, sys

def peak_of(count):
    child = os.spawnlp(os.P_NOWAIT, sys.argv[1], "allmodes", "sample", sys.argv[2], "--count",
                       str(count), "--out", "many.npy")
    _, status, usage = os.wait4(child, 0)
    assert status == 0, status
    return usage.ru_maxrss / 1024

few, many = peak_of(1000), peak_of(200_000)
assert many < few + 30, f"{few:.0f} MiB for 1000 samples, {many:.0f} MiB for 200,000"
PYTHON
echo "latents make the samples that were made from them"
