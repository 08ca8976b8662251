#!/usr/bin/env python3
"""Features of the published networks, for tests/ranks/pretrained_test.cpp and tests/end_to_end/features.sh.

    make_features.py EFFICIENTNET.safetensors FOLDER [--every-protocol]

Writes into FOLDER
  inception.pth, inception_plain.pth   random weights of Inception, both kinds of torch.save's files
  answers.safetensors                  pictures; what each protocol makes of them; features and logits
  dinov2_{plain,gated}{,_hub}.safetensors   small random transformers, under both sets of names
  real.npy, fake.npy, figures.json     two sets of pictures and their FID and KID by each tool, in features by
                                       pytorch-fid's protocol, or by every one

Inception is that of pytorch-fid and of torch-fidelity, on the same weights; the preprocessing of clean-fid is
clean-fid's. DINOv2 and EfficientNet-Lite0 are written here as their papers and published code describe them.
"""

import json
import pathlib
import sys
import types

sys.modules.setdefault("requests", types.ModuleType("requests"))  # clean-fid's, for downloads only

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import cleanfid.fid
import cleanfid.resize
import pytorch_fid.fid_score
import pytorch_fid.inception
import torch_fidelity.metric_fid
import torch_fidelity.metric_kid
import torchvision
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

# All weights are set or loaded below: first weights would cost seconds a network.
for layer in (torch.nn.Conv2d, torch.nn.Linear):
    layer.reset_parameters = lambda self: None

IMAGENET = (torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))


def random_inception():
    """The state dictionary; activations neither die nor grow over the layers."""
    network = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.6)
    network.fc.weight.data.normal_(0, 0.1)
    network.fc.bias.data.normal_(0, 0.1)
    return network.state_dict()


def published(state, path):
    """Both tools' modules with these weights."""
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: state
    by_width = pytorch_fid.inception.InceptionV3([0, 1, 2, 3]).eval()
    first = pytorch_fid.inception.InceptionV3([0]).eval()
    layers = ["2048", "logits_unbiased", "logits"]
    fidelity = FeatureExtractorInceptionV3("inception", layers, feature_extractor_weights_path=str(path))
    small = FeatureExtractorInceptionV3("inception", ["64"], feature_extractor_weights_path=str(path))
    return by_width, first, fidelity, small


def clean_resize(pictures, side):
    resize = cleanfid.resize.make_resizer("PIL", False, "bicubic", (side, side))
    rows = [resize(picture.transpose(1, 2, 0)) for picture in pictures.numpy()]
    return torch.tensor(numpy.stack(rows)).permute(0, 3, 1, 2).contiguous()


def prepared(pictures):
    """Of bytes [n, 3, height, width], by protocol."""
    floats = pictures.float()
    corners = interpolate_bilinear_2d_like_tensorflow1x(floats, size=(299, 299), align_corners=False)
    return {
        "pytorch_fid": 2 * F.interpolate(floats / 255, size=(299, 299), mode="bilinear", align_corners=False) - 1,
        "torch_fidelity": (corners - 128) / 128,
        "stylegan": (corners - 128) / 128,
        "clean_fid": (clean_resize(pictures, 299) - 128) / 128,
        "dgm_eval": (clean_resize(pictures, 224) / 255 - IMAGENET[0]) / IMAGENET[1],
        "default": (clean_resize(pictures, 224) - 127) / 128,
    }


