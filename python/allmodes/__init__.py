"""Runs of allmodes, its models and its verdict, from Python.

    import allmodes

    run = allmodes.read("runs/00000-ring_gan")       # records as columns, verdict, configuration
    generator = allmodes.load("runs/00000-ring_gan", "generator")    # a torch.nn.Module
    result = allmodes.diagnose(reals, fakes)         # the verdict on anyone's samples

`read` needs NumPy alone. `load` needs PyTorch and `safetensors`. `load` of a run and `diagnose` call
the program: the one that ALLMODES_BINARY names, else `allmodes` on the PATH.
"""

from allmodes.diagnosis import AtRisk, Collapsed, Diagnosis, DiagnoseCallback, diagnose
from allmodes.program import ProgramError, find_program
from allmodes.run import Run, read

__all__ = [
    "AtRisk",
    "Collapsed",
    "DiagnoseCallback",
    "Diagnosis",
    "ProgramError",
    "Run",
    "diagnose",
    "find_program",
    "load",
    "read",
]


def load(path, network="generator", *, raw=False, device="cpu"):
    """A network of a run, of a checkpoint or of an exported folder as a `torch.nn.Module`.

    path: a run's or checkpoint's folder, which is exported into a temporary folder first; or a
        folder that `allmodes export` wrote.
    network: "generator", "discriminator", "encoder", "decoder".
    raw: the trained weights instead of their moving average.
    Raises ProgramError when the export fails, FileNotFoundError when there is no such network.
    """
    import pathlib
    import tempfile

    from allmodes.network import load as load_network
    from allmodes.program import run_program

    folder = pathlib.Path(path)
    if (folder / f"{network}.json").exists():
        return load_network(folder / f"{network}.json", device)
    with tempfile.TemporaryDirectory() as out:
        run_program(["export", str(folder), "--out", out] + (["--raw"] if raw else []))
        description = pathlib.Path(out) / f"{network}.json"
        if not description.exists():
            names = sorted(file.stem for file in pathlib.Path(out).glob("*.json"))
            raise FileNotFoundError(f"{path} has no network '{network}'; it has {', '.join(names)}")
        return load_network(description, device)
