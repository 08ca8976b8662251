#!/usr/bin/env python3
"""Pictures from files to ready samples, beside Pillow, torchvision and webdataset.

    python3 compare_data.py [--python PYTHON] [--rounds N] [--json FILE]

Processor time of one thread, not wall time: it is what decoding costs and does not depend on who else is on
the machine. Both sides read the same JPEG files of 256 to 500 pixels, cut the middle square and resize it to
64 x 64 with the lanczos filter (torchvision: bicubic with antialiasing, it has no lanczos), turn by turn.
"dataloader" is torchvision in one worker of a DataLoader, batches of 64, the second epoch, with what the worker
and the process that receives its batches spend.
"again" is allmodes beside itself: how far a ratio of this machine is to be trusted.

Wall time, of processes that go before others where the system allows it: two threads beside one; two
processes with half of the tar shards each, which is what two ranks read, beside two of webdataset.
"second start" is a run of one step on a folder of many small JPEGs whose ready bytes are cached, less one on
a single picture. "exposed" is a DCGAN of 32 pixels on two ranks that decodes each batch, beside the same with
ready bytes in memory. PYTHON needs Pillow and NumPy; torchvision and webdataset are compared where it has
them. Ratios above 1: allmodes is faster.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import measuring

PICTURES = 1200
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
for i in range(pictures):
    picture(*(int(x) for x in rng.integers(256, 501, 2))).save(folder / f"all/{i:05}.jpg", quality=90)
half = pictures // 2
for name, chosen in (("all", range(pictures)), ("half0", range(half)), ("half1", range(half, pictures))):
    with tarfile.open(folder / f"{name}.tar", "w") as archive:
        for i in chosen:
            archive.add(folder / f"all/{i:05}.jpg", f"{i:05}.jpg")
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
import io, multiprocessing, pathlib, sys, time
import numpy
from PIL import Image
kind, folder, archive = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
def square(image):
    side = min(image.size); left, top = (image.width - side) // 2, (image.height - side) // 2
    return numpy.asarray(image.crop((left, top, left + side, top + side)).resize((64, 64), Image.LANCZOS))
def pillow(data):
    return square(Image.open(io.BytesIO(data)).convert("RGB")).transpose(2, 0, 1).astype("f4") / 127.5 - 1
if kind in ("torchvision", "dataloader"):
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
if kind == "dataloader":
    class Files(torch.utils.data.Dataset):
        paths = sorted((folder / "all").iterdir())
        def __len__(self): return len(self.paths)
        def __getitem__(self, index): return read(self.paths[index].read_bytes())
    def spent():
        # Processor seconds of this process and of its worker, so far.
        processes = ["self", *(str(child.pid) for child in multiprocessing.active_children())]
        return sum(int(word) for process in processes for word in
                   [pathlib.Path(f"/proc/{process}/schedstat").read_text().split()[0]]) / 1e9
    loader = torch.utils.data.DataLoader(Files(), 64, num_workers=1, persistent_workers=True)
    for batch in loader: pass
    begin, began = spent(), time.monotonic()
    for batch in loader: pass
    print((spent() - begin) / len(Files.paths), time.monotonic() - began)
    sys.exit()
if kind == "webdataset":
    import webdataset
    source = (sample["jpg"] for sample in webdataset.WebDataset(str(folder / archive), shardshuffle=False))
else:
    source = (path.read_bytes() for path in sorted((folder / "all").iterdir()))
begin, began = time.process_time(), time.monotonic(); count = 0
for data in source:
    read(data); count += 1
print((time.process_time() - begin) / count, time.monotonic() - began)
"""


def go_first():
    """Before other programs' processes, where the system allows it."""
    try:
        os.nice(-19)
    except PermissionError:
        pass


def begin(command, environment=None):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=go_first,
                            env=os.environ | measuring.ONE_THREAD | (environment or {}))


