#!/usr/bin/env bash
# Diagnoses of samples with known faults, alone and on two ranks, and of files that are none.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python_with_arrays <<'PYTHON'
import random
from array_file import write_array

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
    write_array(path, "<f4", (1000, 4), values)

every = list(range(10))
points("reals.npy", 1, every)
write_array("labels.npy", "|u1", (1000,), bytes(i % 10 for i in range(1000)))
points("good.npy", 2, every)
points("dropped.npy", 3, [label for label in every if label != 7])
points("copies.npy", 4, every, copies=True)
write_array("narrow.npy", "<f4", (1000, 3), bytes(12000))
rng = random.Random(6)
write_array("doubled.npy", "<f4", (500, 3), 2 * [rng.gauss(0, 1) for _ in range(750)])
write_array("single.npy", "<f4", (500, 3), [rng.gauss(0, 1) for _ in range(1500)])
write_array("four.npy", "<f4", (4, 4), bytes(64))
write_array("broken.npy", "<f4", (2, 2), [0, 1, float("nan"), 0])
rng = random.Random(5)
mean = [rng.gauss(0, 1) if i % 2 == 0 else 0.0 for i in range(1000)]
write_array("mean.npy", "<f4", (500, 2), mean)
write_array("log_variance.npy", "<f4", (500, 2), [-3.0 if i % 2 == 0 else 0.0 for i in range(1000)])
write_array("silent.npy", "<f4", (500, 2), bytes(4000))
PYTHON

expect 0 "$program" diagnose --real reals.npy --fake good.npy --labels labels.npy --out alone
says out '^verdict: healthy'
says out '^N = 1000, features: pixels'
# What is odd about the data is said once, whatever the verdict is.
expect 0 on_ranks 2 diagnose --real narrow.npy --fake narrow.npy
says err 'all 1000 reals are equal: the data are one point'
"$program" diagnose --real doubled.npy --fake single.npy >out 2>err || true
says err '500 of 500 reals equal another one, 0 of 500 fakes do'
expect 0 on_ranks 2 diagnose --real reals.npy --fake good.npy --labels labels.npy --out ranks
python3 - <<'PYTHON'
import json
alone, ranks = (json.load(open(f"{name}/diagnosis.json")) for name in ("alone", "ranks"))
assert alone["state"] == "healthy" and alone["kind"] == "none", alone
def same(a, b, name):
    if isinstance(a, float):
        assert abs(a - b) <= 1e-9 * max(1, abs(a)), (name, a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), name
        for key in a:
            same(a[key], b[key], f"{name}.{key}")
    else:
        assert a == b, (name, a, b)
del alone["neighborhood_cpu_s"], ranks["neighborhood_cpu_s"]
same(alone, ranks, "diagnosis")
for name in ("precision", "recall", "density", "coverage", "vendi", "frechet_distance", "kernel_distance",
             "kl_reverse", "kl_forward", "reason"):
    assert name in alone, name
PYTHON
[[ -s alone/modes.png ]] || fail "no picture of the modes"
[[ -s alone/scores.png ]] || fail "no picture of the scores"

# Every figure of the table has an interval and says how it was found.
python3 - <<'PYTHON'
import json
found = json.load(open("alone/diagnosis.json"))
for name in ("precision", "recall", "density", "coverage", "near_reals", "near_fakes", "local_loss", "invented",
             "vendi", "vendi_real", "diversity", "frechet_distance", "frechet_distance_limit", "kernel_distance", "ndb",
             "ndb_corrected", "jsd", "copies", "kl_reverse", "kl_forward", "class_accuracy_of_reals"):
    interval = found["intervals_99"][name]
    assert interval["low"] <= found[name] <= interval["high"] and interval["method"], (name, interval)
assert found["class_accuracy_of_reals"] > 0.95, found["class_accuracy_of_reals"]
PYTHON
says_unwrapped out 'a loss of [0-9.]+ % of the data or more would have been found \(99 %'