def random_dinov2(width, layers, gated):
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 1370, width), "mask_token": (1, width),
              "patch_embed.proj.weight": (width, 3, 14, 14), "patch_embed.proj.bias": (width,),
              "norm.weight": (width,), "norm.bias": (width,)}
    hidden = (int(4 * width * 2 / 3) + 7) // 8 * 8
    for i in range(layers):
        linear = {"attn.qkv": (3 * width, width), "attn.proj": (width, width)}
        linear |= ({"mlp.w12": (2 * hidden, width), "mlp.w3": (width, hidden)} if gated
                   else {"mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)})
        for name, shape in linear.items():
            shapes[f"blocks.{i}.{name}.weight"] = shape
            shapes[f"blocks.{i}.{name}.bias"] = shape[:1]
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma", "ls2.gamma"):
            shapes[f"blocks.{i}.{name}"] = (width,)
    return {name: torch.randn(shape) * (0.3 if len(shape) != 2 else shape[1] ** -0.5)
            for name, shape in shapes.items()}


def dinov2(weights, layers, heads, gated, x):
    """Oquab et al., arXiv 2304.07193, with the pre-norm blocks and layer scales of the published code."""
    width = weights["cls_token"].shape[-1]
    norm = lambda x, name: F.layer_norm(x, (width,), weights[name + ".weight"], weights[name + ".bias"], 1e-6)
    linear = lambda x, name: F.linear(x, weights[name + ".weight"], weights[name + ".bias"])
    positions = weights["pos_embed"]
    grid = positions[:, 1:].reshape(1, 37, 37, width).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=(16.1 / 37, 16.1 / 37), mode="bicubic")
    positions = torch.cat([positions[:, :1], grid.flatten(2).transpose(1, 2)], 1)
    x = F.conv2d(x, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], stride=14)
    x = torch.cat([weights["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], 1) + positions
    for i in range(layers):
        b = f"blocks.{i}."
        q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2)
                   for part in linear(norm(x, b + "norm1"), b + "attn.qkv").chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + weights[b + "ls1.gamma"] * linear(mixed, b + "attn.proj")
        y = norm(x, b + "norm2")
        if gated:
            gate, value = linear(y, b + "mlp.w12").chunk(2, -1)
            y = linear(F.silu(gate) * value, b + "mlp.w3")
        else:
            y = linear(F.gelu(linear(y, b + "mlp.fc1")), b + "mlp.fc2")
        x = x + weights[b + "ls2.gamma"] * y
    return norm(x, "norm")[:, 0]


def hub_names(weights):
    """The same weights under the names of the hub's library."""
    renamed = {}
    for name, value in weights.items():
        for ours, hub in (("patch_embed.proj", "embeddings.patch_embeddings.projection"),
                          ("pos_embed", "embeddings.position_embeddings"), ("cls_token", "embeddings.cls_token"),
                          ("mask_token", "embeddings.mask_token"), ("blocks.", "encoder.layer."),
                          ("attn.proj", "attention.output.dense"), ("ls1.gamma", "layer_scale1.lambda1"),
                          ("ls2.gamma", "layer_scale2.lambda1"), ("mlp.w12", "mlp.weights_in"),
                          ("mlp.w3", "mlp.weights_out")):
            name = name.replace(ours, hub)
        if name.startswith("norm."):
            name = "layernorm." + name[5:]
        if "attn.qkv" in name:
            for part, piece in zip(("query", "key", "value"), value.chunk(3)):
                renamed[name.replace("attn.qkv", "attention.attention." + part)] = piece.clone()
        else:
            renamed[name] = value
    return renamed


STAGES = ((1, 1, 1, 16), (2, 2, 6, 24), (2, 2, 6, 40), (3, 2, 6, 80), (3, 1, 6, 112), (4, 2, 6, 192), (1, 1, 6, 320))


def efficientnet(weights, x):
    """Features, logits, and what stages 1, 2, 3, 5 and 7 end with."""
    def convolved(x, name, norm, stride=1, groups=1, act=True):
        kernel = weights[name + ".weight"]
        around = [max((-(-n // stride) - 1) * stride + kernel.shape[-1] - n, 0) for n in x.shape[-2:]]
        x = F.pad(x, (around[1] // 2, around[1] - around[1] // 2, around[0] // 2, around[0] - around[0] // 2))
        x = F.conv2d(x, kernel, None, stride, 0, 1, groups)
        x = F.batch_norm(x, weights[norm + ".running_mean"], weights[norm + ".running_var"],
                         weights[norm + ".weight"], weights[norm + ".bias"], False, 0, 1e-3)
        return F.relu6(x) if act else x

    x = convolved(x, "_conv_stem", "_bn0", 2)
    block, ends = 0, []
    for repeats, stride, expansion, channels in STAGES:
        for i in range(repeats):
            b, y, step = f"_blocks.{block}.", x, stride if i == 0 else 1
            if expansion > 1:
                y = convolved(y, b + "_expand_conv", b + "_bn0")
            y = convolved(y, b + "_depthwise_conv", b + "_bn1", step, y.shape[1])
            y = convolved(y, b + "_project_conv", b + "_bn2", act=False)
            x = x + y if step == 1 and x.shape[1] == channels else y
            block += 1
        ends.append(x)
    features = convolved(x, "_conv_head", "_bn1").mean((2, 3))
    return features, F.linear(features, weights["_fc.weight"], weights["_fc.bias"]), [ends[i] for i in (0, 1, 2, 4, 6)]


def perceptual(weights, made, samples):
    """The mean over five stages of the squared distance of features of unit length."""
    stages = efficientnet(weights, ((torch.cat([made, samples]) + 1) * 127.5 - 127) / 128)[2]
    distances = [F.normalize(x, dim=1).chunk(2) for x in stages]
    return sum((a - b).square().sum(1).mean() for a, b in distances) / 5


def smooth_pictures(rng, count, scale, shift):
    """Bytes [n, 3, 32, 32]: coarse noise, made larger."""
    noise = torch.tensor(rng.normal(size=(count, 3, 8, 8)), dtype=torch.float32)
    noise = F.interpolate(noise, size=(32, 32), mode="bicubic")
    return (noise * scale + shift).clamp(0, 255).round().to(torch.uint8)


def figures(extractors, real, fake):
    """FID and KID by each tool of the 64 features that each extractor finds."""
    def moments(x):
        return x.mean(0), numpy.cov(x, rowvar=False)

    found = {}
    for protocol, extract in extractors.items():
        a, b = (extract(pictures).numpy().astype(numpy.float64) for pictures in (real, fake))
        statistics = [torch_fidelity.metric_fid.fid_features_to_statistics(torch.tensor(x)) for x in (a, b)]
        fid = torch_fidelity.metric_fid.fid_statistics_to_metric(*statistics, verbose=False)
        # Of as many as there are, one subset holds all.
        kid = torch_fidelity.metric_kid.kid_features_to_metric(torch.tensor(a), torch.tensor(b), kid_subsets=1,
                                                               kid_subset_size=len(a), verbose=False)
        found[protocol] = {
            "pytorch-fid": {"fid": float(pytorch_fid.fid_score.calculate_frechet_distance(*moments(a), *moments(b)))},
            "clean-fid": {"fid": float(cleanfid.fid.frechet_distance(*moments(a), *moments(b))),
                          "kid": cleanfid.fid.kernel_distance(a, b, num_subsets=1)},
            "torch-fidelity": {"fid": fid["frechet_inception_distance"],
                               "kid": kid["kernel_inception_distance_mean"]},
        }
    return found


@torch.no_grad()
def main(efficientnet_file, folder, every_protocol):
    torch.manual_seed(5)
    rng = numpy.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    state = random_inception()
    torch.save(state, folder / "inception.pth")
    torch.save(state, folder / "inception_plain.pth", _use_new_zipfile_serialization=False)
    by_width, first, fidelity, small = published(state, folder / "inception.pth")

    pictures = torch.tensor(rng.integers(0, 256, (2, 3, 9, 13)), dtype=torch.float32)
    pictures = F.interpolate(pictures, size=(40, 52), mode="bilinear").round().to(torch.uint8)
    grey = pictures[:, :1].contiguous()
    answers = {"pictures": pictures.float() / 127.5 - 1, "grey": grey.float() / 127.5 - 1}
    for name, ready in prepared(pictures).items():
        answers["prepared." + name] = ready
    answers["prepared.grey"] = prepared(grey.expand(-1, 3, -1, -1).contiguous())["pytorch_fid"]
    for block in by_width(pictures.float() / 255):
        answers[f"inception.{block.shape[1]}"] = block.mean((2, 3))
    pooled, unbiased, biased = fidelity(pictures)
    answers |= {"fidelity.2048": pooled, "fidelity.logits_unbiased": unbiased, "fidelity.logits": biased}
    ready = answers["prepared.dgm_eval"]
    for kind in ("plain", "gated"):
        weights = random_dinov2(48, 2, kind == "gated")
        save_file(weights, folder / f"dinov2_{kind}.safetensors")
        save_file({name: value.contiguous() for name, value in hub_names(weights).items()},
                  folder / f"dinov2_{kind}_hub.safetensors")
        answers["dinov2." + kind] = dinov2(weights, 2, 3, kind == "gated", ready)
    weights = load_file(efficientnet_file)
    features, logits, _ = efficientnet(weights, answers["prepared.default"])
    answers |= {"efficientnet.features": features, "efficientnet.logits": logits}
    for kind, shape in (("colour", (2, 3, 40, 45)), ("grey", (2, 1, 32, 32))):
        made = torch.rand(shape) * 2 - 1
        samples = (made + 0.3 * torch.randn(shape)).clamp(-1, 1)
        with torch.enable_grad():
            made.requires_grad_(True)
            wide = (shape[0], 3, *shape[2:])
            distance = perceptual(weights, made.expand(wide), samples.expand(wide))
            (gradient,) = torch.autograd.grad(distance, made)
        answers |= {f"perceptual.{kind}.made": made.detach(), f"perceptual.{kind}.samples": samples,
                    f"perceptual.{kind}.distance": distance.detach().view(1),
                    f"perceptual.{kind}.gradient": gradient}
    save_file({name: value.contiguous().float() for name, value in answers.items()}, folder / "answers.safetensors")

    real, fake = smooth_pictures(rng, 70, 60, 128), smooth_pictures(rng, 70, 35, 100)
    numpy.save(folder / "real.npy", real.permute(0, 2, 3, 1).numpy())
    numpy.save(folder / "fake.npy", fake.permute(0, 2, 3, 1).numpy())
    unscaled = pytorch_fid.inception.InceptionV3([0], resize_input=False, normalize_input=False).eval()
    extractors = {"pytorch_fid": lambda x: first(x.float() / 255)[0].mean((2, 3))}
    if every_protocol:
        extractors["torch_fidelity"] = lambda x: small(x)[0]
        extractors["clean_fid"] = lambda x: unscaled((clean_resize(x, 299) - 128) / 128)[0].mean((2, 3))
    found = figures(extractors, real, fake)
    (folder / "figures.json").write_text(json.dumps(found, indent=2))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:3]), every_protocol=sys.argv[3:] == ["--every-protocol"])
