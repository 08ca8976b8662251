#!/usr/bin/env bash
# JPEG, PNG and WebP of different sizes in folders, and the same files in a zip archive and in tar shards,
# train the same run to the last bit, on 1, 2 and 4 ranks, and when it goes on in the middle of an epoch on
# another number of ranks; random parts and mirrored pictures included. So do tar shards that are read one
# after the other. 77 without Pillow (ALLMODES_REFERENCE_PYTHON).
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
export ALLMODES_CACHE="$work/cache"
python="${ALLMODES_REFERENCE_PYTHON:-python3}"
"$python" -c 'import PIL' 2>/dev/null || { echo "skipped: Pillow is not installed"; exit 77; }

"$python" - <<'PYTHON'
import io, os, random, tarfile, zipfile
from PIL import Image

rng = random.Random(1)
KINDS = (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"))
files = []
for i in range(90):
    size = rng.randint(30, 70), rng.randint(30, 70)
    small = Image.new("RGB", (4, 4))
    small.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(16)])
    kind, ending = KINDS[i % 3]
    out = io.BytesIO()
    small.resize(size, Image.BICUBIC).save(out, kind)
    files.append((f"{'ant' if i < 40 else 'bee'}/{i:03}.{ending}", out.getvalue()))
for name, data in files:
    os.makedirs("folder/" + os.path.dirname(name), exist_ok=True)
    open("folder/" + name, "wb").write(data)
with zipfile.ZipFile("all.zip", "w") as archive:
    for name, data in files:
        archive.writestr(name, data)
for shard in range(3):
    with tarfile.open(f"s-{shard}.tar", "w") as archive:
        for name, data in files[30 * shard:30 * shard + 30]:
            for suffix, content in ((name.split(".")[1], data), ("cls", b"%d" % name.startswith("bee"))):
                info = tarfile.TarInfo(name.split(".")[0] + "." + suffix)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
PYTHON

# 90 pictures in batches of 16: an epoch ends in the middle of the sixth step.
train=(train "$source/configs/own_images_gan.txtpb" --quiet --deterministic --set data.image_size=16
  --set data.random_crop=20 --set data.flip=true
  --set batch=16 --set gan.generator.width=8 --set gan.discriminator.width=8
  --set diagnostics.samples=32 --set diagnostics.classifier=false --set diagnostics.log_every=1
  --set images.count=16 --set checkpoints.every=4 --on-collapse warn)
weights() {  # OUT: a hash of weights, moments, averages and buffers after 8 steps
  local -a files=("$1"/00000-own_images_gan/checkpoints/step-00000008/*.safetensors)
  ((${#files[@]} == 2)) || fail "no checkpoint in $1"
  cat "${files[@]}" | sha256sum
}
# Weights are the same bits. The losses in the records are means over the ranks, rounded by 1 in the last
# place of a float otherwise on another number of them.
compare() {  # OUT WHAT [RUNS OF WHICH IT IS TO BE THE SAME]
  local same="${3:-runs-folder-1}"
  [[ "$(weights "$1")" == "$(weights "$same")" ]] || fail "$2: other weights"
  python3 - "$same" "$1" <<'PYTHON' || fail "$2: other losses"
import json, sys

def losses(folder):
    records = map(json.loads, open(folder + "/00000-own_images_gan/records.jsonl"))
    return [(r["step"], r["loss_generator"], r["loss_discriminator"]) for r in records
            if "loss_generator" in r]

expected, found = map(losses, sys.argv[1:])
assert len(expected) == 8 == len(found), (expected, found)
for a, b in zip(expected, found):
    assert all(abs(x - y) <= 3e-7 * abs(x) for x, y in zip(a, b)), (a, b)
PYTHON
}
for set in folder all.zip "s-{0..2}.tar"; do
  for ranks in 1 2 4; do
    out="runs-${set%%[.-]*}-$ranks"
    expect 0 on_ranks "$ranks" "${train[@]}" --steps 8 --out "$out" --set data.path="$set"
    compare "$out" "$set on $ranks ranks"
  done
done
expect 0 on_ranks 4 "${train[@]}" --steps 4 --out resumed --set data.path="s-{0..2}.tar"
expect 0 on_ranks 2 "${train[@]}" --steps 8 --out resumed --set data.path=folder --resume auto
compare resumed "resumed on 2 ranks"

shards=(--set data.path="s-{0..2}.tar" --set data.order=shards --set data.window=20)
expect 0 on_ranks 1 "${train[@]}" "${shards[@]}" --steps 8 --out shards-1
expect 0 on_ranks 4 "${train[@]}" "${shards[@]}" --steps 4 --out shards-4
expect 0 on_ranks 2 "${train[@]}" "${shards[@]}" --steps 8 --out shards-4 --resume auto
compare shards-4 "shards, resumed on 2 ranks" shards-1
[[ "$(weights shards-1)" != "$(weights runs-folder-1)" ]] || fail "data.order has no effect"