# Training data handed back, beside held-out data; labels that are ignored; files that are none.
expect 0 "$program" diagnose --real reals.npy --train dropped.npy --fake good.npy --out beside
python3 -c 'import json; f = json.load(open("beside/diagnosis.json")); assert f["learnt_by_heart"] < 0.02, f'
expect 2 "$program" diagnose --real reals.npy --train good.npy --fake good.npy
says out '^verdict: at_risk: memorized, [0-9.]+ % of the samples are learnt by heart'
expect 65 "$program" diagnose --real reals.npy --train reals.npy --fake good.npy
says err 'are also in reals.npy: data that the model was not trained on were expected'
expect 0 "$program" diagnose --real reals.npy --labels labels.npy --fake good.npy --fake-labels labels.npy
says out 'asked_class +1 '
python3 -c 'import pathlib; b = pathlib.Path("labels.npy").read_bytes(); \
pathlib.Path("turned.npy").write_bytes(b[:-1000] + b[-997:] + b[-1000:-997])'
expect 2 "$program" diagnose --real reals.npy --labels labels.npy --fake good.npy --fake-labels turned.npy \
  --out ignored
says ignored/diagnosis.json '"kind": "label_ignored"'

# The missing class is named where there are labels, and seen where there are none.
expect 3 "$program" diagnose --real reals.npy --fake dropped.npy --labels labels.npy --out lost
says lost/report.html '<strong>.*collapsed: mode dropping'
says lost/report.html '<tr class="lost">.*missing'
says lost/report.html 'alt="Samples of each class" src="data:image/png;base64,'
says out '^verdict: collapsed: mode_dropping, 1 of 10 classes missing \(7\)'
expect 3 "$program" diagnose --real reals.npy --fake dropped.npy --out parts
# Without labels the part that is missing has numbers of its reals, which are of the group that is not made.
python3 - <<'PYTHON'
import json
parts = json.load(open("parts/diagnosis.json"))["parts"]
assert parts and all(len(part["reals"]) == 12 for part in parts), parts
assert all(number % 10 == 7 for number in parts[0]["reals"]), parts[0]
PYTHON
says_unwrapped out '^verdict: collapsed: mode_dropping, samples lack [0-9.]+ % of the data, [0-9.]+ % at least: part [0-9]+'
expect 3 "$program" diagnose --real reals.npy --fake copies.npy
says out '^verdict: collapsed: duplicates, 1000 of 1000 samples equal another one'

expect 0 "$program" diagnose --posterior mean.npy log_variance.npy
says out 'active_units +1 +1 to 1 j +of 2 dimensions'
says out 'intervals: j jackknife'
expect 3 "$program" diagnose --posterior silent.npy silent.npy
says out '^verdict: collapsed: posterior_collapse'

# Images: idx, principal components and random convolutions.
python3 "$source/tests/end_to_end/make_data.py" data
for features in pca random_conv pixels; do
  # The data handed back are samples learnt by heart.
  expect 2 "$program" diagnose --real data/mnist/train-images-idx3-ubyte.gz --samples 500 \
    --labels data/mnist/train-labels-idx1-ubyte.gz --features "$features" \
    --fake data/mnist/train-images-idx3-ubyte.gz --out images
  says out "features: $features"
  says out '^verdict: at_risk: memorized'
  says images/diagnosis.json '500 of 500 samples equal a real to the last bit'
done
[[ -s images/nearest.png ]] || fail "no picture of the nearest pairs"

# The classifier's features, trained on the labelled reals and kept; without labels it cannot be had.
export ALLMODES_CACHE="$work/cache"
images=(--real data/mnist/train-images-idx3-ubyte.gz --fake data/mnist/t10k-images-idx3-ubyte.gz)
classes=(--labels data/mnist/train-labels-idx1-ubyte.gz --features classifier)
expect 2 on_ranks 2 diagnose "${images[@]}" "${classes[@]}" --out ranks
says out '^N = 128 samples beside 512 reals, features: classifier \(128 numbers\)'
says out '^verdict: at_risk: too_few_samples'
says err 'classifier: [0-9.]+ % of its training images right'
[[ -n "$(echo cache/classifiers/*.safetensors)" ]] || fail "the classifier is not kept"
expect 2 "$program" diagnose "${images[@]}" "${classes[@]}" --out alone
python3 - <<'PYTHON'
import json
alone, ranks = (json.load(open(f"{name}/diagnosis.json")) for name in ("alone", "ranks"))
for name in ("precision", "recall", "density", "coverage", "histogram", "state"):
    assert alone[name] == ranks[name], (name, alone[name], ranks[name])
