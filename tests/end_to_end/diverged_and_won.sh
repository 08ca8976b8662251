#!/usr/bin/env bash
# A column of nanoseconds, whose losses are infinite; discriminators that have won, whose scores are
# no logits.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python_with_arrays <<'PYTHON'
import random
from array_file import write_array
rng = random.Random(1)
rows = [[rng.gauss(0, 1) for _ in range(8)] for _ in range(600)]
for row in rows:
    row[3] = 1.7e18 + 1e15 * rng.gauss(0, 1)
write_array("nano.npy", "<f4", (600, 8), [value for row in rows for value in row])
PYTHON
expect 3 "$program" train "$source/configs/npy_vae.txtpb" --set data.path=nano.npy --steps 400 \
  --set diagnostics.evaluate_every=50 --out nano --quiet
says err 'reconstruction is not finite: .*look at the scale of the data'
says nano/00000-npy_vae/verdict.json '"kind": "divergence"'

for loss in hinge wasserstein least_squares; do
  expect 0 "$program" train "$source/configs/ring_gan.txtpb" --steps 450 \
    --set gan.discriminator_steps=8 --set gan.discriminator_optimizer.learning_rate=5e-3 \
    --set gan.generator_optimizer.learning_rate=1e-9 --set diagnostics.evaluate_every=150 \
    --set gan.loss="$loss" --out "$loss" --quiet
  says "$loss/00000-ring_gan/verdict.json" 'saturation'
done
