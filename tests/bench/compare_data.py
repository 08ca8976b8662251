#!/usr/bin/env python3
"""Pictures from files to ready samples, beside Pillow, torchvision and webdataset.

    python3 compare_data.py [--python PYTHON] [--rounds N] [--json FILE]

Processor time, not wall time: it is what decoding costs and does not depend on who else is on the machine.
Both sides read the same JPEG files of 256 to 500 pixels, cut the middle square and resize it to 64 x 64 with
the lanczos filter (torchvision: bicubic with antialiasing, it has no lanczos), turn by turn. "again" is
allmodes beside itself: how far a ratio of this machine is to be trusted. "second start" is a run of one
step on a folder of many small JPEGs whose ready bytes are cached. PYTHON needs Pillow and NumPy; torchvision
and webdataset are compared where it has them. Ratios above 1: allmodes is faster.
"""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

import measuring

PICTURES = 300
SMALL_FILES, FOLDERS = 100_000, 1_000

WRITE = """
import io, os, pathlib, sys, tarfile
import numpy
from PIL import Image
folder, pictures, small, folders = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
rng = numpy.random.default_rng(1)
def picture(height, width):
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype="u1")
    image = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
    noise = rng.normal(0, 6, (height, width, 1))
    return Image.fromarray((numpy.array(image) + noise).clip(0, 255).astype("u1"))
(folder / "all").mkdir(); (folder / "one").mkdir()
with tarfile.open(folder / "all.tar", "w") as archive:
    for i in range(pictures):
        path = folder / f"all/{i:05}.jpg"
        picture(*(int(x) for x in rng.integers(256, 501, 2))).save(path, quality=90)
        archive.add(path, path.name)
picture(256, 256).save(folder / "one/0.jpg", quality=90)
kept = []
for i in range(50):
    out = io.BytesIO(); picture(40, 40).save(out, "JPEG"); kept.append(out.getvalue())
for f in range(folders):
    place = folder / f"many/{f:04}"; place.mkdir(parents=True)
    for i in range(small // folders):
        (place / f"{i:04}.jpg").write_bytes(kept[(f + i) % 50])
"""

READ = """
import io, pathlib, sys, time
import numpy
from PIL import Image
kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def square(image):
    side = min(image.size); left, top = (image.width - side) // 2, (image.height - side) // 2
    return numpy.asarray(image.crop((left, top, left + side, top + side)).resize((64, 64), Image.LANCZOS))
def pillow(data):
    return square(Image.open(io.BytesIO(data)).convert("RGB")).transpose(2, 0, 1).astype("f4") / 127.5 - 1
if kind == "torchvision":
    import torch, torchvision
    from torchvision.transforms.v2 import functional
    torch.set_num_threads(1)
    def read(data):
        image = torchvision.io.decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        image = functional.center_crop(image, [min(image.shape[1:])] * 2)
        image = functional.resize(image, [64, 64], interpolation=functional.InterpolationMode.BICUBIC,
                                  antialias=True)
        return image.float() / 127.5 - 1
else:
    read = pillow
if kind == "webdataset":
    import webdataset
    source = (sample["jpg"] for sample in webdataset.WebDataset(str(folder / "all.tar"), shardshuffle=False))
else:
    source = (path.read_bytes() for path in sorted((folder / "all").iterdir()))
begin = time.process_time(); count = 0
for data in source:
    read(data); count += 1
print((time.process_time() - begin) / count)
"""


def processor_seconds(command, environment=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, check=True, capture_output=True, text=True,
                         env=os.environ | measuring.ONE_THREAD | (environment or {})).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out


def in_allmodes(folder, name):
    """Processor seconds a picture: a pack of all pictures less that of one."""
    def pack(source):
        return processor_seconds([measuring.program(), "data", "pack", str(folder / source), "--image-size",
                                  "64", "--fit", "crop", "--threads", "1", "--out",
                                  str(folder / "packed.npy")])[0]
    return (pack(name) - pack("one")) / (PICTURES - 1)


def second_start(folder):
    """Processor seconds of a run of one step, of the second start on many files and on one."""
    def start(source):
        with tempfile.TemporaryDirectory() as out:
            return processor_seconds(
                [measuring.program(), "train", str(measuring.ROOT / "configs/own_images_gan.txtpb"),
                 "--quiet", "--steps", "1", "--out", out, *(word for setting in (
                     f"data.path={folder / source}", "data.cache=disk", "data.classes=none", "batch=8",
                     "gan.generator.width=8", "gan.discriminator.width=8", "diagnostics.samples=8",
                     "diagnostics.classifier=false", "diagnostics.sample_metrics=off", "images.count=4")
                     for word in ("--set", setting))],
                {"ALLMODES_CACHE": str(folder / "cache")})[0]
    start("many"), start("one")
    return start("many") - start("one")


def main():
    options = measuring.parser(__doc__, rounds=7).parse_args()
    python = getattr(options, "python", None) or sys.executable
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as work:
        folder = pathlib.Path(work)
        subprocess.run([python, "-c", WRITE, work, str(PICTURES), str(SMALL_FILES), str(FOLDERS)],
                       check=True)
        sides = {"allmodes": lambda: in_allmodes(folder, "all"),
                 "again": lambda: in_allmodes(folder, "all"),
                 "allmodes_tar": lambda: in_allmodes(folder, "all.tar")}
        for kind in ("pillow", "torchvision", "webdataset"):
            command = [python, "-c", READ, kind, work]
            if subprocess.run([python, "-c", f"import {'PIL' if kind == 'pillow' else kind}"],
                              capture_output=True, check=False).returncode == 0:
                sides[kind] = lambda command=command: float(processor_seconds(command)[1])
        times = {side: [] for side in sides}
        for _ in range(options.rounds):
            for side, measure in sides.items():
                times[side].append(1e3 * measure())
        start = second_start(folder)
    print("milliseconds of processor a picture, one thread")
    for side, values in times.items():
        base = "allmodes_tar" if side == "webdataset" else "allmodes"
        print(f"{side:<13} {statistics.median(values):7.3f}   "
              f"{measuring.show(measuring.ratio(values, times[base]))}")
    print(f"second start  {start:.2f} s of processor for {SMALL_FILES} files in {FOLDERS} folders")
    measuring.write(options.json, {"rounds": options.rounds, "milliseconds": times,
                                   "second_start_s": start})


if __name__ == "__main__":
    main()
