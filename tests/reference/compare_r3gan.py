#!/usr/bin/env python3
"""Exported networks of the architecture r3gan beside the published one, written down here anew.

    compare_r3gan.py FOLDER...    folders that `allmodes export` wrote

Huang et al., "The GAN is dead; long live the GAN! A modern GAN baseline", arXiv 2501.05441, section 4
and appendix: a stage a resolution; a residual block of a 1x1 convolution, a grouped 3x3 one and a 1x1
one, each of the first two followed by a bias and a leaky ReLU of slope 0.2; images resampled with the
filter [1, 2, 1] convolved with [1, 1]; a learned 4x4 basis at the smallest image.

The outputs of these modules, with the weights of NAME.safetensors in the order in which the paper's
layers use them, are those of NAME.example.safetensors within 1e-5 of the largest.
"""

import json
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional

SLOPE, EXPANSION = 0.2, 2


class Resample(nn.Module):
    """Zeros are inserted (or every second pixel kept) around a filter of four taps an axis."""

    def __init__(self, up):
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0])
        taps = functional.pad(taps, (0, 1)) + functional.pad(taps, (1, 0))
        plane = torch.outer(taps, taps)
        self.up = up
        self.plane = plane / plane.sum() * (4 if up else 1)

    def forward(self, x):
        n, channels, height, width = x.shape
        single = x.reshape(n * channels, 1, height, width)
        if self.up:
            wide = functional.conv_transpose2d(single, self.plane[None, None], stride=2, padding=1)
        else:
            wide = functional.conv2d(single, self.plane[None, None], stride=2, padding=1)
        return wide.reshape(n, channels, *wide.shape[2:])


class Block(nn.Module):
    def __init__(self, width, groups):
        super().__init__()
        inner = EXPANSION * width
        self.widen = nn.Conv2d(width, inner, 1, bias=False)
        self.first_bias = nn.Parameter(torch.zeros(inner))
        self.mix = nn.Conv2d(inner, inner, 3, padding=1, groups=groups, bias=False)
        self.second_bias = nn.Parameter(torch.zeros(inner))
        self.narrow = nn.Conv2d(inner, width, 1, bias=False)

    def in_order(self):
        return [self.widen.weight, self.first_bias, self.mix.weight, self.second_bias,
                self.narrow.weight]

    def forward(self, x):
        bent = lambda y, bias: functional.leaky_relu(y + bias[None, :, None, None], SLOPE)
        y = bent(self.widen(x), self.first_bias)
        y = bent(self.mix(y), self.second_bias)
        return x + self.narrow(y)


def change(old, new):
    return [nn.Conv2d(old, new, 1, bias=False)] if old != new else []


class Generator(nn.Module):
    def __init__(self, widths, groups, blocks, noise, classes, channels=3, smallest=4):
        super().__init__()
        self.embed = nn.Parameter(torch.zeros(classes, noise)) if classes else None
        self.scale = nn.Linear(noise * (2 if classes else 1), widths[0], bias=False)
        self.basis = nn.Parameter(torch.zeros(widths[0], smallest, smallest))
        stages = []
        for i, width in enumerate(widths):
            if i:
                stages += change(widths[i - 1], width) + [Resample(up=True)]
            stages += [Block(width, groups[i]) for _ in range(blocks)]
        self.stages = nn.Sequential(*stages)
        self.picture = nn.Conv2d(widths[-1], channels, 1, bias=False)

    def forward(self, z, labels):
        if self.embed is not None:
            z = torch.cat([z, self.embed[labels]], 1)
        return self.picture(self.stages(self.scale(z)[:, :, None, None] * self.basis[None]))


