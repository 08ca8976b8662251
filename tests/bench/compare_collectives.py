#!/usr/bin/env python3
"""All-reduces of host memory on two ranks: allmodes, MPI_Allreduce, and gloo.

    python3 tests/bench/compare_collectives.py [--rounds N] [--python PYTHON] [--json FILE]

One thread a rank, one core each. Each figure is the time of one all-reduce of memory that was just
written, on the slower rank, in microseconds; MPI and allmodes alternate within a process, gloo
takes turns with it. `in place` is memory that the communicator allocated, where the gradients lie;
`elsewhere` is any other. Ratios above 1: allmodes (in place) is faster. Idle machine, please.
"""

import json
import os
import pathlib
import statistics
import sys
import time

import measuring
from compare_ranks import free_port

SIZES = (4, 1 << 10, 32 << 10, 1 << 20, 25 << 20, 100 << 20)


def time_in_gloo():
    """Microseconds by size."""
    import torch

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    times = {}
    for size in SIZES:
        values = torch.empty(size // 4)
        repeats = min(2000, max(3, (64 << 20) // size))
        total = 0.0
        for i in range(-1, repeats):
            values.fill_(float(i))
            torch.distributed.barrier()
            begin = time.perf_counter()
            torch.distributed.all_reduce(values)
            total += time.perf_counter() - begin if i >= 0 else 0.0
        times[size] = 1e6 * total / repeats
    torch.distributed.destroy_process_group()
    return times


def gloo_pair(python, cores):
    port = str(free_port())
    outs = measuring.outputs([
        measuring.start([python, "-W", "ignore", __file__, "--in-gloo"], {core},
                        {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": str(rank),
                         "WORLD_SIZE": "2"})
        for rank, core in enumerate(cores)])
    ranks = [json.loads(out) for out in outs]
    return {size: max(rank[str(size)] for rank in ranks) for size in SIZES}


def main():
    if sys.argv[1:2] == ["--in-gloo"]:
        print(json.dumps(time_in_gloo()))
        return
    parser = measuring.parser(__doc__, rounds=5)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("compare_collectives.py: needs two cores")
    python, version = measuring.python_with_torch(options.python)
    bench = str(pathlib.Path(measuring.program()).parent / "tests/bench_collectives")

    names = ("in_place", "elsewhere", "mpi", "gloo")
    taken = {size: {name: [] for name in names} for size in SIZES}
    for _ in range(options.rounds):
        out = measuring.run([str(measuring.ROOT / "launch/run.sh"), "-n", "2", "--", "3"], cores,
                            {"ALLMODES_BINARY": bench})
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        for size in SIZES:
            for name in names[:3]:
                taken[size][name].append(statistics.median(
                    line[f"{name}_us"] for line in lines if line["bytes"] == size))
        for size, microseconds in gloo_pair(python, cores).items():
            taken[size]["gloo"].append(microseconds)

    print(f"microseconds an all-reduce, two ranks, {options.rounds} rounds, torch {version}")
    print(f"{'bytes':>10} {'in place':>10} {'elsewhere':>10} {'MPI':>10} {'gloo':>10}   "
          f"{'MPI/in place':<22} {'gloo/in place':<22}")
    results = []
    for size in SIZES:
        times = taken[size]
        results.append({"bytes": size, "microseconds": times} | {
            f"{name}_over_in_place": measuring.ratio(times[name], times["in_place"])
            for name in ("elsewhere", "mpi", "gloo")})
        print(f"{size:>10} " + " ".join(f"{statistics.median(times[n]):10.1f}" for n in names) +
              "   " + " ".join(measuring.show(results[-1][f"{n}_over_in_place"]).ljust(22)
                               for n in ("mpi", "gloo")))
    measuring.write(options.json,
                    {"torch": version, "rounds": options.rounds, "sizes": results})


if __name__ == "__main__":
    main()
