"""Steps in PyTorch of networks that the program has planned: the same layers, from `allmodes export`.

Each function (torch, networks, images, batch, reduced, wrap) returns step(); `networks` by name, on the
device of `images`. `reduced`: networks under autocast to bfloat16 and images as NHWC, losses in float32,
as the program has them with precision "bfloat16" and channels_last. `wrap(network)`: as in torch_models.
"""

import importlib.util
import pathlib
import subprocess
import tempfile

import measuring
import torch_models


# Enough to have the networks.
QUICK = ("batch=4", "diagnostics.samples=16", "diagnostics.sample_metrics=off")


def networks_of(torch, case, device, *settings):
    """The networks of tests/bench/CASE.txtpb after a step, as modules on `device`."""
    return networks_of_config(torch, measuring.ROOT / f"tests/bench/{case}.txtpb", device, *QUICK, *settings)


def networks_of_config(torch, config, device, *settings, flags=()):
    """Those of the configuration `config`; `flags`: further words for `allmodes export`."""
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        words = [word for setting in (f"device={device}", *settings) for word in ("--set", setting)]
        run = [measuring.program(), "train", str(config), "--steps", "1", "--quiet", "--out", f"{folder}/runs", *words]
        subprocess.run(run, check=True, capture_output=True)
        (trained,) = pathlib.Path(f"{folder}/runs").iterdir()
        subprocess.run([measuring.program(), "export", str(trained), *flags, "--out", f"{folder}/exported"],
                       check=True, capture_output=True)
        spec = importlib.util.spec_from_file_location("model", f"{folder}/exported/model.py")
        model = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(model)
        return {path.stem: model.load(path, device).train()
                for path in pathlib.Path(f"{folder}/exported").glob("*.json")}


def runner(torch, reduced):
    """run(network, x): in bfloat16 and NHWC, or as it is; the output in float32."""
    def run(network, x):
        if not reduced:
            return network(x)
        if x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16):
            y = network(x)
        return y.float()
    return run


def choose(torch, images, batch):
    return images[torch.randint(len(images), (batch,), device=images.device)]


def first_stage(torch, networks, images, batch, reduced=False, wrap=lambda network: network):
    functional, run = torch.nn.functional, runner(torch, reduced)
    discriminator = networks["discriminator"]

    class Autoencoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = networks["encoder"], networks["decoder"]

        def forward(self, x):
            mean, log_variance = run(self.encoder, x).chunk(2, 1)
            log_variance = log_variance.clamp(-30, 20)
            z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
            kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2 / len(x)
            return run(self.decoder, z), kl

    autoencoder = Autoencoder()
    options = {"lr": 1e-4, "betas": (0.5, 0.9)} | ({"fused": True} if images.is_cuda else {})
    update = torch_models.player_updates(torch, (autoencoder, discriminator), options)
    last = [p for p in networks["decoder"].parameters() if p.dim() > 1][-1]
    trained_autoencoder, trained_discriminator = wrap(autoencoder), wrap(discriminator)

    def step():
        x = choose(torch, images, batch)
        discriminator.requires_grad_(True)
        with torch.no_grad():
            made, _ = autoencoder(x)
        of_both = run(trained_discriminator, torch.cat([x, made]))
        real, fake = of_both.chunk(2)
        update(1, functional.relu(1 - real).mean() + functional.relu(1 + fake).mean())
        discriminator.requires_grad_(False)
        made, kl = trained_autoencoder(x)
        distance, fooling = (made - x).abs().mean(), -run(discriminator, made).mean()
        (of_distance,) = torch.autograd.grad(distance, last, retain_graph=True)
        (of_fooling,) = torch.autograd.grad(fooling, last, retain_graph=True)
        weight = (of_distance.norm() / (of_fooling.norm() + 1e-4)).clamp(0, 1e4).detach()
        update(0, distance + 1e-6 * kl / x[0].numel() + 0.5 * weight * fooling)

    return step


def r3gan(torch, networks, images, batch, reduced=False, wrap=lambda network: network):
    functional, run = torch.nn.functional, runner(torch, reduced)
    generator, discriminator = networks["generator"], networks["discriminator"]
    update = torch_models.player_updates(torch, (generator, discriminator),
                                         {"lr": 2e-4, "betas": (0.0, 0.9), "fused": True})
    trained_generator, trained_discriminator = wrap(generator), wrap(discriminator)
    gamma = 0.05

    def penalty(x, score):
        (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        return gradient.square().sum((1, 2, 3)).mean() / 2

    def step():
        real = choose(torch, images, batch).requires_grad_(True)
        discriminator.requires_grad_(True)
        with torch.no_grad():
            fake = run(generator, torch.randn(batch, 64, device=images.device))
        fake.requires_grad_(True)
        of_real, of_fake = run(trained_discriminator, real), run(trained_discriminator, fake)
        update(1, functional.softplus(of_fake - of_real).mean() +
               gamma * (penalty(real, of_real) + penalty(fake, of_fake)))
        discriminator.requires_grad_(False)
        fake = run(trained_generator, torch.randn(batch, 64, device=images.device))
        with torch.no_grad():
            of_real = run(discriminator, real)
        update(0, functional.softplus(of_real - run(discriminator, fake)).mean())

    return step


STEPS = {"first_stage128": first_stage, "r3gan32": r3gan}
