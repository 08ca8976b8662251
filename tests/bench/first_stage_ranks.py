#!/usr/bin/env python3
"""A first stage with a codebook on 1, 2 and 4 ranks: what changes with the number of ranks.

    python3 tests/bench/first_stage_ranks.py [--steps N] [--python PYTHON] [--json FILE]

allmodes trains configs/first_stage_vq.txtpb (width 8, batch 32 over all ranks, the discriminator from the start) on
1, 2 and 4 ranks: printed is by how much the distance differs at most from that on one rank, up to some step; the same
without restarts, and with --deterministic and a fixed weight (a ratio of gradients of the whole batch is none of
shards). Beside it the same
networks, data and settings in PyTorch, where a rank is a share of each batch in one process: on one rank, and on 2 and
4 as published trainers have it, each rank with an adaptive weight of its own, whose gradients are then averaged, and
dead codes found and begun anew by what rank 0 sees. Distance and codes are means over the last tenth of the steps.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import measuring
import torch_exported

BATCH, CODES, CHANNELS, RESTART_BELOW, DECAY = 32, 256, 8, 0.1, 0.99
SETTINGS = (f"batch={BATCH}", "first_stage.encoder.width=8", "first_stage.decoder.width=8",
            "first_stage.discriminator.width=8", "first_stage.discriminator_start=0",
            "first_stage.discriminator_warmup=0", "diagnostics.log_every=1", "diagnostics.evaluate_every=1000000",
            "diagnostics.samples=64", "diagnostics.classifier=false", "checkpoints.every=0", "images.every=0",
            "device=cpu")
CONFIG = measuring.ROOT / "configs/first_stage_vq.txtpb"
PICTURES = pathlib.Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")


def distances(ranks, steps, *flags):
    """The mean distance since the last line, by step."""
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        subprocess.run(["bash", str(measuring.ROOT / "launch/run.sh"), "-n", str(ranks), "--", "train", str(CONFIG),
                        "--steps", str(steps), "--quiet", "--out", folder, *flags, *words],
                       check=True, capture_output=True)
        (records,) = pathlib.Path(folder).glob("*/records.jsonl")
        lines = map(json.loads, records.read_text().splitlines())
        return {r["step"]: r["loss_reconstruction"] for r in lines if r["record"] == "train"}


def of_allmodes(steps):
    result = {}
    for name, flags in (("as it is", ()), ("without restarts", ("--set", "first_stage.restart_below=0")),
                        ("--deterministic", ("--deterministic", "--set", "first_stage.adaptive_weight=false"))):
        curves = {ranks: distances(ranks, steps, *flags) for ranks in (1, 2, 4)}
        for ranks in (2, 4):
            for until in (2, 20, steps):
                apart = max(abs(curves[ranks][s] / curves[1][s] - 1) for s in curves[1] if s <= until)
                result[f"{name}, {ranks} ranks, to step {until}"] = apart
                print(f"allmodes, {name:<16} {ranks} ranks, to step {until:4}: the distance differs by at most "
                      f"{apart:.1e}", flush=True)
    return result


def train(torch, nets, pictures, steps, ranks, own):
    """`own`: each rank's own adaptive weight, restarts by rank 0. Returns distances, codes used, spread of weights."""
    functional = torch.nn.functional
    generator = torch.Generator().manual_seed(1)
    encoder, decoder, discriminator = nets["encoder"], nets["decoder"], nets["discriminator"]
    players = [*encoder.parameters(), *decoder.parameters()]
    updates = [torch.optim.Adam(players, 1e-3, (0.5, 0.9)), torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.9))]
    last = [p for p in decoder.parameters() if p.dim() > 1][-1]
    book = (torch.rand(CODES, CHANNELS, generator=generator) * 2 - 1) / CODES
    # `known`: the uses by which dead codes are found, of all ranks, or of rank 0 as many times as there are ranks.
    sums, uses, known, mass = torch.zeros_like(book), torch.zeros(CODES), torch.zeros(CODES), 0.0

    def quantized(encoded):
        points = encoded.movedim(1, -1).reshape(-1, CHANNELS)
        index = torch.cdist(points, book).argmin(1)
        vectors = book[index].view(*encoded.movedim(1, -1).shape).movedim(-1, 1)
        commitment = (encoded - vectors).square().mean()
        return encoded + (vectors - encoded).detach(), commitment, points.detach(), index

    seen, used, spread = [], [], []
    for step in range(steps):
        for group in updates[0].param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 100)
        x = pictures[torch.randint(len(pictures), (BATCH,), generator=generator)]
        shares = x.chunk(ranks)
        updates[1].zero_grad()
        with torch.no_grad():
            made = decoder(quantized(encoder(x))[0])
        (functional.relu(1 - discriminator(x)).mean() + functional.relu(1 + discriminator(made)).mean()).backward()
        updates[1].step()

        discriminator.requires_grad_(False)
        parts, weights = [], []
        for share in shares if own else [x]:
            code, commitment, points, index = quantized(encoder(share))
            image = decoder(code)
            distance, fooling = (image - share).abs().mean(), -discriminator(image).mean()
            norms = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (distance, fooling)]
            weights.append((norms[0] / (norms[1] + 1e-4)).clamp(0, 1e4))
            parts.append((distance, distance + 0.25 * commitment + 0.8 * weights[-1] * fooling, points, index))
        updates[0].zero_grad()
        (sum(part[1] for part in parts) / len(parts)).backward()
        updates[0].step()
        discriminator.requires_grad_(True)

        points, index = torch.cat([p[2] for p in parts]), torch.cat([p[3] for p in parts])
        chosen = functional.one_hot(index, CODES).float()
        uses = DECAY * uses + (1 - DECAY) * chosen.sum(0)
        sums = DECAY * sums + (1 - DECAY) * chosen.t() @ points
        mass = DECAY * mass + 1 - DECAY
        book = torch.where(uses[:, None] > 1e-9, sums / uses[:, None], book)
        of_rank_0 = functional.one_hot(parts[0][3], CODES).float().sum(0) * len(parts)
        known = DECAY * known + (1 - DECAY) * (of_rank_0 if own else chosen.sum(0))
        dead = (known / mass < RESTART_BELOW).nonzero()[:, 0]
        if len(dead):
            candidates = parts[0][2] if own else points
            book[dead] = candidates[torch.randint(len(candidates), (len(dead),), generator=generator)]
            uses[dead] = known[dead] = 2 * RESTART_BELOW * mass
            sums[dead] = book[dead] * uses[dead, None]
        seen.append(float(sum(p[0] for p in parts) / len(parts)))
        used.append(len(index.unique()))
        spread.append(float(max(weights) / min(weights)))
    tail = max(1, steps // 10)
    return {"distance": sum(seen[-tail:]) / tail, "codes": sum(used[-tail:]) / tail,
            "weights_apart": sorted(spread)[len(spread) // 2], "curve": seen}


def in_torch(steps):
    import torch

    torch.set_num_threads(1)
    with gzip.open(PICTURES) as file:
        raw = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)[16:]
    pictures = raw.view(-1, 1, 28, 28).float() / 127.5 - 1
    result = {}
    for ranks, own in ((1, False), (2, True), (4, True)):
        nets = torch_exported.networks_of_config(torch, CONFIG, "cpu", *SETTINGS, "diagnostics.sample_metrics=off",
                                                 flags=("--raw",))
        result[str(ranks)] = train(torch, nets, pictures, steps, ranks, own)
    print(json.dumps(result))


def main():
    if sys.argv[1:2] == ["--in-torch"]:
        in_torch(int(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--python", default="", help="an interpreter that imports torch")
    parser.add_argument("--json", default="", help="file for all figures")
    options = parser.parse_args()
    python, version = measuring.python_with_torch(options.python)
    ours = of_allmodes(options.steps)
    done = subprocess.run([python, "-W", "ignore", __file__, "--in-torch", str(options.steps)], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    theirs = json.loads(done.stdout)
    whole = theirs["1"]["curve"]
    for ranks, figures in theirs.items():
        apart = [max(abs(a / b - 1) for a, b in zip(figures["curve"][:until], whole)) for until in (2, 20, options.steps)]
        print(f"torch {version}, {ranks} rank{'s' if ranks != '1' else ', all of the batch'}: distance "
              f"{figures['distance']:.4f}, {figures['codes']:.0f} codes a batch; from one rank by at most {apart[0]:.1e} "
              f"to step 2, {apart[1]:.1e} to step 20, {apart[2]:.1e} to step {options.steps}; largest over least adaptive weight "
              f"{figures['weights_apart']:.2f} (median)")
    measuring.write(options.json, {"torch": version, "steps": options.steps, "allmodes": ours, "torch_ranks": theirs})


if __name__ == "__main__":
    main()
