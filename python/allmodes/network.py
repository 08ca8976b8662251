"""A network that allmodes has exported, as a module of PyTorch.

`allmodes export RUN` writes for each network of a run

    NAME.safetensors          the weights; the file's metadata says of which run and step
    NAME.json                 the list of layers, shapes, latent, range of the samples
    NAME.example.safetensors  inputs and what the trainer makes of them, to check a port with
    model.py                  this file

and this file makes the module again:

    >>> from model import load                                      # doctest: +SKIP
    >>> generator = load("generator.json")                          # doctest: +SKIP
    >>> pictures = generator.sample(64, seed=1)                      # doctest: +SKIP

It needs PyTorch and the package `safetensors`, and nothing of allmodes. Names of parameters are the
indices of the layers, as those of `torch.nn.Sequential`: "3.weight", inside the residual block at 4
"4.1.weight" and "4.shortcut.0.weight".
"""

from __future__ import annotations

import json
import math
import pathlib
from typing import Any, Callable, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional

FORMAT = 1


class _Layer(nn.Module):
    """A layer of the list: its settings are `settings`, its input's shape `settings["input"]`."""

    def __init__(self, settings: dict[str, Any]):
        super().__init__()
        self.settings = settings

    def _add(self, name: str, *shape: int) -> None:
        self.register_parameter(name, nn.Parameter(torch.empty(*shape)))

    def _add_weight_and_bias(self, *shape: int, units: int) -> None:
        self._add("weight", *shape)
        if self.settings.get("bias", True):
            self._add("bias", units)
        else:
            self.bias = None

    def extra_repr(self) -> str:
        hidden = ("name", "kind", "input", "output", "layers", "shortcut")
        return ", ".join(f"{k}={v}" for k, v in self.settings.items() if k not in hidden)

    def _normed_weight(self, rows: int = 0, name: str = "weight", of: str = "u") -> Tensor:
        """The weight, divided by its largest singular value where the layer has spectral norm.

        In training its vector `of` moves one step of the power iteration (Miyato et al., arXiv
        1802.05957).
        """
        weight, vector = getattr(self, name), getattr(self, of, None)
        if vector is None:
            return weight
        matrix = weight.transpose(0, rows).flatten(1)
        with torch.no_grad():
            right = functional.normalize(matrix.t() @ vector, dim=0, eps=1e-12)
            left = functional.normalize(matrix @ right if self.training else vector, dim=0, eps=1e-12)
            if self.training:
                vector.copy_(left)
        sigma = torch.dot(left, matrix @ right).clamp_min(1e-12)
        return weight / sigma

    def _add_singular_vector(self, rows: int, name: str = "u") -> None:
        if self.settings.get("spectral_norm", False):
            self.register_buffer(name, torch.zeros(rows))


