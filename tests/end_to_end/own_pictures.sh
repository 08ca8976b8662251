#!/usr/bin/env bash
# One's own pictures: files of several formats and sizes in folders, and a zip archive and tar shards of
# the same files, are one data set: the same training, alone and on two ranks, and resumed on another
# number. What is looked at, packed and diagnosed are the same pictures too.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
export ALLMODES_CACHE="$work/cache"

python3 - <<'PYTHON'
import os, random, struct, tarfile, zipfile, zlib, io

def png(w, h, p):
    rows = b"".join(b"\0" + p[y * w * 3:(y + 1) * w * 3] for y in range(h))
    chunk = lambda kind, data: (struct.pack(">I", len(data)) + kind + data +
                                struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", w, h, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

def bmp(w, h, p):
    row = lambda y: b"".join(p[(y * w + x) * 3:(y * w + x) * 3 + 3][::-1] for x in range(w)) + \
        b"\0" * (-3 * w % 4)
    data = b"".join(row(y) for y in reversed(range(h)))
    return (b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + len(data), 0, 54, 40, w, h, 1, 24, 0,
                                len(data), 0, 0, 0, 0) + data)

def ppm(w, h, p):
    return f"P6\n{w} {h}\n255\n".encode() + p

rng = random.Random(1)
files = []
for i in range(48):
    w, h = rng.randint(30, 50), rng.randint(30, 50)
    base = [rng.randrange(256) for _ in range(3)]
    p = bytes((base[c] + 3 * x + 5 * y) % 256 for y in range(h) for x in range(w) for c in range(3))
    name = ("ant" if i < 20 else "bee") + f"/{i:03}.jpg"  # names do not matter
    files.append((name, (png, bmp, ppm)[i % 3](w, h, p)))
for name, data in files:
    os.makedirs("folder/" + os.path.dirname(name), exist_ok=True)
    open("folder/" + name, "wb").write(data)
with zipfile.ZipFile("all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for name, data in files:
        archive.writestr(name, data)
for shard in range(2):
    with tarfile.open(f"s-{shard}.tar", "w") as archive:
        for name, data in files[24 * shard:24 * shard + 24]:
            label = b"0" if name.startswith("ant") else b"1"
            for suffix, content in (("jpg", data), ("cls", label)):
                info = tarfile.TarInfo(name[:-3] + suffix)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
open("folder/ant/notes.txt", "w").write("no picture")
PYTHON

sets=(folder all.zip "s-{0..1}.tar")
for set in "${sets[@]}"; do
  expect 0 "$program" data check "$set" --image-size 16 --fit crop
  sed -n 's/^fingerprint *//p' out >>fingerprints
done
[[ "$(sort -u fingerprints | wc -l)" == 1 ]] || fail "the sets differ: $(cat fingerprints)"
expect 0 "$program" data check folder --image-size 16 --fit crop
says out '48 images 3 x 16 x 16, 2 classes'
mv out alone
expect 0 on_ranks 2 data check folder --image-size 16 --fit crop
diff alone out || fail "under mpirun the check says something else"
cp alone out
says out '1 of 49 files are left out.*\.txt 1'
expect 0 "$program" data pack folder --image-size 16 --fit crop --out packed.zip
expect 0 "$program" data check packed.zip
says out "$(sort -u fingerprints)"

train=(train "$source/configs/own_images_gan.txtpb" --quiet --set data.image_size=16
  --set batch=16 --set gan.generator.width=8 --set gan.discriminator.width=8
  --set diagnostics.samples=32 --set diagnostics.classifier=false --set diagnostics.log_every=1
  --set images.count=16 --set checkpoints.every=3 --on-collapse warn)
losses() {
  python3 -c '
import json, sys
for line in open(sys.argv[1] + "/records.jsonl"):
    record = json.loads(line)
    if "loss_generator" in record:
        print(record["step"], record["loss_generator"], record["loss_discriminator"])' "$1"
}
for set in "${sets[@]}"; do
  for cache in memory disk none; do
    rm -rf runs
    expect 0 "$program" "${train[@]}" --steps 6 --out runs --set data.path="$set" \
      --set data.cache="$cache"
    losses runs/00000-own_images_gan >"losses"
    [[ -s losses ]] || fail "no losses of $set"
    [[ -e expected ]] || cp losses expected
    cmp losses expected || fail "$set, cache $cache: other losses than the folder's"
  done
done
rm -rf runs
expect 0 on_ranks 2 "${train[@]}" --steps 3 --out runs --set data.path=all.zip
expect 0 "$program" "${train[@]}" --steps 6 --out runs --set data.path=folder --resume auto
losses runs/00000-own_images_gan >resumed
python3 - <<'PYTHON'
read = lambda name: [[float(x) for x in line.split()] for line in open(name)]
expected, resumed = read("expected"), read("resumed")
assert len(expected) == len(resumed), (len(expected), len(resumed))
for a, b in zip(expected, resumed):
    assert all(abs(x - y) <= 1e-3 * max(1, abs(x)) for x, y in zip(a, b)), (a, b)
PYTHON

# The same pictures described as bytes and in [0, 1] are equal samples; what cannot be compared is
# refused with what to do, and fakes that are no numbers are a divergence.
python_with_arrays <<'PYTHON'
import random
from array_file import write_array

rng = random.Random(2)
b = bytes(rng.randrange(256) for _ in range(300 * 64))
write_array("bytes.npy", "|u1", (300, 1, 8, 8), b)
write_array("unit.npy", "<f4", (300, 1, 8, 8), [x / 255 for x in b])
write_array("scaled.npy", "<f4", (300, 1, 8, 8), [float(x) for x in b])
write_array("wide.npy", "|u1", (300, 1, 9, 9), b + b[:300 * 17])
bad = [x / 255 for x in b]
bad[17 * 64] = bad[20 * 64 + 3] = float("nan")
write_array("nan.npy", "<f4", (300, 1, 8, 8), bad)
PYTHON
for fake in unit.npy scaled.npy; do
  # The very same pictures, in other numbers: learnt by heart.
  expect 2 "$program" diagnose --real bytes.npy --fake "$fake" --features pixels --out same
  python3 -c '
import json
found = json.load(open("same/diagnosis.json"))
assert found["frechet_distance"] < 1e-9 and found["coverage"] == 1, found'
  says err 'the fakes: its numbers are'
done
expect 65 "$program" diagnose --real bytes.npy --fake wide.npy
says err 'images 1 x 8 x 8.*images 1 x 9 x 9.*one shape was expected; bring the larger'
expect 3 "$program" diagnose --real bytes.npy --fake nan.npy
says_unwrapped out 'verdict: collapsed: divergence, 2 of 300 samples are not finite \(the first: sample 17\)'
expect 65 "$program" diagnose --real nan.npy --fake bytes.npy
says err 'nan.npy, byte 4480: the value nan; 2 of 300 samples'
