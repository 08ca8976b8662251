"""The benchmarks' models in PyTorch: each case is a function (torch, adam, wrap) -> step().

`adam`: options of torch.optim.Adam beside the rates. `wrap(network)`: what the loss calls in its
place when the network is trained, e.g. DistributedDataParallel. Same work as the program does: data
in memory, a new shuffled batch each step, fresh noise, for a GAN one step of each player with the
other's gradients switched off, Adam, averaged weights of all networks.
"""

import gzip
import math
import pathlib
import struct
import time

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
EMA_DECAY = 0.999
CASES = ("ring_gan", "ring_pacgan", "dcgan32", "vae")

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


def ring_gan(torch, adam, wrap):
    networks = mlp(torch, (64, 128, 128, 128, 2)), mlp(torch, (2, 128, 128, 128, 1))
    options = {"lr": 1e-3, "betas": (0.5, 0.999)}
    return gan_step(torch, adam, wrap, *networks, ring(torch, 2, 0.05), 256, 64, options)


def ring_pacgan(torch, adam, wrap):
    generator = mlp(torch, (2, 400, 400, 400, 400, 2), norm=True, bias=False)
    discriminator = maxout_mlp(torch, 2, 200, 3, 5)
    options = {"lr": 1e-4, "betas": (0.8, 0.999)}
    return gan_step(torch, adam, wrap, generator, discriminator, ring(torch, 1, 0.01), 100, 2, options)


def dcgan(torch, pixels, channels, width):
    """Generator and discriminator of `pixels` x `pixels`, 4 x 4 at their narrow end."""
    nn, stages = torch.nn, int(math.log2(pixels // 4))
    up = lambda i, o, **k: nn.ConvTranspose2d(i, o, 4, 2, 1, **k)
    down = lambda i, o, **k: nn.Conv2d(i, o, 4, 2, 1, **k)
    widest = width << (stages - 1)
    generator = [nn.Linear(100, widest * 16, bias=False), nn.Unflatten(1, (widest, 4, 4)),
                 nn.BatchNorm2d(widest), nn.ReLU()]
    discriminator = [down(channels, width), nn.LeakyReLU(0.2)]
    for stage in range(stages - 1):
        wide, narrow = widest >> stage, widest >> (stage + 1)
        generator += [up(wide, narrow, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
        narrow, wide = width << stage, width << (stage + 1)
        discriminator += [down(narrow, wide, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
    generator += [up(width, channels), nn.Tanh()]
    discriminator += [nn.Flatten(), nn.Linear(widest * 16, 1)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


def dcgan32(torch, adam, wrap):
    options = {"lr": 2e-4, "betas": (0.5, 0.999)}
    return gan_step(torch, adam, wrap, *dcgan(torch, 32, 1, 32), fashion(torch, 32), 64, 100, options)


def step_times(step, interval, intervals, wait=lambda: None):
    """Milliseconds a step of each interval of so many steps, with the wait for a GPU behind them."""
    times = []
    for _ in range(intervals):
        begin = time.perf_counter()
        for _ in range(interval):
            step()
        wait()
        times.append(1e3 * (time.perf_counter() - begin) / interval)
    return times


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


def player_updates(torch, players, options):
    """Returns update(player number, loss): its step of Adam, and that of its averaged weights."""
    optimizers = [torch.optim.Adam(p.parameters(), **options) for p in players]
    averages = [averaged(torch, list(p.parameters())) for p in players]

    def update(player, loss):
        optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[player].step()
        averages[player]()

    return update


def gan_step(torch, adam, wrap, generator, discriminator, data, batch, latent, options):
    softplus = torch.nn.functional.softplus
    players = generator, discriminator
    update = player_updates(torch, players, options | adam)
    stream = batches(torch, data, batch)
    trained_generator, trained_discriminator = map(wrap, players)

    def step():
        discriminator.requires_grad_(True)
        with torch.no_grad():
            fake = generator(torch.randn(batch, latent))
        real_score = trained_discriminator(next(stream))
        fake_score = trained_discriminator(fake)
        update(1, softplus(-real_score).mean() + softplus(fake_score).mean())
        discriminator.requires_grad_(False)
        update(0, softplus(-discriminator(trained_generator(torch.randn(batch, latent)))).mean())

    # The program trains both players on one pass of the generator, where PyTorch makes two.
    step.repeated = lambda: generator(torch.randn(batch, latent))
    return step


def matrix_products(torch, step):
    """Floating-point operations of the matrix products and convolutions that a step needs."""
    from torch.utils.flop_counter import FlopCounterMode

    def count(work):
        with FlopCounterMode(display=False) as counter:
            work()
        return counter.get_total_flops()

    return count(step) - (count(step.repeated) if hasattr(step, "repeated") else 0)


def product_rate(torch, size=1024, repeats=9):
    """Operations a second of a product of two square matrices: the most that this core does."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    out = torch.empty(size, size)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        torch.mm(a, b, out=out)
        times.append(time.perf_counter() - begin)
    return 2 * size**3 / min(times)


def vae(torch, adam, wrap):
    functional, batch = torch.nn.functional, 128
    encoder, decoder = mlp(torch, (784, 400, 40)), mlp(torch, (20, 400, 784))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, **adam)
    average = averaged(torch, parameters)
    encoder, decoder = wrap(encoder), wrap(decoder)
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