class Linear(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        units = settings["units"]
        self._add_weight_and_bias(units, settings["input"][0], units=units)
        self._add_singular_vector(units)

    def forward(self, x, labels):
        return functional.linear(x, self._normed_weight(), self.bias)


class Convolution(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        channels, kernel = settings["channels"], settings["kernel"]
        inputs = settings["input"][0] // settings["groups"]
        self._add_weight_and_bias(channels, inputs, kernel, kernel, units=channels)
        self._add_singular_vector(channels)

    def forward(self, x, labels):
        s = self.settings
        return functional.conv2d(
            x, self._normed_weight(), self.bias, s["stride"], s["padding"], groups=s["groups"]
        )


class TransposedConvolution(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        channels, kernel = settings["channels"], settings["kernel"]
        outputs = channels // settings["groups"]
        self._add_weight_and_bias(settings["input"][0], outputs, kernel, kernel, units=channels)
        self._add_singular_vector(channels)

    def forward(self, x, labels):
        s = self.settings
        return functional.conv_transpose2d(
            x, self._normed_weight(rows=1), self.bias, s["stride"], s["padding"],
            s["output_padding"], groups=s["groups"],
        )


class BatchNorm(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        channels = settings["input"][0]
        self._add("weight", channels)
        self._add("bias", channels)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x, labels):
        s = self.settings
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training, s["momentum"], s["epsilon"],
        )


class _GroupedNorm(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        self._add("weight", settings["input"][0])
        self._add("bias", settings["input"][0])

    def groups(self) -> int:
        raise NotImplementedError

    def forward(self, x, labels):
        return functional.group_norm(
            x, self.groups(), self.weight, self.bias, self.settings["epsilon"]
        )


class LayerNorm(_GroupedNorm):
    def groups(self):
        return 1


class InstanceNorm(_GroupedNorm):
    def groups(self):
        return self.settings["input"][0]


class GroupNorm(_GroupedNorm):
    def groups(self):
        return self.settings["groups"]


class Activation(_Layer):
    FUNCTIONS: dict[str, Callable[..., Tensor]] = {
        "relu": functional.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "elu": functional.elu,
        "softplus": functional.softplus,
        "silu": functional.silu,
    }

    def forward(self, x, labels):
        function = self.settings["function"]
        if function == "leaky_relu":
            return functional.leaky_relu(x, self.settings["slope"])
        return self.FUNCTIONS[function](x)


class Maxout(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        units = settings["pieces"] * settings["units"]
        self._add_weight_and_bias(units, settings["input"][0], units=units)

    def forward(self, x, labels):
        s = self.settings
        pieces = functional.linear(x, self.weight, self.bias)
        return pieces.view(len(x), s["pieces"], s["units"]).amax(1)


class Reshape(_Layer):
    def forward(self, x, labels):
        return x.reshape(len(x), *self.settings["output"])


class Flatten(Reshape):
    pass


class Residual(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        for index, inner in enumerate(settings["layers"]):
            self.add_module(str(index), make_layer(inner))
        self.inner = [str(index) for index in range(len(settings["layers"]))]
        self.beside = len(settings["shortcut"])
        if self.beside:
            self.shortcut = nn.ModuleList(make_layer(inner) for inner in settings["shortcut"])

    def forward(self, x, labels):
        beside = x
        if self.beside:
            for layer in self.shortcut:
                beside = layer(beside, labels)
        for name in self.inner:
            x = getattr(self, name)(x, labels)
        return beside + x


def _shares(size: int, factor: int, like: Tensor) -> Tensor:
    """[factor * size, size]: 1 minus the distance of centres, in pixels of the smaller image."""
    options = {"dtype": like.dtype, "device": like.device}
    place = (torch.arange(size * factor, **options) + 0.5) / factor - 0.5
    return functional.relu(1 - (place[:, None] - torch.arange(size, **options)).abs())


class Upsample(_Layer):
    def forward(self, x, labels):
        size, factor = self.settings["output"][1:], self.settings["factor"]
        if self.settings["mode"] == "filtered":
            rows, columns = (_shares(side, factor, x) for side in x.shape[2:])
            return rows @ x @ columns.t()
        if self.settings["mode"] == "nearest":
            return functional.interpolate(x, size=size, mode="nearest")
        return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


class ZeroPad(_Layer):
    def forward(self, x, labels):
        before, after = self.settings["before"], self.settings["after"]
        return functional.pad(x, (before, after, before, after))


class Attention(_Layer):
    """One head over the pixels (Vaswani et al., "Attention is all you need", 2017)."""

    def __init__(self, settings):
        super().__init__(settings)
        channels = settings["input"][0]
        for name in ("query", "key", "value", "output"):
            self._add(name, channels, channels)
            self._add(f"{name}_bias", channels)

    def forward(self, x, labels):
        pixels = x.flatten(2).transpose(1, 2)
        query = functional.linear(pixels, self.query, self.query_bias)
        key = functional.linear(pixels, self.key, self.key_bias)
        value = functional.linear(pixels, self.value, self.value_bias)
        share = (query @ key.transpose(1, 2) / math.sqrt(x.shape[1])).softmax(-1)
        seen = functional.linear(share @ value, self.output, self.output_bias)
        return seen.transpose(1, 2).reshape(x.shape)


class Downsample(_Layer):
    def forward(self, x, labels):
        factor = self.settings["factor"]
        if self.settings["mode"] == "filtered":
            rows, columns = (_shares(side // factor, factor, x) / factor for side in x.shape[2:])
            return rows.t() @ x @ columns
        return functional.avg_pool2d(x, factor)


class GlobalPool(_Layer):
    def forward(self, x, labels):
        pixels = x.flatten(2)
        return pixels.mean(2) if self.settings["reduction"] == "mean" else pixels.sum(2)


class Dropout(_Layer):
    def forward(self, x, labels):
        return functional.dropout(x, self.settings["rate"], self.training)


class SelfAttention(_Layer):
    """Zhang et al., "Self-attention generative adversarial networks", arXiv 1805.08318."""

    def __init__(self, settings):
        super().__init__(settings)
        channels = settings["input"][0]
        reduced = channels // settings["reduction"]
        for name in ("query", "key", "value"):
            self._add(name, reduced, channels)
        self._add("output", channels, reduced)
        self._add("gain", 1)

    def forward(self, x, labels):
        pixels = x.flatten(2)
        query, key, value = self.query @ pixels, self.key @ pixels, self.value @ pixels
        share = (query.transpose(1, 2) @ key).softmax(-1)
        seen = value @ share.transpose(1, 2)
        return x + self.gain * (self.output @ seen).view_as(x)


def _append(x: Tensor, more: Tensor) -> Tensor:
    """x with `more` [batch, channels] behind its channels, constant over the pixels."""
    if x.dim() == 2:
        return torch.cat([x, more], 1)
    return torch.cat([x, more[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


class ClassConcatenation(_Layer):
    def __init__(self, settings):
        super().__init__(settings)
        self._add("embedding", settings["classes"], settings["dimension"])

    def forward(self, x, labels):
        return _append(x, functional.embedding(labels, self.embedding))


class ClassProjection(_Layer):
    """Miyato and Koyama, "cGANs with projection discriminator", arXiv 1802.05637, equation 4."""

    def __init__(self, settings):
        super().__init__(settings)
        features = settings["input"][0]
        if settings["linear"]:
            self._add_weight_and_bias(1, features, units=1)
            self._add_singular_vector(1)
        self._add("embedding", settings["classes"], features)
        self._add_singular_vector(settings["classes"], "embedding_u")

    def forward(self, x, labels):
        table = self._normed_weight(name="embedding", of="embedding_u")
        product = (functional.embedding(labels, table) * x).sum(1, keepdim=True)
        if not self.settings["linear"]:
            return product
        return functional.linear(x, self._normed_weight(), self.bias) + product


class MinibatchStddev(_Layer):
    """Karras et al., "Progressive growing of GANs", arXiv 1710.10196, section 3."""

    def forward(self, x, labels):
        group = self.settings["group"]
        groups = x.reshape(len(x) // group, group, -1)
        variance = (groups - groups.mean(1, keepdim=True)).square().mean(1)
        deviation = (variance + 1e-8).sqrt().mean(1)
        return _append(x, deviation[:, None].expand(-1, group).reshape(len(x), 1))


class MinibatchDiscrimination(_Layer):
    """Salimans et al., "Improved techniques for training GANs", arXiv 1606.03498, section 3.2."""

    def __init__(self, settings):
        super().__init__(settings)
        self._add("weight", settings["features"] * settings["dimension"], settings["input"][0])

    def forward(self, x, labels):
        s = self.settings
        own = functional.linear(x, self.weight).view(len(x), s["features"], s["dimension"])
        distance = (own[:, None] - own[None]).abs().sum(-1)
        return _append(x, (-distance).exp().sum(1) - 1)


KINDS: dict[str, type[_Layer]] = {
    "linear": Linear,
    "convolution": Convolution,
    "transposed_convolution": TransposedConvolution,
    "batch_norm": BatchNorm,
    "layer_norm": LayerNorm,
    "instance_norm": InstanceNorm,
    "group_norm": GroupNorm,
    "activation": Activation,
    "maxout": Maxout,
    "reshape": Reshape,
    "flatten": Flatten,
    "residual": Residual,
    "upsample": Upsample,
    "zero_pad": ZeroPad,
    "attention": Attention,
    "downsample": Downsample,
    "global_pool": GlobalPool,
    "dropout": Dropout,
    "self_attention": SelfAttention,
    "class_concatenation": ClassConcatenation,
    "class_projection": ClassProjection,
    "minibatch_stddev": MinibatchStddev,
    "minibatch_discrimination": MinibatchDiscrimination,
}


def make_layer(settings: dict[str, Any]) -> _Layer:
    """The module of one entry of the list of layers; ValueError for a kind that is not known."""
    kind = settings["layer"] if settings["kind"] == "custom" else settings["kind"]
    if kind not in KINDS:
        raise ValueError(f"layer {settings['name']}: the kind '{kind}' is not known; known are "
                         + ", ".join(sorted(KINDS)))
    return KINDS[kind](settings)


class Network(nn.Module):
    """The layers of `description`, one after another.

    `description` is what NAME.json holds. Weights are not set; `load()` does that.
    """

    def __init__(self, description: dict[str, Any]):
        super().__init__()
        if description.get("format") != FORMAT:
            raise ValueError(f"format {description.get('format')} of the description; "
                             f"this file reads format {FORMAT}")
        self.description = description
        self.depth = len(description["layers"])
        for index, settings in enumerate(description["layers"]):
            self.add_module(str(index), make_layer(settings))

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        """x: [batch, *description["input"]]; `labels` [batch] where layers read classes."""
        for index in range(self.depth):
            x = getattr(self, str(index))(x, labels)
        return x

    def to_samples(self, output: Tensor) -> Tensor:
        """A generator's or decoder's output in the data's scale (pictures in [-1, 1])."""
        likelihood = self.description.get("likelihood")
        if likelihood == "bernoulli":
            return torch.sigmoid(output) * 2 - 1
        if likelihood == "gaussian_learned":
            return output.chunk(2, 1)[0]
        return output

    @torch.no_grad()
    def sample(
        self, count: int, *, seed: int = 0, labels: Optional[Tensor] = None,
        latent: Optional[Tensor] = None,
    ) -> Tensor:
        """`count` samples [count, ...]; `latent` [count, dimension] takes the place of a draw.

        The draw is PyTorch's, from `seed`: the distribution is the trainer's, the numbers are not.
        `labels` [count] of a class-conditional model; by default the classes in turn.
        """
        if "latent" not in self.description:
            raise ValueError(f"the {self.description['name']} makes no samples")
        device = next(self.parameters()).device
        if latent is None:
            latent = draw_latent(self.description["latent"], count, seed).to(device)
        if self.description["classes"] and labels is None:
            labels = torch.arange(len(latent), device=device) % self.description["classes"]
        return self.to_samples(self(latent.to(device), labels))


def draw_latent(latent: dict[str, Any], count: int, seed: int) -> Tensor:
    """[count, dimension] of the prior that the description's "latent" block names."""
    generator = torch.Generator().manual_seed(seed)
    dimension, kind = latent["dimension"], latent["distribution"]
    normal = torch.randn(count, dimension, generator=generator)
    if kind == "normal":
        return normal
    if kind == "uniform":
        return torch.rand(count, dimension, generator=generator) * 2 - 1
    if kind == "sphere":
        return functional.normalize(normal, dim=1) * math.sqrt(dimension)
    if kind == "mixture":
        component = torch.randint(latent["components"], (count,), generator=generator)
        angle = component * (2 * math.pi / latent["components"])
        points = normal * latent["std"]
        points[:, 0] += latent["radius"] * torch.cos(angle)
        if dimension > 1:
            points[:, 1] += latent["radius"] * torch.sin(angle)
        return points
    raise ValueError(f"the distribution '{kind}' of the latent is not known")


def load(path: str | pathlib.Path, device: str | torch.device = "cpu") -> Network:
    """The network of NAME.json with the weights of NAME.safetensors beside it, in evaluation mode.

    Strict: a tensor that is missing, left over or of another shape is an error.
    """
    from safetensors.torch import load_file

    path = pathlib.Path(path)
    network = Network(json.loads(path.read_text(encoding="utf-8")))
    network.load_state_dict(load_file(path.with_suffix(".safetensors")), strict=True)
    return network.to(device).eval()


if __name__ == "__main__":
    import sys

    if len(sys.argv) != 2:
        sys.exit("usage: python model.py NAME.json")
    print(load(sys.argv[1]))
