#!/usr/bin/env python3
"""Two ranks of allmodes beside two ranks of PyTorch's DistributedDataParallel over gloo.

    python3 tests/bench/compare_ranks.py [--rounds N] [--python PYTHON] [--json FILE] [CASE]...

Both train on two cores, one rank and one thread each, with the batch of the case on every rank,
turn by turn. DistributedDataParallel is used as its documentation advises for speed
(gradient_as_bucket_view, no broadcast of buffers), with the default Adam. first_stage32 and
first_stage64 are autoencoders of a KL latent with a patch discriminator from the first step; the
adaptive weight of PyTorch's side is each rank's own, as in the programs that people use. Beside them each side
runs two processes that know nothing of each other: the synchronization tax is the time of a step
with synchronization over that without, the cores being as busy. Times are medians over logging
intervals without the first; the ratios are above 1 where allmodes is faster. Idle machine, please.
"""

import json
import os
import statistics
import socket
import sys
import tempfile

import measuring
import torch_exported
import torch_models

BATCH = {"ring_gan": 256, "ring_pacgan": 100, "dcgan32": 64, "vae": 128, "first_stage32": 16,
         "first_stage64": 8}
# Of these the networks are those that the program exports, on pictures of so many pixels.
PIXELS = {"first_stage32": 32, "first_stage64": 64}
CASES = (*torch_models.CASES, *PIXELS)


def settings_of(case):
    return [f"data.path={measuring.noise(PIXELS[case])}"] if case in PIXELS else []


def time_in_torch(case, synchronized, interval, intervals):
    """Milliseconds a step of each interval on this rank, which the environment names."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    wrap = lambda network: network
    if synchronized:
        torch.distributed.init_process_group("gloo")
        wrap = lambda network: torch.nn.parallel.DistributedDataParallel(
            network, gradient_as_bucket_view=True, broadcast_buffers=False)
    if case in PIXELS:
        networks = torch_exported.networks_of(torch, case, "cpu", *settings_of(case))
        images = torch.rand(1024, 3, PIXELS[case], PIXELS[case]) * 2 - 1
        step = torch_exported.first_stage(torch, networks, images, BATCH[case], wrap=wrap)
    else:
        step = getattr(torch_models, case)(torch, {}, wrap)
    times = torch_models.step_times(step, interval, intervals)
    if synchronized:
        torch.distributed.destroy_process_group()
    return times


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def torch_pair(python, case, synchronized, interval, intervals, cores):
    port = str(free_port())
    return statistics.mean(
        measuring.steady(json.loads(out)) for out in measuring.outputs([
            measuring.start(
                [python, "-W", "ignore", __file__, "--in-torch", case, str(int(synchronized)),
                 str(interval), str(intervals)], {core},
                {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": str(rank),
                 "WORLD_SIZE": "2"})
            for rank, core in enumerate(cores)]))


def allmodes_pair(case, cores):
    """Two runs of one rank at once."""
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        folders = [f"{folder}/{core}" for core in cores]
        measuring.outputs([
            measuring.start([measuring.program(), "train",
                             str(measuring.ROOT / f"tests/bench/{case}.txtpb"), "--out", out,
                             "--quiet", *(word for setting in settings_of(case)
                                          for word in ("--set", setting))], {core})
            for core, out in zip(cores, folders)])
        return statistics.mean(measuring.steady(measuring.step_times(out)[0]) for out in folders)


def compare(case, python, rounds):
    cores = sorted(os.sched_getaffinity(0))[:2]
    taken = {"allmodes": [], "ddp": [], "allmodes_alone": [], "torch_alone": []}
    for _ in range(rounds):
        ours, interval = measuring.time_in_allmodes(case, 2, cores, f"batch={2 * BATCH[case]}",
                                                   *settings_of(case))
        taken["allmodes"].append(measuring.steady(ours))
        for name, synchronized in (("ddp", True), ("torch_alone", False)):
            taken[name].append(
                torch_pair(python, case, synchronized, interval, len(ours), cores))
        taken["allmodes_alone"].append(allmodes_pair(case, cores))
    return {
        "case": case, "milliseconds": taken,
        "ddp_over_allmodes": measuring.ratio(taken["ddp"], taken["allmodes"]),
        "tax_of_allmodes": measuring.ratio(taken["allmodes"], taken["allmodes_alone"]),
        "tax_of_ddp": measuring.ratio(taken["ddp"], taken["torch_alone"])}


def main():
    if sys.argv[1:2] == ["--in-torch"]:
        case, synchronized, interval, intervals = sys.argv[2:]
        print(json.dumps(time_in_torch(case, synchronized == "1", int(interval), int(intervals))))
        return
    parser = measuring.parser(__doc__, rounds=5, cases=CASES)
    options = parser.parse_args()
    cases = measuring.cases_of(parser, options.case, CASES)
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("compare_ranks.py: needs two cores")
    python, version = measuring.python_with_torch(options.python)

    print(f"two ranks, one thread each, {options.rounds} rounds, torch {version}, gloo")
    print(f"{'case':<12} {'allmodes':>10} {'DDP':>10}   {'DDP/allmodes':<19} "
          f"{'tax of allmodes':<19} {'tax of DDP':<19}")
    results = []
    for case in cases:
        results.append(compare(case, python, options.rounds))
        times = list(results[-1]["milliseconds"].values())[:2]
        print(f"{case:<12} " + " ".join(f"{statistics.median(t):7.2f} ms" for t in times) + "   " +
              " ".join(measuring.show(results[-1][name]).ljust(19)
                       for name in ("ddp_over_allmodes", "tax_of_allmodes", "tax_of_ddp")),
              flush=True)
    measuring.write(options.json,
                    {"torch": version, "rounds": options.rounds, "cases": results})


if __name__ == "__main__":
    main()
