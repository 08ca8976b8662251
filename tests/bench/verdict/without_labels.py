#!/usr/bin/env python3
"""Whether a run without labels names the classes that the same run with labels names.

    python3 tests/bench/verdict/without_labels.py --binary build/allmodes [--steps 1000 2000 3000]

Trains configs/quickstart_gan.txtpb on the images of Fashion-MNIST as they are, and again on the same images in an
array, of which nobody knows the classes: the same steps, the same samples. At each of --steps the first names classes
and the second parts of the data; verdict.json has, of each part, the numbers of twelve of its reals, and their
classes, which that run never saw, are printed beside what the labelled one said.
"""

import argparse
import collections
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import measuring

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def idx(path):
    """The bytes of an idx file after its head, and its dimensions."""
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    count = data[3]
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(count)]
    return data[4 + 4 * count:], sizes


def train(binary, out, settings, steps):
    """verdict.json of the run in `out`, once it has so many steps."""
    command = [str(measuring.ROOT / "launch/run.sh"), "-n", "2", "--", "train",
               str(measuring.ROOT / "configs/quickstart_gan.txtpb"), "--quiet", "--out", str(out), "--resume", "auto"]
    for setting in (*settings, f"steps={steps}", "diagnostics.evaluate_every=1000", "checkpoints.every=1000"):
        command += ["--set", setting]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=os.environ | {"ALLMODES_BINARY": str(binary)})
    (path,) = out.glob("*/verdict.json")
    return json.loads(path.read_text())


def named(verdict):
    return [f"{name} {finding}" for finding in ("missing", "starved", "narrow") for name in verdict[finding]]


def classes_of(part, labels):
    counts = collections.Counter(CLASSES[labels[number]] for number in part["reals"])
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="build/allmodes")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist", help="folder of Fashion-MNIST's files")
    parser.add_argument("--steps", type=int, nargs="+", default=[1000, 2000, 3000])
    options = parser.parse_args()
    binary, data = pathlib.Path(options.binary).resolve(), pathlib.Path(options.data)
    pixels, sizes = idx(next(data.glob("train-images*")))
    labels, _ = idx(next(data.glob("train-labels*")))
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        folder = pathlib.Path(folder)
        measuring.write_array(folder / "images.npy", "|u1", sizes, pixels)
        for steps in options.steps:
            known = train(binary, folder / "known", [f"data.path={data}"], steps)
            unknown = train(binary, folder / "unknown",
                            ["data.dataset=npy", f"data.path={folder / 'images.npy'}"], steps)
            print(f"step {steps}\n  with labels: {known['kind']}; {', '.join(named(known)) or 'no class named'}"
                  f"\n  without: {unknown['kind']}; by the labels that it never saw", flush=True)
            for part in unknown["parts"]:
                print(f"    {part['name']} {part['finding']}, {100 * part['share']:.1f} % of the data,"
                      f" {100 * part['made']:.1f} % of the samples: {classes_of(part, labels)}", flush=True)


if __name__ == "__main__":
    main()
