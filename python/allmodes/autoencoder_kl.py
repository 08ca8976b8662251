"""The layout of diffusers' AutoencoderKL for first stages that `allmodes export` has written.

    python -m allmodes.autoencoder_kl EXPORTED FOLDER

writes FOLDER/config.json and FOLDER/diffusion_pytorch_model.safetensors, which
`diffusers.AutoencoderKL.from_pretrained(FOLDER)` loads. The networks are those of the architecture
`residual_autoencoder`; a decoder of diffusers makes pictures in [-1, 1], as allmodes' does. The
package `safetensors` is needed.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import Any, Iterator

Names = Iterator[tuple[str, str]]

_NORM_AND_CONVOLUTION = (("0", "norm1"), ("2", "conv1"), ("3", "norm2"))
_ATTENTION = (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("output", "to_out.0"))


def _both(ours: str, theirs: str) -> Names:
    for part in ("weight", "bias"):
        yield f"{ours}.{part}", f"{theirs}.{part}"


def _block(layer: dict[str, Any], theirs: str) -> Names:
    """A residual block: normalization, SiLU, convolution, normalization, SiLU, (dropout,) convolution."""
    name = layer["name"]
    for ours, other in _NORM_AND_CONVOLUTION:
        yield from _both(f"{name}.{ours}", f"{theirs}.{other}")
    yield from _both(f"{name}.{len(layer['layers']) - 1}", f"{theirs}.conv2")
    if layer["shortcut"]:
        yield from _both(f"{name}.shortcut.0", f"{theirs}.conv_shortcut")


def _is_attention(layer: dict[str, Any]) -> bool:
    return layer["kind"] == "residual" and layer["layers"][-1]["kind"] == "attention"


def _middle(layers: list[dict[str, Any]], theirs: str) -> Names:
    before, attention, after = layers
    yield from _block(before, f"{theirs}.mid_block.resnets.0")
    name = attention["name"]
    yield from _both(f"{name}.0", f"{theirs}.mid_block.attentions.0.group_norm")
    for ours, other in _ATTENTION:
        yield f"{name}.1.{ours}", f"{theirs}.mid_block.attentions.0.{other}.weight"
        yield f"{name}.1.{ours}_bias", f"{theirs}.mid_block.attentions.0.{other}.bias"
    yield from _block(after, f"{theirs}.mid_block.resnets.1")


def _sizes(layers: list[dict[str, Any]], theirs: str, change: str) -> Names:
    """Blocks of each size of the image, with the convolution that leads to the next one."""
    size, block = 0, 0
    for layer in layers:
        if layer["kind"] == "residual":
            yield from _block(layer, f"{theirs}.{size}.resnets.{block}")
            block += 1
        elif layer["kind"] == "convolution":
            yield from _both(layer["name"], f"{theirs}.{size}.{change}.0.conv")
            size, block = size + 1, 0


def _split(layers: list[dict[str, Any]]) -> int:
    for index, layer in enumerate(layers):
        if _is_attention(layer):
            return index
    raise ValueError("there is no attention among the layers: not a residual_autoencoder")


def encoder_names(layers: list[dict[str, Any]]) -> Names:
    """(name of allmodes, name of diffusers) of each tensor of an encoder's list of layers."""
    middle = _split(layers)
    yield from _both(layers[0]["name"], "encoder.conv_in")
    yield from _sizes(layers[1 : middle - 1], "encoder.down_blocks", "downsamplers")
    yield from _middle(layers[middle - 1 : middle + 2], "encoder")
    norm, _, last, outer = layers[middle + 2 : middle + 6]
    yield from _both(norm["name"], "encoder.conv_norm_out")
    yield from _both(last["name"], "encoder.conv_out")
    yield from _both(outer["name"], "quant_conv")


def decoder_names(layers: list[dict[str, Any]]) -> Names:
    """The same of a decoder."""
    middle = _split(layers)
    yield from _both(layers[0]["name"], "post_quant_conv")
    yield from _both(layers[1]["name"], "decoder.conv_in")
    yield from _middle(layers[middle - 1 : middle + 2], "decoder")
    last = next(i for i in range(middle + 2, len(layers)) if layers[i]["kind"] == "group_norm")
    yield from _sizes(layers[middle + 2 : last], "decoder.up_blocks", "upsamplers")
    yield from _both(layers[last]["name"], "decoder.conv_norm_out")
    yield from _both(layers[last + 2]["name"], "decoder.conv_out")


def configuration(encoder: dict[str, Any], decoder: dict[str, Any]) -> dict[str, Any]:
    """AutoencoderKL's config.json."""
    layers = encoder["layers"]
    sizes: list[list[int]] = [[]]
    for layer in layers[1 : _split(layers) - 1]:
        if layer["kind"] == "residual":
            sizes[-1].append(layer["output"][0])
        elif layer["kind"] == "convolution":
            sizes.append([])
    channels, groups = [size[-1] for size in sizes], layers[_split(layers) + 2]["groups"]
    if any(layer["groups"] != groups for layer in _norms(layers)):
        raise ValueError(f"a width of {channels[0]} has normalizations of different groups, which "
                         "AutoencoderKL cannot have: a multiple of 32 has 32 everywhere")
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": encoder["input"][0],
        "out_channels": decoder["output"][0],
        "latent_channels": decoder["input"][0],
        "block_out_channels": channels,
        "layers_per_block": len(sizes[0]),
        "down_block_types": ["DownEncoderBlock2D"] * len(channels),
        "up_block_types": ["UpDecoderBlock2D"] * len(channels),
        "norm_num_groups": groups,
        "act_fn": "silu",
        "sample_size": encoder["input"][1],
        "scaling_factor": 1.0,
    }


def _norms(layers: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for layer in layers:
        if layer["kind"] == "group_norm":
            yield layer
        elif layer["kind"] == "residual":
            yield from _norms(layer["layers"])


def convert(exported: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes `folder` from what `allmodes export` has written; ValueError for other networks."""
    from safetensors.numpy import load_file, save_file

    described = {name: json.loads((exported / f"{name}.json").read_text())
                 for name in ("encoder", "decoder")}
    if described["encoder"]["output"][0] != 2 * described["decoder"]["input"][0]:
        raise ValueError("the encoder gives no mean and variance: AutoencoderKL is of quantizer kl")
    tensors = {}
    for name, names in (("encoder", encoder_names), ("decoder", decoder_names)):
        own = load_file(exported / f"{name}.safetensors")
        for ours, theirs in names(described[name]["layers"]):
            tensors[theirs] = own.pop(ours)
        if own:
            raise ValueError(f"{name}: no place for {', '.join(sorted(own))}")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "diffusion_pytorch_model.safetensors")
    text = json.dumps(configuration(described["encoder"], described["decoder"]), indent=2)
    (folder / "config.json").write_text(text + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m allmodes.autoencoder_kl",
                                     description="An exported first stage as diffusers has it.")
    parser.add_argument("exported", type=pathlib.Path, help="folder of `allmodes export`")
    parser.add_argument("folder", type=pathlib.Path, help="is written")
    arguments = parser.parse_args()
    try:
        convert(arguments.exported, arguments.folder)
    except ValueError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
