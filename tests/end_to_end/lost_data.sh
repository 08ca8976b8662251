#!/usr/bin/env bash
# A data file that is mapped into memory and is cut short while a run reads it: the run ends with 74 and
# names the file, on one rank and on two, and goes on once the file is what it was.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python_with_arrays <<'PYTHON'
import random
from array_file import write_array

random.seed(1)
write_array("whole.npy", "|u1", (4000, 8, 8), bytes(random.randrange(256) for _ in range(4000 * 64)))
PYTHON
cat >ring.txtpb <<'CONFIG'
name: "ring"
batch: 64
steps: 100000
data { dataset: "npy" path: "samples.npy" memory_map: true }
gan {
  latent { dimension: 4 }
  generator { width: 16 depth: 1 }
  discriminator { width: 16 depth: 1 }
}
diagnostics { log_every: 100 evaluate_every: 1000000 samples: 64 calibration_draws: 50 classifier: false }
checkpoints { every: 50 }
images { every: 0 count: 4 }
CONFIG
export ALLMODES_CACHE="$work/cache"

for count in 1 2; do
  rm -rf runs
  cp whole.npy samples.npy
  if ((count == 1)); then
    "$program" train ring.txtpb --quiet --out runs >out 2>err &
  else
    mpirun -np 2 "${mpirun_options[@]}" "$program" train ring.txtpb --quiet --out runs >out 2>err &
  fi
  job=$!
  await_checkpoint
  truncate -s 128 samples.npy
  end_of_job
  ((status == 74)) || { cat err; fail "$count ranks: exit status $status instead of 74"; }
  says err "allmodes: error.*: reading '$work/samples.npy' failed: it was cut short while it was in use"
  step="$(ls runs/00000-ring/checkpoints | sed -n 's/^step-0*//p' | tail -n 1)"
  expect 65 on_ranks "$count" train ring.txtpb --quiet --out runs --resume auto
  cp whole.npy samples.npy
  expect 0 on_ranks "$count" train ring.txtpb --quiet --out runs --resume auto --steps $((step + 10))
done
echo "the file that was lost is named"