PYTHON
grep -q 'training a classifier' err && fail "the kept classifier is not used"
expect 64 "$program" diagnose "${images[@]}" --features classifier
says err 'classifier features need labels of the real images.*give --labels FILE'
expect 64 "$program" diagnose --real reals.npy --fake good.npy --labels labels.npy \
  --features classifier
says err 'classifier features are of images, and these are points'

# A class that is left out: what it looks like.
python3 - <<'PYTHON'
import gzip, struct
with gzip.open("data/mnist/train-images-idx3-ubyte.gz") as images:
    pixels = images.read()[16:]
with gzip.open("data/mnist/train-labels-idx1-ubyte.gz") as labels:
    classes = labels.read()[8:]
kept = [pixels[784 * i:784 * (i + 1)] for i, label in enumerate(classes) if label != 3]
with open("no_threes.idx", "wb") as file:
    file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, len(kept), 28, 28) + b"".join(kept))
PYTHON
expect 3 "$program" diagnose --real data/mnist/train-images-idx3-ubyte.gz --fake no_threes.idx \
  "${classes[@]}" --out lost_class
says out 'mode_dropping, 1 of 10 classes missing \(3\)'
[[ -s lost_class/missing.png ]] || fail "no picture of what is missing"
[[ ! -e alone/missing.png ]] || fail "a picture of what is missing where nothing is"

# The same features while training; what data do not have is refused before it.
cat >images.txtpb <<'CONFIG'
name: "images"
batch: 32
steps: 4
data { dataset: "mnist" path: "data/mnist" }
vae {
  conditional: true
  latent { dimension: 4 }
  encoder { width: 32 depth: 1 }
  decoder { width: 32 depth: 1 }
  likelihood: "bernoulli"
}
diagnostics { evaluate_every: 4 samples: 64 calibration_draws: 50 sample_metrics: "classifier" }
CONFIG
expect 0 on_ranks 2 train images.txtpb --out conditional --quiet
python3 - <<'PYTHON'
import json
records = [json.loads(line) for line in open("conditional/00000-images/records.jsonl")]
said = [r for r in records if r["record"] == "evaluation"][-1]
assert said["sample_features"] == "classifier (128 numbers)" and said["sample_count"] == 64, said
assert 0 <= said["coverage"] <= 1 and said["copies"] == 0, said
assert sum(said["class_samples"]) == 64 and len(said["class_spread"]) == 10, said
assert all(0 <= share <= 1 for share in said["class_accuracy"] if share is not None), said
PYTHON
write_ring_gan gan.txtpb
expect 78 "$program" validate gan.txtpb --set diagnostics.sample_metrics=classifier
says err 'diagnostics.sample_metrics: classifier features are of images, and these are points'
expect 78 "$program" validate gan.txtpb --set diagnostics.sample_metrics=inception

# All rows of sets of different sizes; what follows from what decides is folded away, and kept.
python_with_arrays <<'PYTHON'
import random
from array_file import write_array

def write(path, rows):
    write_array(path, "<f4", (len(rows), 2), [value for row in rows for value in row])

rng = random.Random(4)
def points(count, groups, scale=0.3):
    return [(6 * (i % groups) + rng.gauss(0, scale), rng.gauss(0, scale)) for i in range(count)]
