#!/usr/bin/env python3
"""One training step on a GPU beside the same model in PyTorch: eager and compiled.

    python3 tests/bench/compare_gpu.py [--rounds N] [--python PYTHON] [--json FILE] [CASE]...

CASE  dcgan64    batch 64, TF32 on both sides. PyTorch with its fused Adam, eager, and with
                 torch.compile(mode="reduce-overhead"), which makes CUDA graphs of forward and backward
      dcgan128   128 pixels; the program with TF32 and images as NCHW, and with bfloat16 and NHWC
      first_stage128  an autoencoder with a patch discriminator, 128 pixels, batch 16; both sides with
                 TF32, and with bfloat16 and NHWC; the program also without graphs
      r3gan32    R3GAN, 32 pixels, batch 64, R1 and R2 in every step; likewise

Turn by turn on one GPU. A run's time is the median over its logging intervals of 100 steps (of the
last two cases 30) without the first two, in milliseconds a step. The program reads its images on the
host and sends a batch in each step; PyTorch has them all on the GPU. The ratio is that of the medians over the rounds, with
the lowest and highest of one round; above 1 the program is faster.
"""

import json
import os
import pathlib
import statistics
import sys
import tempfile

import measuring
import torch_exported
import torch_models

PIXELS = {"dcgan64": 64, "dcgan128": 128, "first_stage128": 128, "r3gan32": 32}
INTERVAL, INTERVALS = {"dcgan64": 100, "dcgan128": 100, "first_stage128": 30, "r3gan32": 30}, 6
REDUCED = ["gpu.precision=bfloat16", "gpu.channels_last=true"]
EAGER = ["gpu.graphs=false"]
WAYS = {
    "dcgan64": {"allmodes": [], "allmodes without graphs": EAGER, "allmodes bfloat16": REDUCED},
    "dcgan128": {"allmodes": [], "allmodes bfloat16": REDUCED},
    "first_stage128": {"allmodes": [], "allmodes without graphs": EAGER,
                       "allmodes bfloat16": REDUCED,
                       "allmodes bfloat16 without graphs": REDUCED + EAGER},
    "r3gan32": {"allmodes": [], "allmodes without graphs": EAGER, "allmodes bfloat16": REDUCED,
                "allmodes bfloat16 without graphs": REDUCED + EAGER},
}
TORCH_WAYS = {"dcgan64": ("eager", "compiled"), "dcgan128": (),
              "first_stage128": ("eager", "eager bfloat16"), "r3gan32": ("eager", "eager bfloat16")}


def step_in_torch(torch, case, compiled):
    functional, batch = torch.nn.functional, 64
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


def step_of_exported(torch, case, images, way):
    networks = torch_exported.networks_of(torch, case, "cuda", f"data.path={images}")
    reduced = way.endswith("bfloat16")
    if reduced:
        for network in networks.values():
            network.to(memory_format=torch.channels_last)
    pictures = torch.rand(2048, 3, PIXELS[case], PIXELS[case], device="cuda") * 2 - 1
    batch = 16 if case == "first_stage128" else 64
    return torch_exported.STEPS[case](torch, networks, pictures, batch, reduced)


def time_in_torch(case, way, images):
    import torch

    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    if case in torch_exported.STEPS:
        step = step_of_exported(torch, case, images, way)
    else:
        step = step_in_torch(torch, case, way == "compiled")
    return torch_models.step_times(step, INTERVAL[case], INTERVALS, torch.cuda.synchronize)


def steady(times):
    return statistics.median(times[2:])


def compare(case, python, rounds, folder):
    cores = os.sched_getaffinity(0)
    images = pathlib.Path(folder) / f"{case}.npy"
    measuring.write_images(images, PIXELS[case])
    taken = {}
    for _ in range(rounds):
        for way, settings in WAYS[case].items():
            times, _ = measuring.time_in_allmodes(case, 1, cores, f"data.path={images}", *settings)
            taken.setdefault(way, []).append(steady(times))
        for way in TORCH_WAYS[case]:
            out = measuring.run([python, "-W", "ignore", __file__, "--in-torch", case, way,
                                 str(images)], cores)
            times = json.loads(out.splitlines()[-1])
            taken.setdefault(way, []).append(steady(times))
        times, _ = measuring.time_in_allmodes(case, 1, cores, f"data.path={images}")
        taken.setdefault("allmodes again", []).append(steady(times))
    for way, times in taken.items():
        print(f"{case:<14} {way:<32} {statistics.median(times):8.3f} ms   "
              f"{measuring.show(measuring.ratio(times, taken['allmodes']))} of allmodes", flush=True)
    return {"case": case, "milliseconds": taken,
            "over_allmodes": {way: measuring.ratio(times, taken["allmodes"])
                              for way, times in taken.items()}}


def main():
    if sys.argv[1:2] == ["--in-torch"]:
        print(json.dumps(time_in_torch(*sys.argv[2:5])))
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
