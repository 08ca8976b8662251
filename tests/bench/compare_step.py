#!/usr/bin/env python3
"""One training step of allmodes beside the same model in PyTorch, Python, eager.

    python3 tests/bench/compare_step.py [--rounds N] [--python PYTHON] [--json FILE] [CASE]...

Both run on one thread of one core, turn by turn, so that a machine that slows down slows both: in
each round the program, PyTorch with its default Adam, PyTorch with its fused Adam, and the program
again (what the two differ by is the noise). A run's time is the median over its logging intervals
without the first, in milliseconds a step; for the program that is `step_ms` of its train records.
The ratio is PyTorch's median over the rounds divided by the program's, with the lowest and highest
ratio of one round: above 1 the program is faster.

`limit` is the share of the program's step that its matrix products and convolutions would take alone
at the rate of a large product, measured in each round beside the step: 1 would be a step that does
nothing else.

The models are those of torch_models.py. Idle machine, please. PYTHON needs torch with what it
imports; by default that of LibTorch's folder in the cache, of which the flavour with CUDA has all.
"""

import json
import os
import statistics
import sys

import measuring
import torch_models
from torch_models import CASES


def time_in_torch(case, fused, interval, intervals):
    """Milliseconds a step of each interval; runs in a process of its own."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    adam = {"fused": True} if fused else {}
    step = getattr(torch_models, case)(torch, adam, lambda network: network)
    return {"milliseconds": torch_models.step_times(step, interval, intervals),
            "least_ms": 1e3 * torch_models.matrix_products(torch, step) /
                        torch_models.product_rate(torch)}


def compare(case, python, rounds):
    core = {max(os.sched_getaffinity(0))}
    taken = {"allmodes": [], "torch": [], "torch_fused": [], "allmodes_again": []}
    least = []  # milliseconds of the products alone
    for _ in range(rounds):
        ours, interval = measuring.time_in_allmodes(case, 1, core)
        taken["allmodes"].append(measuring.steady(ours))
        products = []
        for name, fused in (("torch", "0"), ("torch_fused", "1")):
            out = measuring.run([python, "-W", "ignore", __file__, "--in-torch", case, fused,
                                 str(interval), str(len(ours))], core)
            found = json.loads(out)
            taken[name].append(measuring.steady(found["milliseconds"]))
            products.append(found["least_ms"])
        least.append(min(products))
        again, _ = measuring.time_in_allmodes(case, 1, core)
        taken["allmodes_again"].append(measuring.steady(again))
    return {"case": case, "milliseconds": taken, "least_ms": least,
            "limit": measuring.ratio(least, taken["allmodes"])} | {
        f"{name}_over_allmodes": measuring.ratio(taken[name], taken["allmodes"])
        for name in ("torch", "torch_fused", "allmodes_again")}


def main():
    if sys.argv[1:2] == ["--in-torch"]:
        case, fused, interval, intervals = sys.argv[2:]
        print(json.dumps(time_in_torch(case, fused == "1", int(interval), int(intervals))))
        return
    parser = measuring.parser(__doc__, rounds=5, cases=CASES)
    options = parser.parse_args()
    cases = measuring.cases_of(parser, options.case, CASES)
    python, version = measuring.python_with_torch(options.python)

    print(f"one thread of one core, {options.rounds} rounds, torch {version}")
    print(f"{'case':<12} {'allmodes':>10} {'torch':>10} {'fused':>10}   {'torch/allmodes':<19} "
          f"{'fused/allmodes':<19} {'allmodes/allmodes':<19} {'limit':<19}")
    results = []
    for case in cases:
        results.append(compare(case, python, options.rounds))
        times = list(results[-1]["milliseconds"].values())[:3]
        print(f"{case:<12} " + " ".join(f"{statistics.median(t):7.2f} ms" for t in times) + "   " +
              " ".join(measuring.show(results[-1][f"{name}_over_allmodes"]).ljust(19)
                       for name in ("torch", "torch_fused", "allmodes_again")) +
              " " + measuring.show(results[-1]["limit"]), flush=True)
    measuring.write(options.json,
                    {"torch": version, "rounds": options.rounds, "cases": results})


if __name__ == "__main__":
    main()
