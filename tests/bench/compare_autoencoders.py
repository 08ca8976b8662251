#!/usr/bin/env python3
"""One epoch of allmodes beside pythae's own trainer, on pythae's default networks.

    python3 tests/bench/compare_autoencoders.py [--rounds N] [--mnist FOLDER] [--python PYTHON]
                                                [--pythae FOLDER] [--json FILE] [CASE]...

Cases: vae, wae_mmd, infovae, aae, wae_gan: 784-512-20-512-784 (the discriminator of codes 20-256-1),
squared error, Adam 1e-3, batch 128, Fashion-MNIST or MNIST's training images in memory. pythae's AAE
encodes once and updates the autoencoder once, on the sum of reconstruction and adversary: what is
wae_gan here. aae is the paper's alternation, which encodes anew after the reconstruction's update and
updates the encoder twice; beside it stands the same AAE of pythae. Both run on one
thread of one core, turn by turn; then allmodes on two ranks of one core each, with the batch on
every rank (what pythae's trainer does with two devices), and with the same batch shared out. The
figure is seconds an epoch of 60,000 images: of pythae the time between the epoch's first and last
callback, of allmodes `step_ms` of its train records times the steps; medians over the epochs
(intervals) after the first. allmodes besides keeps averaged weights of all networks. Idle machine,
please.

PYTHON needs torch; FOLDER is where pythae 0.1.2 and what it needs but torch were installed:

    PYTHON -m pip install --target FOLDER pydantic cloudpickle imageio numpy scikit-learn scipy tqdm
    PYTHON -m pip install --target FOLDER --no-deps pythae==0.1.2
"""

import argparse
import gzip
import json
import os
import pathlib
import statistics
import struct
import sys
import tempfile
import time

import measuring

CASES = ("vae", "wae_mmd", "infovae", "aae", "wae_gan")
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
IMAGES = "train-images-idx3-ubyte.gz"
IMAGES_OF_AN_EPOCH = 60_000


# ---- pythae, in a process of its own ---------------------------------------------------------


def pythae_model(case):
    from pythae import models

    kind, settings, options = {
        "vae": (models.VAE, models.VAEConfig, {}),
        "wae_mmd": (models.WAE_MMD, models.WAE_MMD_Config, {"kernel_choice": "imq"}),
        "infovae": (models.INFOVAE_MMD, models.INFOVAE_MMD_Config, {"kernel_choice": "imq"}),
        "aae": (models.Adversarial_AE, models.Adversarial_AE_Config, {}),
        "wae_gan": (models.Adversarial_AE, models.Adversarial_AE_Config, {}),
    }[case]
    return kind(settings(input_dim=(1, 28, 28), latent_dim=20, **options))


def time_in_pythae(case, folder, epochs):
    """Seconds of each epoch."""
    import torch
    from pythae import trainers
    from pythae.data.datasets import BaseDataset
    from pythae.trainers.training_callbacks import TrainingCallback

    class Clock(TrainingCallback):
        times = []

        def on_epoch_begin(self, *_, **__):
            self.begin = time.perf_counter()

        def on_epoch_end(self, *_, **__):
            self.times.append(time.perf_counter() - self.begin)

    torch.set_num_threads(1)
    torch.manual_seed(1)
    with gzip.open(pathlib.Path(folder) / IMAGES) as file:
        count, height, width = struct.unpack(">4xIII", file.read(16))
        pixels = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
    images = pixels.view(count, 1, height, width).float() / 255
    with tempfile.TemporaryDirectory(prefix="pythae-bench-") as out:
        options = {"output_dir": out, "num_epochs": epochs, "per_device_train_batch_size": 128,
                   "no_cuda": True}
        if case in ("aae", "wae_gan"):
            trainer, settings = trainers.AdversarialTrainer, trainers.AdversarialTrainerConfig(
                **options, autoencoder_learning_rate=1e-3, discriminator_learning_rate=1e-3)
        else:
            trainer, settings = trainers.BaseTrainer, trainers.BaseTrainerConfig(
                **options, learning_rate=1e-3)
        trainer(pythae_model(case), BaseDataset(images, torch.ones(count)),
                training_config=settings, callbacks=[Clock()]).train()
    return Clock.times


# ---- the comparison --------------------------------------------------------------------------


def seconds_an_epoch(case, data, ranks, batch, cores):
    times, _ = measuring.time_in_allmodes(f"autoencoder_{case}", ranks, cores, f"data.path={data}",
                                          f"batch={batch}")
    return 1e-3 * -(-IMAGES_OF_AN_EPOCH // batch) * measuring.steady(times)


def compare(case, options, python, cores):
    taken = {"pythae": [], "allmodes": [], "two_ranks": [], "two_ranks_same_batch": []}
    for _ in range(options.rounds):
        out = measuring.run([python, "-W", "ignore", __file__, "--in-pythae", case,
                             str(options.mnist), "3"], cores[-1:],
                            {"PYTHONPATH": str(options.pythae)})
        taken["pythae"].append(statistics.median(json.loads(out.splitlines()[-1])[1:]))
        taken["allmodes"].append(seconds_an_epoch(case, options.mnist, 1, 128, cores[-1:]))
        if len(cores) >= 2:
            for name, batch in (("two_ranks", 256), ("two_ranks_same_batch", 128)):
                taken[name].append(seconds_an_epoch(case, options.mnist, 2, batch, cores[:2]))
    return taken


def main():
    if sys.argv[1:2] == ["--in-pythae"]:
        case, folder, epochs = sys.argv[2:]
        print(json.dumps(time_in_pythae(case, folder, int(epochs))))
        return
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mnist", type=pathlib.Path, default=FASHION,
                        help="folder of the idx files (default: Fashion-MNIST)")
    parser.add_argument("--python", help="an interpreter that has torch")
    parser.add_argument("--pythae", type=pathlib.Path, default="", help="folder of pythae")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    options = parser.parse_args()
    cases = measuring.cases_of(parser, options.case, CASES)
    python, _ = measuring.python_with_torch(options.python)
    cores = sorted(os.sched_getaffinity(0))

    print(f"seconds an epoch, one thread a process, {options.rounds} rounds")
    print(f"{'case':<9} {'pythae':>8} {'allmodes':>9} {'2 ranks':>8} {'same batch':>11}   "
          f"{'pythae/allmodes':<19} {'1 rank/2 ranks':<19} {'same batch':<19}")
    results = []
    for case in cases:
        taken = compare(case, options, python, cores)
        ratios = {
            "pythae_over_allmodes": measuring.ratio(taken["pythae"], taken["allmodes"]),
            "one_over_two_ranks": measuring.ratio(taken["allmodes"], taken["two_ranks"]),
            "one_over_two_ranks_same_batch": measuring.ratio(taken["allmodes"],
                                                             taken["two_ranks_same_batch"])}
        results.append({"case": case, "seconds_an_epoch": taken} | ratios)
        middle = [f"{statistics.median(t):.2f}" if t else "-" for t in taken.values()]
        print(f"{case:<9} {middle[0]:>8} {middle[1]:>9} {middle[2]:>8} {middle[3]:>11}   " +
              " ".join(measuring.show(ratio).ljust(19) for ratio in ratios.values()), flush=True)
    measuring.write(options.json, {"rounds": options.rounds, "cases": results})


main()
