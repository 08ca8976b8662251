"""What diffusers' AutoencoderKL makes of converted weights, beside the trainer's outputs.

    compare_autoencoder_kl.py EXPORTED FOLDER    FOLDER: of python -m allmodes.autoencoder_kl

The encoder's mean and logarithmic variance and the decoder's pictures must be within 1e-5 of the
largest of them.
"""

import pathlib
import sys

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file


def main(exported, folder):
    torch.set_num_threads(1)
    model, report = AutoencoderKL.from_pretrained(folder, output_loading_info=True)
    if any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        sys.exit(f"keys do not fit: {report}")
    failed = False
    for name in ("encoder", "decoder"):
        example = load_file(pathlib.Path(exported) / f"{name}.example.safetensors")
        with torch.no_grad():
            if name == "encoder":
                found = model.encode(example["input"]).latent_dist.parameters
            else:
                found = model.decode(example["input"]).sample
        scale = max(1.0, float(example["output"].abs().max()))
        worst = float((found - example["output"]).abs().max()) / scale
        print(f"{name}: off by {worst:.2g} of the largest output")
        failed = failed or not worst <= 1e-5
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
