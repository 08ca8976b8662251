#!/usr/bin/env python3
"""One training step of allmodes beside the same model in PyTorch, Python, eager.

    python3 tests/bench/compare_step.py [--rounds N] [--python PYTHON] [--json FILE] [CASE]...

Both run on one thread of one core, turn by turn, so that a machine that slows down slows both: in
each round the program, PyTorch with its default Adam, and PyTorch with its fused Adam. A run's
time is the median over its logging intervals without the first, in milliseconds a step; for the
program that is `step_ms` of its train records. The ratio is the program's median over the rounds
divided by PyTorch's, with the lowest and highest ratio of one round: below 1 the program is
faster.

Same work on both sides: data in memory, a new shuffled batch each step, fresh noise, for a GAN one
step of each player with the other's gradients switched off, Adam, averaged weights of all
networks. Idle machine, please. PYTHON needs torch with what it imports; by default that of
LibTorch's folder in the cache, of which the flavour with CUDA has all of it.
"""

import argparse
import gzip
import json
import math
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ("ring_gan", "ring_pacgan", "dcgan32", "vae")
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
EMA_DECAY = 0.999


# ---- the models in PyTorch -------------------------------------------------------------------


def mlp(torch, sizes, norm=False, bias=True):
    nn, layers = torch.nn, []
    for inputs, units in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(inputs, units, bias=bias))
        if norm:
            layers.append(nn.BatchNorm1d(units))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def maxout_mlp(torch, inputs, units, depth, pieces):
    class Maxout(torch.nn.Module):
        def __init__(self, inputs):
            super().__init__()
            self.linear = torch.nn.Linear(inputs, pieces * units)

        def forward(self, x):
            return self.linear(x).view(-1, pieces, units).amax(1)

    hidden = [Maxout(inputs if i == 0 else units) for i in range(depth)]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(units, 1))


def ring(torch, radius, std):
    angles = torch.arange(8) * (2 * math.pi / 8)
    means = radius * torch.stack([angles.cos(), angles.sin()], 1)
    return means[torch.arange(100_000) % 8] + std * torch.randn(100_000, 2)


def fashion(torch, size=28):
    with gzip.open(FASHION) as file:
        count, height, width = struct.unpack(">4xIII", file.read(16))
        pixels = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
    images = pixels.view(count, 1, height, width).float() / 127.5 - 1
    border = (size - height) // 2
    return torch.nn.functional.pad(images, (border,) * 4, value=-1.0)


def ring_gan(torch, adam):
    networks = mlp(torch, (64, 128, 128, 128, 2)), mlp(torch, (2, 128, 128, 128, 1))
    options = {"lr": 1e-3, "betas": (0.5, 0.999)}
    return gan_step(torch, adam, *networks, ring(torch, 2, 0.05), 256, 64, options)


def ring_pacgan(torch, adam):
    generator = mlp(torch, (2, 400, 400, 400, 400, 2), norm=True, bias=False)
    discriminator = maxout_mlp(torch, 2, 200, 3, 5)
    options = {"lr": 1e-4, "betas": (0.8, 0.999)}
    return gan_step(torch, adam, generator, discriminator, ring(torch, 1, 0.01), 100, 2, options)


