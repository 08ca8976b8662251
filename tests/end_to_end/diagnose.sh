#!/usr/bin/env bash
# Diagnoses of samples with known faults, alone and on two ranks, and of files that are none.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python3 - <<'PYTHON'
import random, struct

def npy(path, descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)

def points(path, seed, classes, copies=False):
    """1000 points in 4 dimensions in groups at the corners of a hypercube."""
    rng = random.Random(seed)
    rows = []
    for i in range(1000):
        label = classes[i % len(classes)]
        rows.append([4 * ((label >> bit) & 1) + rng.gauss(0, 0.5) for bit in range(4)])
    if copies:
        rows = [rows[0]] * 1000
    values = [x for row in rows for x in row]
    npy(path, "<f4", (1000, 4), struct.pack(f"<{len(values)}f", *values))

every = list(range(10))
points("reals.npy", 1, every)
npy("labels.npy", "|u1", "(1000,)", bytes(i % 10 for i in range(1000)))
points("good.npy", 2, every)
points("dropped.npy", 3, [label for label in every if label != 7])
points("copies.npy", 4, every, copies=True)
npy("narrow.npy", "<f4", (1000, 3), bytes(12000))
npy("few.npy", "<f4", (4, 4), bytes(64))
npy("broken.npy", "<f4", (2, 2), struct.pack("<4f", 0, 1, float("nan"), 0))
rng = random.Random(5)
mean = [rng.gauss(0, 1) if i % 2 == 0 else 0.0 for i in range(1000)]
npy("mean.npy", "<f4", (500, 2), struct.pack("<1000f", *mean))
npy("log_variance.npy", "<f4", (500, 2),
    struct.pack("<1000f", *(-3.0 if i % 2 == 0 else 0.0 for i in range(1000))))
npy("silent.npy", "<f4", (500, 2), bytes(4000))
PYTHON

expect 0 "$program" diagnose --real reals.npy --fake good.npy --labels labels.npy --out alone
says out '^verdict: healthy'
says out '^N = 1000, features: pixels'
expect 0 on_ranks 2 diagnose --real reals.npy --fake good.npy --labels labels.npy --out ranks
python3 - <<'PYTHON'
import json
alone, ranks = (json.load(open(f"{name}/diagnosis.json")) for name in ("alone", "ranks"))
assert alone["state"] == "healthy" and alone["kind"] == "none", alone
for name, value in alone.items():
    if name == "neighborhood_cpu_s":
        continue
    if isinstance(value, float):
        assert abs(value - ranks[name]) <= 1e-9 * max(1, abs(value)), (name, value, ranks[name])
    else:
        assert value == ranks[name], name
for name in ("precision", "recall", "density", "coverage", "vendi", "frechet_distance", "kid",
             "kl_reverse", "kl_forward", "reason"):
    assert name in alone, name
PYTHON
[[ -s alone/modes.png ]] || fail "no picture of the modes"

# The missing class is named where there are labels, and seen where there are none.
expect 3 "$program" diagnose --real reals.npy --fake dropped.npy --labels labels.npy --out lost
says out '^verdict: collapsed: mode_dropping, 1 of 10 classes missing \(7\)'
expect 3 "$program" diagnose --real reals.npy --fake dropped.npy
says out '^verdict: collapsed: mode_dropping, about [0-9]+ % of the data is not reached'
expect 3 "$program" diagnose --real reals.npy --fake copies.npy
says out '^verdict: collapsed: duplicates, 1000 of 1000 samples equal another one'

expect 0 "$program" diagnose --posterior mean.npy log_variance.npy
says out 'active_units +1 +of 2'
expect 3 "$program" diagnose --posterior silent.npy silent.npy
says out '^verdict: collapsed: posterior_collapse'

# Images: idx, principal components and random convolutions.
python3 "$source/tests/end_to_end/make_data.py" data
for features in pca random_conv pixels; do
  expect 0 "$program" diagnose --real data/mnist/train-images-idx3-ubyte.gz --samples 500 \
    --labels data/mnist/train-labels-idx1-ubyte.gz --features "$features" \
    --fake data/mnist/train-images-idx3-ubyte.gz --out images
  says out "features: $features"
done
[[ -s images/nearest.png ]] || fail "no picture of the nearest pairs"

# What is no data, or does not fit, is refused with its place.
expect 65 "$program" diagnose --real reals.npy --fake narrow.npy
says err 'narrow\.npy holds points in 3 dimensions'
expect 65 "$program" diagnose --real few.npy --fake reals.npy
says err 'few\.npy: 4 samples'
expect 65 "$program" diagnose --real reals.npy --fake broken.npy
says err 'broken\.npy, byte [0-9]+'
head -c 1000 reals.npy >short.npy
expect 65 "$program" diagnose --real reals.npy --fake short.npy
says err 'short\.npy, byte [0-9]+'
echo "not a tensor" >text.safetensors
expect 65 "$program" diagnose --real reals.npy --fake text.safetensors
says err 'text\.safetensors'
expect 65 "$program" diagnose --real reals.npy --fake data/mnist/train-images-idx3-ubyte.gz
expect 66 "$program" diagnose --real reals.npy --fake nowhere.npy
expect 64 "$program" diagnose --real reals.npy
expect 64 "$program" diagnose --real reals.npy --fake good.npy --features random_conv
expect 64 "$program" diagnose --real reals.npy --fake good.npy --features inception
expect 73 "$program" diagnose --real reals.npy --fake good.npy --out reals.npy/folder
echo "diagnoses name what is wrong"
