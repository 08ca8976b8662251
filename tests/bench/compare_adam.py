#!/usr/bin/env python3
"""One update of Adam with averaged weights: flat storage beside torch::optim::Adam and a lerp a tensor.

    python3 tests/bench/compare_adam.py [--rounds N] [--json FILE]

Both in one C++ process on one thread, turn by turn, at 0.1, 1 and 3.5 million parameters. Ratios
above 1: allmodes is faster. Idle machine, please.
"""

import argparse
import json
import os
import pathlib
import statistics

import measuring


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    options = parser.parse_args()
    bench = str(pathlib.Path(measuring.program()).parent / "tests/bench_adam")
    lines = [json.loads(line) for line in measuring.run(
        [bench, str(options.rounds)], {max(os.sched_getaffinity(0))}).splitlines()]

    print(f"milliseconds an update, one thread, {options.rounds} rounds")
    print(f"{'parameters':>10} {'allmodes':>9} {'torch':>9}   {'torch/allmodes':<19}")
    results = []
    for parameters in sorted({line["parameters"] for line in lines}):
        ours, theirs = ([line[name] for line in lines if line["parameters"] == parameters]
                        for name in ("allmodes_ms", "torch_ms"))
        results.append({"parameters": parameters, "allmodes_ms": ours, "torch_ms": theirs,
                        "torch_over_allmodes": measuring.ratio(theirs, ours)})
        print(f"{parameters:>10} {statistics.median(ours):9.3f} {statistics.median(theirs):9.3f}   "
              f"{measuring.show(results[-1]['torch_over_allmodes'])}")
    measuring.write(options.json, {"rounds": options.rounds, "sizes": results})


main()
