#!/usr/bin/env python3
"""LPIPS of the PyPI package lpips, for tests/ranks/perceptual_test.cpp to be compared with.

    make_lpips.py PACKAGE FOLDER      PACKAGE: the folder of the installed package lpips

Writes FOLDER/vgg16.safetensors (random weights of a VGG16 with torchvision's names: those of ImageNet are
527 MB to be fetched, and the arithmetic is the same), FOLDER/lpips.safetensors (the package's linear
layers), and for colour and for grey pictures FOLDER/{colour,grey}.safetensors: made, samples, the
distances of the pairs, and their mean's gradient in `made`.
"""

import pathlib
import sys

import torch
import torchvision
from safetensors.torch import save_file


def judge_of_package():
    """The package's LPIPS on a VGG16 of random weights, and its convolutions by torchvision's names."""
    torchvision_vgg16 = torchvision.models.vgg16
    torchvision.models.vgg16 = lambda pretrained=False: torchvision_vgg16(weights=None)
    import lpips

    judge = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    stages = (getattr(judge.net, f"slice{i}") for i in range(1, 6))
    return judge, {f"features.{place}": layer for stage in stages for place, layer in stage.named_children()
                   if isinstance(layer, torch.nn.Conv2d)}


def main(package, folder):
    torch.manual_seed(3)
    judge, convolutions = judge_of_package()
    trunk = {}
    for name, layer in convolutions.items():
        layer.bias.data.normal_(0, 0.05)
        trunk[f"{name}.weight"] = layer.weight.data.clone()
        trunk[f"{name}.bias"] = layer.bias.data.clone()
    trunk["classifier.6.bias"] = torch.zeros(1000)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(trunk, folder / "vgg16.safetensors")
    linear = torch.load(package / "weights/v0.1/vgg.pth", map_location="cpu", weights_only=True)
    save_file({name: value.contiguous() for name, value in linear.items()}, folder / "lpips.safetensors")
    for kind, channels, side in (("colour", 3, 40), ("grey", 1, 32)):
        made = (torch.rand(3, channels, side, side) * 2 - 1).requires_grad_(True)
        samples = (made.detach() + 0.3 * torch.randn(made.shape)).clamp(-1, 1)
        distances = judge(made.expand(-1, 3, -1, -1), samples.expand(-1, 3, -1, -1)).flatten()
        (gradient,) = torch.autograd.grad(distances.mean(), made)
        save_file({"made": made.detach(), "samples": samples, "distances": distances.detach(),
                   "gradient": gradient.contiguous()}, folder / f"{kind}.safetensors")
        print(f"{kind}: mean distance {float(distances.mean()):.6f}")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
