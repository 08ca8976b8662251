#!/usr/bin/env bash
# N steps equal N/2, a new start, and N/2 bit for bit; and a checkpoint of 2 ranks continues on 1
# and 4.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan gan.txtpb
write_ring_vae vae.txtpb

for ranks in 1 2; do
  # The GAN: stopped by its number of steps, batch norm and gradient clipping on.
  expect 0 on_ranks "$ranks" train gan.txtpb --quiet --out "whole-$ranks"
  expect 0 on_ranks "$ranks" train gan.txtpb --quiet --out "halves-$ranks" --steps 30
  expect 0 on_ranks "$ranks" train gan.txtpb --quiet --out "halves-$ranks" --resume auto
  same_state 60 "whole-$ranks/00000-ring" "halves-$ranks/00000-ring"
done

# The VAE: as if killed after its first checkpoint. Its learning rate decays with the steps to come.
expect 0 on_ranks 2 train vae.txtpb --quiet --out whole-2
for ranks in 2 1 4; do
  mkdir "vae-$ranks"
  cp -r whole-2/00001-ring_vae "vae-$ranks/00000-ring_vae"
  rm -r "vae-$ranks/00000-ring_vae/checkpoints/step-00000060"
  expect 0 on_ranks "$ranks" train vae.txtpb --quiet --out "vae-$ranks" --resume auto
done
same_state 60 whole-2/00001-ring_vae vae-2/00000-ring_vae

# By its path, on another number of ranks: the run continues in its own folder. Batch norm sees other
# neighbours there, so no figure is compared.
cp -r halves-2 path
expect 0 on_ranks 4 train gan.txtpb --quiet --out elsewhere \
  --resume path/00000-ring/checkpoints/step-00000030
[[ ! -e elsewhere ]] || fail "--resume PATH made another run folder"

python3 - <<'PYTHON'
import json

STATED = ("step", "state", "kind", "reason")


def records(folder, kind):
    with open(f"{folder}/records.jsonl") as file:
        return [r for r in map(json.loads, file) if r["record"] == kind]


def same_story(a, b):
    """Losses and verdicts of two runs are the same text, resumed or not."""
    for key in records(a, "train")[0]:
        if key.startswith("loss_"):
            x, y = ([(r["step"], r[key]) for r in records(f, "train")] for f in (a, b))
            first = next((pair for pair in zip(x, y) if pair[0] != pair[1]), None)
            assert x == y, f"{key} of {a} and {b}: {len(x)} and {len(y)} records, first {first}"
    x, y = ([[r[key] for key in STATED] for r in records(f, "verdict")] for f in (a, b))
    assert x == y and x, f"verdicts of {a} and {b} differ: {x} {y}"


for ranks in (1, 2):
    same_story(f"whole-{ranks}/00000-ring", f"halves-{ranks}/00000-ring")
same_story("whole-2/00001-ring_vae", "vae-2/00000-ring_vae")
for ranks in (1, 4):
    whole = records("whole-2/00001-ring_vae", "train")
    for a, b in zip(whole, records(f"vae-{ranks}/00000-ring_vae", "train")):
        assert a["step"] == b["step"]
        for key in ("loss_reconstruction", "loss_kl"):
            error = abs(a[key] - b[key]) / max(1e-3, abs(a[key]))
            assert error < 1e-3, f"{ranks} ranks, step {a['step']}: {key} is off by {error}"
PYTHON
echo "resumed runs equal whole ones"
