#!/usr/bin/env python3
"""Whether the loss that a healthy verdict says would have been found is found.

  smallest_loss.py --binary build/allmodes [--trials 30] [--only TEXT] [--jobs 2]

For each size and width a healthy pair is diagnosed, whose verdict says "a loss of x % of the data or
more would have been found (99 %, of a part that stands apart)". Then groups that stand apart and
hold x % of the data each are planted, of which one is not made, in reals and samples drawn anew each
time. Printed is how often mass was said to be lost. 77 where NumPy is not installed.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is not installed")
    sys.exit(77)

SIZES = ((300, 300), (600, 600), (2000, 2000), (4000, 1000), (1000, 4000))
WIDTHS = (2, 16, 64)


def rows_of(random, count, width, share, lost):
    """Groups of `share` each, the first of which is not made where `lost`; the rest one normal law."""
    groups = min(4, int(0.5 / share))
    centres = np.zeros((groups, width))
    # On a circle, or along axes: far from each other and from the rest.
    for k in range(groups):
        if width == 2:
            centres[k] = 12 * np.cos(2 * np.pi * k / groups), 12 * np.sin(2 * np.pi * k / groups)
        else:
            centres[k, k] = 4 * np.sqrt(width)
    places = random.random(count if not lost else 4 * count)
    group = np.minimum((places / share).astype(int), groups)
    if lost:
        group = group[group != 0][:count]
    middle = np.concatenate([centres, np.zeros((1, width))])[group]
    return (middle + random.normal(size=(count, width))).astype("f4")


def diagnose(binary, reals, fakes):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        np.save(f"{folder}/real.npy", reals)
        np.save(f"{folder}/fake.npy", fakes)
        words = [binary, "diagnose", "--real", f"{folder}/real.npy", "--fake", f"{folder}/fake.npy", "--out", f"{folder}/out"]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode not in (0, 2, 3):
            raise RuntimeError(done.stdout + done.stderr)
        return json.loads(pathlib.Path(f"{folder}/out/diagnosis.json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="build/allmodes")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--only", default="", help="of 'N, M, width'")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    print("| reals | samples | dimensions | said to be found from | trials | found |")
    print("|---|---|---|---|---|---|")
    for n, m in SIZES:
        for width in WIDTHS:
            if arguments.only not in f"{n}, {m}, {width}":
                continue
            random = np.random.default_rng([n, m, width])
            equal = diagnose(arguments.binary, rows_of(random, n, width, 0.1, False), rows_of(random, m, width, 0.1, False))
            share = equal["smallest_loss"]
            if share > 0.5:
                print(f"| {n} | {m} | {width} | none | | |")
                continue

            def trial(seed):
                own = np.random.default_rng([n, m, width, seed])
                said = diagnose(arguments.binary, rows_of(own, n, width, share, False), rows_of(own, m, width, share, True))
                return any(w["kind"] in ("mode_dropping", "mode_imbalance") for w in said["witnesses"])

            with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
                found = sum(pool.map(trial, range(arguments.trials)))
            print(f"| {n} | {m} | {width} | {100 * share:.1f} % | {arguments.trials} | {found} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