def spent(process):
    """Processor seconds, the most memory in MB, and what it wrote."""
    out = process.stdout.read()
    err = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 2, 3):
        sys.exit(f"{' '.join(process.args)}\n{out}{err}\nended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out


def packing(folder, source, threads=1, kernel="lanczos"):
    return begin([measuring.program(), "data", "pack", str(folder / source), "--image-size", "64",
                  "--fit", "crop", "--filter", kernel, "--threads", str(threads),
                  "--out", str(folder / f"{source}.npy")])


def in_allmodes(folder, name, kernel="lanczos"):
    """Processor seconds a picture: a pack of all pictures less that of one."""
    return (spent(packing(folder, name, kernel=kernel))[0] -
            spent(packing(folder, "one", kernel=kernel))[0]) / (PICTURES - 1)


def wall(folder, sources, threads=1):
    """Seconds until all are packed, each by a process of its own, less those of one picture."""
    def seconds(names):
        began = time.monotonic()
        for process in [packing(folder, name, threads) for name in names]:
            spent(process)
        return time.monotonic() - began
    return seconds(sources) - seconds(["one"] * len(sources))


def wall_in_webdataset(python, folder):
    processes = [begin([python, "-c", READ, "webdataset", str(folder), f"half{i}.tar"])
                 for i in range(2)]
    return max(float(spent(process)[2].split()[1]) for process in processes)


def second_start(folder):
    """Processor seconds, wall seconds and megabytes of a run of one step, of the second start on many
    files, less those on one."""
    def start(source):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as out:
            seconds, memory, _ = spent(begin(
                [measuring.program(), "train", str(measuring.ROOT / "configs/own_images_gan.txtpb"),
                 "--quiet", "--steps", "1", "--out", out, *(word for setting in (
                     f"data.path={folder / source}", "data.cache=disk", "data.classes=none", "batch=8",
                     "gan.generator.width=8", "gan.discriminator.width=8", "diagnostics.samples=8",
                     "diagnostics.classifier=false", "diagnostics.sample_metrics=off", "images.count=4")
                     for word in ("--set", setting))],
                {"ALLMODES_CACHE": str(folder / "cache")}))
        return seconds, time.monotonic() - began, memory
    start("many"), start("one")
    return tuple(a - b for a, b in zip(start("many"), start("one")))


def exposed(folder, cache):
    """Milliseconds a step and of these loading, DCGAN of 32 pixels, two ranks, after the first interval."""
    with tempfile.TemporaryDirectory() as out:
        spent(begin([str(measuring.ROOT / "launch/run.sh"), "-n", "2", "--", "train",
                     str(measuring.ROOT / "tests/bench/dcgan32.txtpb"), "--quiet", "--steps", "40",
                     "--out", out, *(word for setting in (
                         "data.dataset=images", f"data.path={folder / 'all'}", "data.image_size=32",
                         "data.fit=crop", "data.classes=none", f"data.cache={cache}", "data.threads=1")
                         for word in ("--set", setting))],
                    {"ALLMODES_BINARY": measuring.program()}))
        (records,) = pathlib.Path(out).glob("*/records.jsonl")
        lines = [json.loads(line) for line in records.read_text().splitlines()]
    trains = [line for line in lines if line["record"] == "train"][1:]
    return tuple(statistics.median(line[name] for line in trains) for name in ("step_ms", "loading_ms"))


def has(python, package):
    return subprocess.run([python, "-c", f"import {package}"],
                          capture_output=True, check=False).returncode == 0


def on_one_thread(python, folder, rounds):
    sides = {"allmodes": lambda: in_allmodes(folder, "all"),
             "again": lambda: in_allmodes(folder, "all"),
             "allmodes_bicubic": lambda: in_allmodes(folder, "all", "bicubic"),
             "allmodes_tar": lambda: in_allmodes(folder, "all.tar")}
    for kind, package in (("pillow", "PIL"), ("torchvision", "torchvision"),
                          ("dataloader", "torchvision"), ("webdataset", "webdataset")):
        command = [python, "-c", READ, kind, str(folder), "all.tar"]
        if has(python, package):
            sides[kind] = lambda command=command: float(spent(begin(command))[2].split()[0])
    times = {side: [] for side in sides}
    for _ in range(rounds):
        for side, measure in sides.items():
            times[side].append(1e3 * measure())
    print("milliseconds of processor a picture, one thread; beside allmodes; with the same filter")
    for side, values in times.items():
        base = "allmodes_tar" if side == "webdataset" else "allmodes"
        alike = measuring.ratio(values, times["allmodes_bicubic"]) if side in ("torchvision", "dataloader") else {}
        print(f"{side:<17} {statistics.median(values):7.3f}   "
              f"{measuring.show(measuring.ratio(values, times[base]))}   {measuring.show(alike)}")
    return times


def on_two(python, folder, rounds):
    one, two, pair, theirs = [], [], [], []
    for _ in range(rounds):
        one.append(wall(folder, ["all"]))
        two.append(wall(folder, ["all"], threads=2))
        pair.append(wall(folder, ["half0.tar", "half1.tar"]))
        if has(python, "webdataset"):
            theirs.append(wall_in_webdataset(python, folder))
    print(f"two threads beside one              {measuring.show(measuring.ratio(one, two))}")
    print(f"two processes beside one            {measuring.show(measuring.ratio(one, pair))}")
    print(f"webdataset beside allmodes, two each {measuring.show(measuring.ratio(theirs, pair))}")
    return {"one_thread_s": one, "two_threads_s": two, "two_processes_s": pair, "webdataset_s": theirs}


def main():
    understood = measuring.parser(__doc__, rounds=7)
    understood.add_argument("--only", choices=("thread", "two", "start", "exposed"),
                            help="one part of it")
    options = understood.parse_args()
    python = getattr(options, "python", None) or sys.executable
    result = {"rounds": options.rounds}
    wanted = [options.only] if options.only else ["thread", "two", "start", "exposed"]
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as work:
        folder = pathlib.Path(work)
        small, folders = (SMALL_FILES, FOLDERS) if "start" in wanted else (10, 10)
        subprocess.run([python, "-c", WRITE, work, str(PICTURES), str(small), str(folders)], check=True)
        if "thread" in wanted:
            result["milliseconds"] = on_one_thread(python, folder, options.rounds)
        if "two" in wanted:
            result["two"] = on_two(python, folder, options.rounds)
        if "start" in wanted:
            seconds, began, memory = result["second_start"] = second_start(folder)
            print(f"second start  {seconds:.2f} s of processor, {began:.2f} s, {memory:.0f} MB more than on "
                  f"one file, for {SMALL_FILES} files in {FOLDERS} folders")
        if "exposed" in wanted:
            result["exposed"] = {cache: [exposed(folder, cache) for _ in range(min(options.rounds, 3))]
                                 for cache in ("none", "memory")}
            for cache, pairs in result["exposed"].items():
                step, loading = (statistics.median(values) for values in zip(*pairs))
                print(f"DCGAN-32, cache {cache:<7} {step:7.1f} ms a step, {loading:.2f} ms of it waiting "
                      "for a batch and copying it")
    measuring.write(options.json, result)


if __name__ == "__main__":
    main()
