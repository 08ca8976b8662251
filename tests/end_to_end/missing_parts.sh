#!/usr/bin/env bash
# A run on points without labels says which part of the data its samples lack: by name, with numbers
# of reals of it, near which the model then makes nothing, and in a picture.
# processors: 2
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python_with_arrays <<'PYTHON'
import math, random
from array_file import write_array
random.seed(1)
values = []
for _ in range(20000):
    angle = math.pi / 4 * random.randrange(8)
    values.extend((2 * math.cos(angle) + random.gauss(0, 0.05), 2 * math.sin(angle) + random.gauss(0, 0.05)))
write_array("ring.npy", "<f4", (20000, 2), values)
PYTHON
cat >ring.txtpb <<'CONFIG'
name: "ring"
batch: 256
steps: 3000
data { dataset: "npy" path: "ring.npy" }
gan {
  latent { dimension: 64 }
  generator { width: 128 depth: 3 }
  discriminator { width: 128 depth: 3 }
  generator_optimizer { learning_rate: 1e-3 beta1: 0.5 }
  discriminator_optimizer { learning_rate: 1e-3 beta1: 0.5 }
}
diagnostics { log_every: 500 evaluate_every: 1000 samples: 1500 calibration_draws: 50 }
checkpoints { every: 3000 }
images { every: 0 count: 4 }
CONFIG
export ALLMODES_CACHE="$work/cache"
expect 0 on_ranks 2 train ring.txtpb --quiet --out runs
"$program" sample runs/00000-ring --count 2000 --out samples.npy >out 2>err || fail "no samples: $(cat err)"
python3 - <<'PYTHON'
import array, json, math, pathlib

def points(path):
    data = pathlib.Path(path).read_bytes()
    values = array.array("f", data[10 + int.from_bytes(data[8:10], "little"):])
    return list(zip(values[::2], values[1::2]))

run = pathlib.Path("runs/00000-ring")
verdict = json.loads((run / "verdict.json").read_text())
parts = [part for part in verdict["parts"] if part["finding"] == "missing"]
assert parts and set(verdict["missing"]) <= {part["name"] for part in parts}, verdict
reals, samples = points("ring.npy"), points("samples.npy")
def share_near(rows, centres):
    return sum(min(math.dist(row, centre) for centre in centres) < 0.03 for row in rows) / len(rows)

for part in parts:
    assert len(part["reals"]) == 12 and part["made"] < 0.2 * part["share"], part
centres = [reals[number] for part in parts for number in part["reals"]]
made, there = share_near(samples, centres), share_near(reals, centres)
assert there > 0.005 and made < 0.5 * there, (parts, made, there)
pictures = sorted(run.glob("images/missing-*.png"))
told = [r for r in map(json.loads, (run / "records.jsonl").open()) if r["record"] == "verdict" and r["missing"] + r["starved"]]
assert [int(p.stem[-8:]) for p in pictures] == [r["step"] for r in told] and told, (pictures, told)
assert all(p.stat().st_size > 1000 for p in pictures), pictures
assert "Reals of what is missing" in (run / "report.html").read_text()
print(len(parts), "parts of the data are missing, and so they are among fresh samples")
PYTHON