def dcgan32(torch, adam):
    nn = torch.nn
    up = lambda i, o, **k: nn.ConvTranspose2d(i, o, 4, 2, 1, **k)
    down = lambda i, o, **k: nn.Conv2d(i, o, 4, 2, 1, **k)
    generator = nn.Sequential(
        nn.Linear(100, 128 * 16, bias=False), nn.Unflatten(1, (128, 4, 4)),
        nn.BatchNorm2d(128), nn.ReLU(),
        up(128, 64, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        up(64, 32, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        up(32, 1), nn.Tanh())
    discriminator = nn.Sequential(
        down(1, 32), nn.LeakyReLU(0.2),
        down(32, 64, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        down(64, 128, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(128 * 16, 1))
    options = {"lr": 2e-4, "betas": (0.5, 0.999)}
    return gan_step(torch, adam, generator, discriminator, fashion(torch, 32), 64, 100, options)


def averaged(torch, parameters):
    """Returns a function that moves a copy of `parameters` towards them."""
    average = [p.detach().clone() for p in parameters]
    current = [p.detach() for p in parameters]
    return lambda: torch._foreach_lerp_(average, current, 1 - EMA_DECAY)


def batches(torch, data, size):
    while True:
        order = torch.randperm(len(data))
        for begin in range(0, len(data) - size + 1, size):
            yield data[order[begin:begin + size]]


def gan_step(torch, adam, generator, discriminator, data, batch, latent, options):
    softplus = torch.nn.functional.softplus
    players = generator, discriminator
    optimizers = [torch.optim.Adam(p.parameters(), **options, **adam) for p in players]
    averages = [averaged(torch, list(p.parameters())) for p in players]
    stream = batches(torch, data, batch)

    def update(player, loss):
        optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[player].step()
        averages[player]()

    def step():
        discriminator.requires_grad_(True)
        with torch.no_grad():
            fake = generator(torch.randn(batch, latent))
        real_score, fake_score = discriminator(next(stream)), discriminator(fake)
        update(1, softplus(-real_score).mean() + softplus(fake_score).mean())
        discriminator.requires_grad_(False)
        update(0, softplus(-discriminator(generator(torch.randn(batch, latent)))).mean())

    return step


def vae(torch, adam):
    functional, batch = torch.nn.functional, 128
    encoder, decoder = mlp(torch, (784, 400, 40)), mlp(torch, (20, 400, 784))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, **adam)
    average = averaged(torch, parameters)
    stream = batches(torch, fashion(torch).flatten(1), batch)

    def step():
        x = next(stream)
        mean, log_variance = encoder(x).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn(batch, 20)
        reconstruction = functional.binary_cross_entropy_with_logits(
            decoder(z), (x + 1) * 0.5, reduction="sum") / batch
        kl = (mean.square() + log_variance.exp() - log_variance - 1).sum() * (0.5 / batch)
        optimizer.zero_grad(set_to_none=True)
        (reconstruction + kl).backward()
        optimizer.step()
        average()

    return step


def time_in_torch(case, fused, interval, intervals):
    """Milliseconds a step of each interval; runs in a process of its own."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    step = globals()[case](torch, {"fused": True} if fused else {})
    times = []
    for _ in range(intervals):
        begin = time.perf_counter()
        for _ in range(interval):
            step()
        times.append(1e3 * (time.perf_counter() - begin) / interval)
    return times


# ---- the comparison --------------------------------------------------------------------------


def python_with_torch(asked):
    cache = os.environ.get("ALLMODES_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "allmodes")
    places = [asked] if asked else [sys.executable, *map(
        str, sorted(pathlib.Path(cache).glob("torch-*/bin/python"), reverse=True))]
    reasons = []
    for python in places:
        tried = subprocess.run([python, "-c", "import torch; print(torch.__version__)"],
                               capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return python, tried.stdout.strip()
        reasons.append(f"  {python}: {(tried.stderr.strip().splitlines() or ['no answer'])[-1]}")
    sys.exit("compare_step.py: none of these imports torch; pip install what is missing and name "
             "that --python\n" + "\n".join(reasons))


def run(command):
    """On one thread of one core, which the child inherits."""
    core = max(os.sched_getaffinity(0))
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}\nended with {done.returncode}")
    return done.stdout


def time_in_allmodes(program, case):
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        run([program, "train", str(ROOT / f"tests/bench/{case}.txtpb"), "--out", folder, "--quiet"])
        (records,) = pathlib.Path(folder).glob("*/records.jsonl")
        lines = map(json.loads, records.read_text().splitlines())
        trains = [line for line in lines if line["record"] == "train"]
    return [r["step_ms"] for r in trains], trains[0]["step"]


def steady(times):
    return statistics.median(times[1:])


def compare(case, program, python, rounds):
    taken = {"allmodes": [], "torch": [], "torch_fused": []}
    for _ in range(rounds):
        ours, interval = time_in_allmodes(program, case)
        taken["allmodes"].append(steady(ours))
        for name, fused in (("torch", "0"), ("torch_fused", "1")):
            out = run([python, "-W", "ignore", __file__, "--in-torch", case, fused, str(interval),
                       str(len(ours))])
            taken[name].append(steady(json.loads(out)))
    result = {"case": case, "milliseconds": taken}
    for name in ("torch", "torch_fused"):
        each = [a / b for a, b in zip(taken["allmodes"], taken[name])]
        middle = statistics.median(taken["allmodes"]) / statistics.median(taken[name])
        result[f"ratio_to_{name}"] = {"median": middle, "lowest": min(each), "highest": max(each)}
    return result


def main():
    if sys.argv[1:2] == ["--in-torch"]:
        case, fused, interval, intervals = sys.argv[2:]
        print(json.dumps(time_in_torch(case, fused == "1", int(interval), int(intervals))))
        return
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", help="an interpreter that has torch")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    options = parser.parse_args()
    for case in options.case:
        if case not in CASES:
            parser.error(f"unknown case '{case}'; there are {', '.join(CASES)}")
    program = os.environ.get("ALLMODES_BINARY", str(ROOT / "build/allmodes"))
    python, version = python_with_torch(options.python)

    print(f"one thread of one core, {options.rounds} rounds, torch {version}")
    print(f"{'case':<12} {'allmodes':>9} {'torch':>9} {'fused':>9}   "
          f"{'allmodes/torch':<21} {'allmodes/fused':<21}")
    results = []
    for case in options.case or CASES:
        results.append(compare(case, program, python, options.rounds))
        times = [statistics.median(t) for t in results[-1]["milliseconds"].values()]
        ratios = [results[-1][f"ratio_to_{name}"] for name in ("torch", "torch_fused")]
        print(f"{case:<12} " + " ".join(f"{t:6.2f} ms" for t in times) + "   " + " ".join(
            f"{r['median']:.2f} ({r['lowest']:.2f}..{r['highest']:.2f})".ljust(21) for r in ratios),
            flush=True)
    text = json.dumps({"torch": version, "rounds": options.rounds, "cases": results})
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


main()