write("many.npy", points(1500, 5))
write("few.npy", points(400, 4))
write("one_thing.npy", [(rng.gauss(0, 0.001), rng.gauss(0, 0.001)) for _ in range(400)])
PYTHON
# Pictures beside the same ones flattened, in another range: refused, not compared; in one range
# both are points.
python_with_arrays <<'PYTHON'
import random
from array_file import write_array
rng = random.Random(5)
rows = [[rng.random() for _ in range(64)] for _ in range(60)]
values = [value for row in rows for value in row]
write_array("pictures.npy", "|u1", (60, 8, 8), bytes(int(255 * v) for v in values))
write_array("flat.npy", "<f4", (60, 64), values)
write_array("flat_signed.npy", "<f4", (60, 64), [2 * v - 1 for v in values])
PYTHON
expect 65 "$program" diagnose --real pictures.npy --fake flat.npy
says err 'pictures.npy has numbers of the range -1 to 1, flat.npy of 0 to 1.*reshape\(-1, 1, 8, 8\)'
"$program" diagnose --real pictures.npy --fake flat_signed.npy >out 2>err || (($? <= 3)) ||
  fail "one range was refused: $(cat err)"
says err 'is read as points'
expect 3 "$program" diagnose --real many.npy --fake few.npy --out unequal >out
says out '^N = 400 samples beside 1500 reals, features: pixels'
python3 - <<'PYTHON'
import json
said = json.load(open("unequal/diagnosis.json"))
assert said["kind"] == "mode_dropping" and said["samples"] == 400 and said["reals"] == 1500, said
assert said["reason"].startswith(said["brief"]) and "; " not in said["brief"], said["brief"]
PYTHON
status=0
"$program" diagnose --real many.npy --fake one_thing.npy --out folded >out || status=$?
"$program" diagnose --real many.npy --fake one_thing.npy --verbose >whole || true
python3 - <<'PYTHON'
import json
said = json.load(open("folded/diagnosis.json"))
follow = sum(finding["explained"] for finding in said["findings"])
short, whole = (open(name).read() for name in ("out", "whole"))
assert follow > 0 and f"and {follow} that follow" in short and "that follow" not in whole, (said["findings"], short)
PYTHON

# A run's checkpoints, evaluated anew: what its own evaluations said of them.
expect 0 "$program" train gan.txtpb --out runs --quiet --set diagnostics.sample_metrics=pixels
for ranks in 1 2; do
  status=0
  on_ranks "$ranks" diagnose --run runs/00000-ring --step all --out "run$ranks" >out 2>err ||
    status=$?
  [[ "$status" =~ ^[023]$ ]] || fail "diagnose --run ended with $status"
  says out '^runs/00000-ring/checkpoints/step-00000030$'
  [[ "$(grep -c '^verdict: ' out)" == 2 ]] || fail "not a verdict a checkpoint"
  last="$(grep '^verdict: ' out | tail -n 1)"
  STATUS="$status" LAST="$last" python3 - "run$ranks" <<'PYTHON'
import json, os, sys
records = [json.loads(line) for line in open("runs/00000-ring/records.jsonl")]
for step in (30, 60):
    found = json.load(open(f"{sys.argv[1]}/step-{step:08d}/diagnosis.json"))
    (said,) = (r for r in records if r["record"] == "evaluation" and r["step"] == step)
    assert found["samples"] == said["evaluated_samples"] == 200, found
    for name, value in said.items():
        if name == "time_s" or name.startswith("evaluation_s"):
            continue
        again = found["evaluation"][name]
        if isinstance(value, float):
            assert abs(value - again) <= 1e-6 * max(1, abs(value)), (step, name, value, again)
        else:
            assert value == again, (step, name, value, again)
    assert 0 <= found["coverage"] <= 1 and found["state"] in ("healthy", "at_risk", "collapsed")
    assert os.path.getsize(f"{sys.argv[1]}/step-{step:08d}/samples.png") > 0