class Discriminator(nn.Module):
    def __init__(self, widths, groups, blocks, classes, channels=3, smallest=4):
        super().__init__()
        self.extract = nn.Conv2d(channels, widths[-1], 1, bias=False)
        stages = []
        for i in reversed(range(len(widths))):
            stages += [Block(widths[i], groups[i]) for _ in range(blocks)]
            if i:
                stages += [Resample(up=False)] + change(widths[i], widths[i - 1])
        self.stages = nn.Sequential(*stages)
        self.basis = nn.Parameter(torch.zeros(widths[0], smallest, smallest))
        self.score = nn.Linear(widths[0], widths[0] if classes else 1, bias=False)
        self.embed = nn.Parameter(torch.zeros(classes, widths[0])) if classes else None

    def forward(self, x, labels):
        features = (self.stages(self.extract(x)) * self.basis[None]).sum((2, 3))
        score = self.score(features)
        if self.embed is None:
            return score
        return (score * self.embed[labels]).sum(1, keepdim=True)


def in_order_of_use(network):
    """Parameters as the paper's forward pass meets them."""
    stages = [parameter for stage in network.stages
              for parameter in (stage.in_order() if isinstance(stage, Block) else stage.parameters())]
    if isinstance(network, Generator):
        first = [network.scale.weight, network.basis]
        return ([network.embed] if network.embed is not None else []) + first + \
            stages + [network.picture.weight]
    last = [network.basis, network.score.weight]
    return [network.extract.weight] + stages + last + \
        ([network.embed] if network.embed is not None else [])


def order_in_block(names):
    """A block's own names in the file: 0.weight, 0.bias, 2.weight, 2.bias, 4.weight."""
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else {"weight": 0, "bias": 1,
                                           "embedding": 2}[part] for part in name.split(".")])


def settings_of(description):
    """Widths, groups and blocks, read off the layers: of what is compared only the size is theirs."""
    blocks, sizes = {}, []
    for layer in description["layers"]:
        if layer["kind"] == "residual":
            side, width = layer["input"][2], layer["input"][0]
            blocks[side] = blocks.get(side, 0) + 1
            sizes.append((side, width, layer["layers"][2]["groups"]))
    by_side = sorted(set(sizes))
    return ([width for _, width, _ in by_side], [groups for _, _, groups in by_side],
            blocks[by_side[0][0]], by_side[0][0])


def compare(folder, name):
    from safetensors.torch import load_file

    description = json.loads((folder / f"{name}.json").read_text())
    widths, groups, blocks, smallest = settings_of(description)
    classes = description["classes"]
    if name == "generator":
        noise, channels = description["input"][0], description["output"][0]
        network = Generator(widths, groups, blocks, noise, classes, channels, smallest)
    else:
        network = Discriminator(widths, groups, blocks, classes, description["input"][0], smallest)
    weights = load_file(folder / f"{name}.safetensors")
    ours = [weights[key] for key in order_in_block(weights)]
    published = in_order_of_use(network)
    if len(ours) != len(published):
        return f"{len(ours)} parameters where the published network has {len(published)}"
    with torch.no_grad():
        for parameter, value in zip(published, ours):
            if parameter.numel() != value.numel():
                return f"a parameter of {list(value.shape)} where {list(parameter.shape)} is needed"
            parameter.copy_(value.reshape(parameter.shape))
        idle = sum(not bool(value.any()) for value in ours)
        example = load_file(folder / f"{name}.example.safetensors")
        output = network(example["input"], example.get("labels"))
    if output.shape != example["output"].shape:
        return f"an output of {list(example['output'].shape)} and not {list(output.shape)}"
    scale = float(output.abs().max())
    worst = float((output - example["output"]).abs().max()) / scale
    print(f"{folder}: {name} of widths {widths}, {classes} classes: {worst:.2g} of the largest output")
    if idle:
        return f"{idle} parameters are 0 and show nothing: train a few steps more"
    return "" if worst <= 1e-5 else f"off by {worst:.3g}"


def main(arguments):
    torch.set_num_threads(1)
    failed = 0
    for folder in map(pathlib.Path, arguments):
        for name in ("generator", "discriminator"):
            complaint = compare(folder, name)
            failed += bool(complaint)
            if complaint:
                print(f"{folder}: {name}: {complaint}")
    return 1 if failed or not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
