"""Exported networks beside the modules that model.py makes of them.

    compare_networks.py FOLDER...    folders that `allmodes export` wrote

Each NAME.example.safetensors holds inputs and the trainer's outputs; the module's outputs must be
within 1e-5 of the largest of them. Prints a line for each kind of layer that was seen.
"""

import importlib.util
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file


def kinds_of(layers):
    for layer in layers:
        yield layer["kind"]
        yield from kinds_of(layer.get("layers", []))
        yield from kinds_of(layer.get("shortcut", []))


def main(folders):
    torch.set_num_threads(1)
    seen, failed, compared = {}, 0, 0
    for folder in map(pathlib.Path, folders):
        spec = importlib.util.spec_from_file_location("model", folder / "model.py")
        model = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(model)
        for path in sorted(folder.glob("*.example.safetensors")):
            description = folder / path.name.replace(".example.safetensors", ".json")
            network = model.load(description)
            example = load_file(path)
            with torch.no_grad():
                output = network(example["input"], example.get("labels"))
            scale = max(1.0, float(example["output"].abs().max()))
            worst = float((output - example["output"]).abs().max()) / scale
            compared += 1
            for kind in set(kinds_of(json.loads(description.read_text())["layers"])):
                seen[kind] = max(seen.get(kind, 0.0), worst)
            if not worst <= 1e-5:
                failed += 1
                print(f"{path}: off by {worst:.3g} of the largest output")
            if "latent" in network.description:
                samples = network.sample(4, seed=1)
                wanted = [4, *network.description["samples"]["shape"]]
                if list(samples.shape) != wanted or not torch.isfinite(samples).all():
                    failed += 1
                    print(f"{description}: samples of shape {list(samples.shape)}, not {wanted}")
    for kind, worst in sorted(seen.items()):
        print(f"{kind:26} {worst:.2g}")
    missing = set(model.KINDS) - set(seen)
    if missing:
        print(f"kinds of layers that no folder has: {', '.join(sorted(missing))}")
    print(f"{compared} networks compared, {failed} failed")
    return 1 if failed or missing or compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
