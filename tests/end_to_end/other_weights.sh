#!/usr/bin/env bash
# A new run begins with another one's weights, on data that has grown: all of them or a list of what
# does not fit, the same on one and on two ranks, and the other run stays as it was.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python_with_arrays <<'PYTHON'
import random
from array_file import write_array

def write(path, rows, width):
    rng = random.Random(1)
    write_array(path, "<f4", (rows, width), [rng.gauss(0, 1) for _ in range(rows * width)])

write("data.npy", 500, 6)
write("more.npy", 550, 6)
write("wide.npy", 300, 7)
PYTHON
train=(train "$source/configs/npy_vae.txtpb" --quiet --set diagnostics.evaluate_every=20 --set batch=32
  --set checkpoints.every=20 --set diagnostics.samples=64 --on-collapse warn)
expect 0 "$program" "${train[@]}" --steps 40 --set data.path=data.npy
find runs -type f -print0 | sort -z | xargs -0 sha256sum >before

expect 65 "$program" "${train[@]}" --steps 60 --set data.path=more.npy --resume auto
says err '500 samples.*550 samples.*--from instead of --resume'
expect 64 "$program" "${train[@]}" --from runs/00000-npy_vae --resume runs/00000-npy_vae
find runs -type f -print0 | sort -z | xargs -0 sha256sum | cmp before - || fail "the run was changed"

# With a rate of nothing the weights stay as they came.
still=(--set data.path=more.npy --set vae.optimizer.learning_rate=1e-30)
expect 0 "$program" "${train[@]}" "${still[@]}" --steps 20 --out new --from runs/00000-npy_vae
expect 0 on_ranks 2 "${train[@]}" "${still[@]}" --steps 20 --out two --from runs/00000-npy_vae/checkpoints/step-00000040
for run in runs new two; do
  expect 0 "$program" export "$run/00000-npy_vae" --out "$run-exported" --raw
done
python3 - <<'PYTHON'
import json, pathlib, struct

def weights(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        data = path.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        for name, entry in json.loads(data[8:8 + size]).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                found[path.name, name] = struct.unpack(f"<{(end - begin) // 4}f",
                                                       data[8 + size + begin:8 + size + end])
    return found

old = weights("runs-exported")
assert old
for other in ("new", "two"):
    assert weights(f"{other}-exported") == old, other
    records = [json.loads(line) for line in open(f"{other}/00000-npy_vae/records.jsonl")]
    record = next(r for r in records if r["record"] == "from")
    assert record["checkpoint"].endswith("runs/00000-npy_vae/checkpoints/step-00000040"), record
    assert record["taken"] > 0 and record["kept"] == [] == record["unused"], record
PYTHON

# Another model: refused with what does not fit and without a folder, or taken in part.
expect 78 "$program" "${train[@]}" --steps 20 --set data.path=wide.npy --out other --from runs/00000-npy_vae
says err 'encoder: weights/0.weight is \[64, 6\] there and \[64, 7\] here'
[[ -z "$(ls -A other 2>/dev/null)" ]] || fail "a folder was made"
expect 0 "$program" "${train[@]}" --steps 20 --set data.path=wide.npy --out other --from runs/00000-npy_vae \
  --from-partly
says err 'begin as in any new run'
expect 66 "$program" "${train[@]}" --set data.path=more.npy --out other --from runs/none
says err 'no such run or checkpoint folder'

# A job that is started again goes on with its own run.
expect 0 "$program" "${train[@]}" "${still[@]}" --steps 30 --out new --from runs/00000-npy_vae --resume auto
[[ ! -e new/00001-npy_vae ]] || fail "a second run began"
find runs -type f -print0 | sort -z | xargs -0 sha256sum | cmp before - || fail "the run was changed"