states = {"healthy": "0", "at_risk": "2", "collapsed": "3"}
assert states[found["state"]] == os.environ["STATUS"], found["state"]
assert os.environ["LAST"].startswith(f"verdict: {found['state']}: "), os.environ["LAST"]
PYTHON
done
# Rank 0 alone reads them: another rank may be on a host that does not see the folder.
if ((EUID == 0)) && unshare --mount true 2>/dev/null; then
  hidden="mount -t tmpfs none runs/00000-ring/checkpoints && exec \"\$0\" \"\$@\""
  words=(diagnose --run runs/00000-ring --samples 64 --out hidden)
  status=0
  mpirun "${mpirun_options[@]}" -np 1 "$program" "${words[@]}" : \
    -np 1 unshare --mount sh -c "$hidden" "$program" "${words[@]}" >out 2>err || status=$?
  [[ "$status" =~ ^[023]$ ]] || { cat err; fail "diagnose --run ended with $status where rank 1 sees no checkpoint"; }
fi
status=0
"$program" diagnose --run runs/00000-ring --step 30 --samples 64 >out || status=$?
says out '^N = 64, '
[[ -s runs/00000-ring/diagnosis/step-00000030/diagnosis.json ]] || fail "nothing in the run"
expect 66 "$program" diagnose --run runs/00000-ring --step 31
says err "checkpoints are of the steps 30, 60"
expect 66 "$program" diagnose --run nowhere
expect 64 "$program" diagnose --run runs/00000-ring --real reals.npy --fake good.npy
expect 64 "$program" diagnose --real reals.npy --fake good.npy --step 3
expect 64 "$program" diagnose --run runs/00000-ring --features random_conv
rm -rf damaged && cp -r runs/00000-ring damaged
head -c 100 runs/00000-ring/checkpoints/step-00000060/generator.safetensors \
  >damaged/checkpoints/step-00000060/generator.safetensors
expect 65 "$program" diagnose --run damaged
says err 'generator\.safetensors'

# What is wrong with the data is said before the training, and is not the generator's fault.
python_with_arrays <<'PYTHON'
import random
from array_file import write_array
rng = random.Random(6)
rows, labels = [], []
for i in range(2000):
    label = (0, 1, 3)[i % 3]  # no twos
    rows.append([4 * label + rng.gauss(0, 0.5), rng.gauss(0, 0.5)])
    labels.append(label)
rows[1000:1100] = [rows[1000]] * 100
values = [x for row in rows for x in row]
write_array("odd.npy", "<f4", (2000, 2), values)
write_array("odd_labels.npy", "|u1", (2000,), bytes(labels))
PYTHON
cat >odd.txtpb <<'CONFIG'
name: "odd"
batch: 64
steps: 4
data { dataset: "npy" path: "odd.npy" labels: "odd_labels.npy" }
vae {
  latent { dimension: 2 }
  encoder { width: 16 depth: 1 }
  decoder { width: 16 depth: 1 }
  likelihood: "gaussian"
}
diagnostics { evaluate_every: 4 samples: 500 calibration_draws: 50 }
CONFIG
expect 0 on_ranks 2 train odd.txtpb --out runs
says err 'the data: 1 of 4 classes have no sample \(2\)'
says err 'the data: 100 of 2000 samples \(5 %\) equal another one'
grep -q '"record":"data".*"copies":100' runs/00001-odd/records.jsonl || fail "no record of the data"

# What is no data, or does not fit, is refused with its place.
# A refusal leaves no folder behind, and what was there stays.
mkdir kept
expect 65 "$program" diagnose --real reals.npy --fake narrow.npy --out kept/made/deeper
[[ -d kept && ! -e kept/made ]] || fail "a diagnosis that was refused leaves its empty folders"
expect 65 "$program" diagnose --real reals.npy --fake narrow.npy --out kept
[[ -d kept ]] || fail "a folder that was there is gone"
expect 65 "$program" diagnose --real reals.npy --fake narrow.npy
says err 'narrow\.npy holds points in 3 dimensions'
expect 65 "$program" diagnose --real four.npy --fake reals.npy
says err 'four\.npy: 4 samples'
expect 3 "$program" diagnose --real reals.npy --fake broken.npy
says out 'collapsed: divergence, 1 of 2 samples are not finite'
expect 65 "$program" diagnose --real broken.npy --fake reals.npy
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
