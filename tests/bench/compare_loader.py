#!/usr/bin/env python3
"""Filling a batch of 64 images, 64 x 64 in three colours, beside PyTorch's index_select.

    python3 tests/bench/compare_loader.py [--rounds N] [--json FILE]

Microseconds an image on one thread, in one C++ process, turn by turn: as bytes, which is what goes to
a GPU, and as floats in [-1, 1]; and bytes of a memory-mapped array (allmodes data pack) beside memcpy of the
same images. Ratios above 1: allmodes is faster. Idle machine, please.
"""

import json
import os
import pathlib
import statistics

import measuring


def main():
    options = measuring.parser(__doc__, rounds=10).parse_args()
    bench = str(pathlib.Path(measuring.program()).parent / "tests/bench_loader")
    lines = [json.loads(line) for line in measuring.run(
        [bench, str(options.rounds)], {max(os.sched_getaffinity(0))}).splitlines()]
    print(f"microseconds an image, one thread, {options.rounds} rounds")
    results = {}
    for form, other in (("bytes", "torch_bytes"), ("floats", "torch_floats"), ("packed", "memcpy")):
        ours, theirs = ([line[name] for line in lines] for name in (form, other))
        results[form] = {"allmodes_us": ours, f"{other}_us": theirs,
                         f"{other}_over_allmodes": measuring.ratio(theirs, ours)}
        print(f"{form:<8} {statistics.median(ours):7.2f}   {other:<12} {statistics.median(theirs):7.2f}   "
              f"{measuring.show(results[form][f'{other}_over_allmodes'])}")
    measuring.write(options.json, {"rounds": options.rounds, "forms": results})


if __name__ == "__main__":
    main()
