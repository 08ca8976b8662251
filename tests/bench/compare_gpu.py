#!/usr/bin/env python3
"""One training step of a DCGAN on a GPU beside the same model in PyTorch: eager and compiled.

    python3 tests/bench/compare_gpu.py [--rounds N] [--python PYTHON] [--json FILE] [CASE]...

CASE  dcgan64    batch 64, TF32 on both sides. PyTorch with its fused Adam, eager, and with
                 torch.compile(mode="reduce-overhead"), which makes CUDA graphs of forward and backward
      dcgan128   128 pixels; the program with TF32 and images as NCHW, and with bfloat16 and NHWC

Turn by turn on one GPU. A run's time is the median over its logging intervals of 100 steps without
the first two, in milliseconds a step. The program reads its images on the host and sends a batch in
each step; PyTorch has them all on the GPU. The ratio is that of the medians over the rounds, with
the lowest and highest of one round; above 1 the program is faster.
"""

import json
import os
import pathlib
import random
import statistics
import sys
import tempfile

import measuring
import torch_models

PIXELS = {"dcgan64": 64, "dcgan128": 128}
INTERVAL, INTERVALS = 100, 6
WAYS = {
    "dcgan64": {"allmodes": [], "allmodes without graphs": ["gpu.graphs=false"],
                "allmodes bfloat16": ["gpu.precision=bfloat16", "gpu.channels_last=true"]},
    "dcgan128": {"allmodes": [], "allmodes bfloat16": ["gpu.precision=bfloat16",
                                                       "gpu.channels_last=true"]},
}


def write_images(path, pixels, count=2048):
    """Bytes without structure: the work does not depend on them."""
    header = ("{'descr': '|u1', 'fortran_order': False, "
              f"'shape': ({count}, 3, {pixels}, {pixels}), }}")
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        file.write(random.Random(1).randbytes(count * 3 * pixels * pixels))


def step_in_torch(torch, case, compiled):
    functional, batch = torch.nn.functional, 64
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    generator, discriminator = (n.cuda() for n in torch_models.dcgan(torch, PIXELS[case], 3, 64))
    update = torch_models.player_updates(torch, (generator, discriminator),
                                         {"lr": 2e-4, "betas": (0.5, 0.999), "fused": True})
    images = torch.rand(2048, 3, PIXELS[case], PIXELS[case], device="cuda") * 2 - 1

    def discriminator_loss(real, z):
        with torch.no_grad():
            fake = generator(z)
        return (functional.softplus(-discriminator(real)).mean() +
                functional.softplus(discriminator(fake)).mean())

    def generator_loss(z):
        return functional.softplus(-discriminator(generator(z))).mean()

    if compiled:
        discriminator_loss = torch.compile(discriminator_loss, mode="reduce-overhead")
        generator_loss = torch.compile(generator_loss, mode="reduce-overhead")

    def step():
        if compiled:
            torch.compiler.cudagraph_mark_step_begin()
        discriminator.requires_grad_(True)
        chosen = torch.randint(len(images), (batch,), device="cuda")
        update(1, discriminator_loss(images[chosen], torch.randn(batch, 100, device="cuda")))
        discriminator.requires_grad_(False)
        if compiled:
            torch.compiler.cudagraph_mark_step_begin()
        update(0, generator_loss(torch.randn(batch, 100, device="cuda")))

    return step


def time_in_torch(case, compiled):
    import torch

    torch.manual_seed(1)
    step = step_in_torch(torch, case, compiled)
    return torch_models.step_times(step, INTERVAL, INTERVALS, torch.cuda.synchronize)


def steady(times):
    return statistics.median(times[2:])


def compare(case, python, rounds, folder):
    cores = os.sched_getaffinity(0)
    images = pathlib.Path(folder) / f"{case}.npy"
    write_images(images, PIXELS[case])
    taken = {}
    for _ in range(rounds):
        for way, settings in WAYS[case].items():
            times, _ = measuring.time_in_allmodes(case, 1, cores, f"data.path={images}", *settings)
            taken.setdefault(way, []).append(steady(times))
        for way in ("eager", "compiled") if case == "dcgan64" else ():
            out = measuring.run([python, "-W", "ignore", __file__, "--in-torch", case, way], cores)
            times = json.loads(out.splitlines()[-1])
            taken.setdefault(way, []).append(steady(times))
        times, _ = measuring.time_in_allmodes(case, 1, cores, f"data.path={images}")
        taken.setdefault("allmodes again", []).append(steady(times))
    for way, times in taken.items():
        print(f"{case:<10} {way:<26} {statistics.median(times):8.3f} ms   "
              f"{measuring.show(measuring.ratio(times, taken['allmodes']))} of allmodes", flush=True)
    return {"case": case, "milliseconds": taken,
            "over_allmodes": {way: measuring.ratio(times, taken["allmodes"])
                              for way, times in taken.items()}}


def main():
    if sys.argv[1:2] == ["--in-torch"]:
        print(json.dumps(time_in_torch(sys.argv[2], sys.argv[3] == "compiled")))
        return
    parser = measuring.parser(__doc__, rounds=3, cases=PIXELS)
    options = parser.parse_args()
    cases = measuring.cases_of(parser, options.case, PIXELS)
    python, version = measuring.python_with_torch(options.python)
    print(f"one GPU, {options.rounds} rounds, torch {version}")
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        results = [compare(case, python, options.rounds, folder) for case in cases]
    measuring.write(options.json,
                    {"torch": version, "rounds": options.rounds, "cases": results})


if __name__ == "__main__":
    main()
