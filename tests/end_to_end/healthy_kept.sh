#!/usr/bin/env bash
# A model that was good and collapses later does not take the good one with it: in the default mode
# too the newest checkpoint that was judged healthy stays, whatever checkpoints.keep says; and only
# one that was judged at its own step counts (evaluations each 60 steps, checkpoints each 40).
#
# The columns have variances 16, 8 and 0.01: a dimension is used where that exceeds beta (Lucas et
# al., arXiv 1911.02469), two of them at first, none in the end.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python_with_arrays <<'PYTHON'
import random
from array_file import write_array

random.seed(1)
deviations = [4, 2.83, 0.1, 0.1, 0.1, 0.1]
write_array("rows.npy", "<f4", (2000, 6), [random.gauss(0, d) for _ in range(2000) for d in deviations])
PYTHON
cat >vae.txtpb <<'CONFIG'
name: "vae"
batch: 64
steps: 480
data { dataset: "npy" path: "rows.npy" }
vae {
  latent { dimension: 3 }
  encoder { layers { linear { units: 6 } } }
  decoder { layers { linear { units: 6 } } }
  optimizer { learning_rate: 1e-2 }
  likelihood: "gaussian"
  variance: 1
  beta: 1
}
diagnostics { log_every: 7 evaluate_every: 60 samples: 400 calibration_draws: 50 }
checkpoints { every: 40 keep: 1 }
images { every: 0 count: 16 }
CONFIG

expect 0 "$program" train vae.txtpb --out runs --quiet
says out 'verdict at step 480: healthy'
expect 0 "$program" train vae.txtpb --out runs --quiet --resume auto --steps 960 --set vae.beta=1e5
says out 'collapsed: posterior_collapse'
says err 'vae\.beta: 1 -> 100000'
left="$(ls runs/00000-vae/checkpoints | tr '\n' ' ')"
[[ "$left" == "step-00000480 step-00000960 " ]] || fail "left are $left"
expect 0 "$program" sample runs/00000-vae/checkpoints/step-00000480 --out good.npy --count 600
head -c 128 good.npy | grep -aq "(600, 6,)" || fail "samples of another shape: $(head -c 128 good.npy)"
# Without the training data.
mv rows.npy away.npy
expect 0 "$program" sample runs/00000-vae/checkpoints/step-00000480 --out again.npy --count 600
cmp good.npy again.npy || fail "the samples differ without the data"
expect 0 "$program" export runs/00000-vae/checkpoints/step-00000480 --out weights
echo "the healthy checkpoint is kept"
