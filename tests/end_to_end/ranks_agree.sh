#!/usr/bin/env bash
# The result does not depend on the number of ranks: on 1, 2 and 4 the losses of the first 20 steps
# are equal to 1e-4, and so are the figures of the untrained model: counts exactly, reals to 1e-5.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_vae vae.txtpb
for ranks in 1 2 4; do
  expect 0 on_ranks "$ranks" train "$source/configs/ring_gan.txtpb" --steps 300 --quiet \
    --set diagnostics.log_every=1 --set diagnostics.evaluate_every=300 --out "$ranks"
  expect 0 on_ranks "$ranks" train vae.txtpb --steps 30 --quiet --out "$ranks"
done

python3 - <<'PYTHON'
import json, sys

TIMES = ("_s", "_ms", "_per_second", "seconds")


def records(ranks, name):
    with open(f"{ranks}/{name}/records.jsonl") as file:
        return [json.loads(line) for line in file]


def compare(what, a, b, tolerance):
    if isinstance(a, list):
        assert len(a) == len(b), f"{what}: {a} against {b}"
        for i, pair in enumerate(zip(a, b)):
            compare(f"{what}[{i}]", *pair, tolerance)
    elif isinstance(a, float) or isinstance(b, float):
        assert abs(a - b) <= tolerance * max(1e-3, abs(a), abs(b)), f"{what}: {a} against {b}"
    else:
        assert a == b, f"{what}: {a!r} against {b!r}"


for name, last in (("00000-ring_gan", 300), ("00001-ring_vae", 30)):
    alone = records(1, name)
    trains = [r for r in alone if r["record"] == "train"]
    assert [r["step"] for r in trains] == list(range(1, last + 1)), "not every step was logged"
    for ranks in (2, 4):
        others = records(ranks, name)
        for a, b in zip(trains, [r for r in others if r["record"] == "train"]):
            assert (a["step"], a["samples"]) == (b["step"], b["samples"])
            losses = [key for key in a if key.startswith("loss_")]
            assert losses, "no losses in the train record"
            for key in losses if a["step"] <= 20 else []:
                compare(f"{name}, {ranks} ranks, step {a['step']}, {key}", a[key], b[key], 1e-4)
        first, other = (next(r for r in run if r["record"] == "evaluation")
                        for run in (alone, others))
        assert first["step"] == other["step"] == 0 and first.keys() == other.keys()
        for key in first:
            if not key.endswith(TIMES) and not key.startswith("evaluation_s"):
                compare(f"{name}, {ranks} ranks, untrained, {key}", first[key], other[key], 1e-5)
print("1, 2 and 4 ranks agree")
PYTHON
