"""The verdict on samples that were made elsewhere."""

from __future__ import annotations

import html
import json
import pathlib
import tempfile
import warnings
from typing import Any, Callable, Optional, Union

import numpy as np

from allmodes.program import run_program

STATES = {0: "healthy", 2: "at_risk", 3: "collapsed"}


class Diagnosis:
    """What `allmodes diagnose` found.

    state: "healthy", "at_risk" or "collapsed".  kind: which collapse, "" where healthy.
    reason: one sentence with the numbers.  figures: every number by its name.
    missing: classes or parts of the data that are missing, with expected and observed counts.
    text: the table that the program prints.  folder: where --out wrote, or None.
    """

    def __init__(self, json_: dict[str, Any], text: str, folder: Optional[pathlib.Path]):
        self.json = json_
        self.text = text
        self.folder = folder
        self.state: str = json_["state"]
        self.kind: str = json_.get("kind", "")
        self.reason: str = json_.get("reason", "")
        self.missing: list[Any] = json_.get("missing", [])
        self.figures = {
            name: value
            for name, value in json_.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }

    def __bool__(self) -> bool:
        """Whether the samples are healthy."""
        return self.state == "healthy"

    def __repr__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else self.state

    def _repr_html_(self) -> str:
        colour = {"healthy": "#1a7f37", "at_risk": "#9a6700"}.get(self.state, "#cf222e")
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td style='text-align:right'>{value:.5g}</td></tr>"
            for name, value in self.figures.items()
        )
        return (
            f"<div><strong style='color:{colour}'>{html.escape(self.state)}</strong> "
            f"{html.escape(self.kind)}<p>{html.escape(self.reason)}</p><table>{rows}</table></div>"
        )


Samples = Union[str, pathlib.Path, np.ndarray, Any]


def _as_file(samples: Samples, folder: pathlib.Path, name: str) -> str:
    """A path as it is; an array or tensor saved as folder/name.npy."""
    if isinstance(samples, (str, pathlib.Path)):
        return str(samples)
    if hasattr(samples, "detach"):  # a tensor
        samples = samples.detach().cpu()
        if str(samples.dtype) == "torch.bfloat16":
            samples = samples.float()
        samples = samples.numpy()
    array = np.ascontiguousarray(samples)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    path = folder / f"{name}.npy"
    np.save(path, array)
    return str(path)


def diagnose(
    real: Samples,
    fake: Samples,
    *,
    labels: Optional[Samples] = None,
    features: str = "auto",
    samples: Optional[int] = None,
    seed: int = 1,
    out: Optional[Union[str, pathlib.Path]] = None,
) -> Diagnosis:
    """Judges `fake` beside `real`.

    real, fake: arrays or tensors, points [N, D] or pictures [N, C, H, W] (bytes, or floats in
        [-1, 1]), or paths of anything that `allmodes diagnose` reads.
    labels: [N] integers of the reals, or a path.  features: as --features.
    samples: how many of each set, at most (default 10,000).
    out: a folder for pictures and diagnosis.json.
    Raises ProgramError where the program refuses, with what it said.
    """
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        folder = pathlib.Path(out) if out is not None else scratch / "out"
        arguments = [
            "diagnose",
            "--real", _as_file(real, scratch, "real"),
            "--fake", _as_file(fake, scratch, "fake"),
            "--features", features,
            "--seed", str(seed),
            "--out", str(folder),
        ]
        if labels is not None:
            arguments += ["--labels", _as_file(labels, scratch, "labels")]
        if samples is not None:
            arguments += ["--samples", str(samples)]
        done = run_program(arguments, good=tuple(STATES))
        found = json.loads((folder / "diagnosis.json").read_text(encoding="utf-8"))
        return Diagnosis(found, done.stdout, folder if out is not None else None)


class Collapsed(RuntimeError):
    """Raised by DiagnoseCallback(on_collapse="raise"); `diagnosis` says what was found."""

    def __init__(self, epoch: int, diagnosis: Diagnosis):
        super().__init__(f"epoch {epoch}: {diagnosis!r}")
        self.epoch = epoch
        self.diagnosis = diagnosis


class AtRisk(UserWarning):
    """Category of the warnings for samples that are at risk, or collapsed."""


class DiagnoseCallback:
    """Judges a generator every few epochs of anybody's training loop.

    real: the real samples, as of `diagnose`.
    generate: called without arguments, returns fakes [N, ...].
    every: epochs between two diagnoses.
    on_collapse: "warn", "stop" (sets `should_stop`) or "raise" (Collapsed).

        watch = DiagnoseCallback(reals, lambda: generator(torch.randn(5000, 64)), every=5)
        for epoch in range(100):
            train_one_epoch()
            watch.step(epoch)
            if watch.should_stop:
                break

    For Lightning: Trainer(callbacks=[watch.for_lightning()]), which stops the trainer on "stop".
    """

    def __init__(
        self, real: Samples, generate: Callable[[], Any], *, every: int = 1,
        on_collapse: str = "warn", **settings: Any,
    ):
        if on_collapse not in ("warn", "stop", "raise"):
            raise ValueError(f"on_collapse is 'warn', 'stop' or 'raise', not {on_collapse!r}")
        if every < 1:
            raise ValueError(f"every is {every}; it must be at least 1")
        self.real = real
        self.generate = generate
        self.every = every
        self.on_collapse = on_collapse
        self.settings = settings
        self.history: list[tuple[int, Diagnosis]] = []
        self.should_stop = False

    def step(self, epoch: int) -> Optional[Diagnosis]:
        """Diagnoses after epoch `every` - 1, 2 `every` - 1, ...; None in between."""
        if (epoch + 1) % self.every != 0:
            return None
        found = diagnose(self.real, self.generate(), **self.settings)
        self.history.append((epoch, found))
        if found.state == "healthy":
            return found
        if found.state == "collapsed":
            if self.on_collapse == "raise":
                raise Collapsed(epoch, found)
            self.should_stop = self.should_stop or self.on_collapse == "stop"
        warnings.warn(f"epoch {epoch}: {found!r}", AtRisk, stacklevel=2)
        return found

    def for_lightning(self) -> Any:
        """This as a callback of Lightning, which has to be installed."""
        try:
            from lightning.pytorch import Callback
        except ImportError:
            from pytorch_lightning import Callback
        watch = self

        class LightningCallback(Callback):
            def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
                watch.step(trainer.current_epoch)
                if watch.should_stop:
                    trainer.should_stop = True

        return LightningCallback()
