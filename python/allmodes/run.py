"""What a run left in its folder."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Optional

import numpy as np


def _columns(records: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """One array a field, as long as `records`: floats with NaN where a record lacks it, or objects."""
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(record))
    columns = {}
    for name in names:
        values = [record.get(name) for record in records]
        if all(v is None or isinstance(v, (int, float)) for v in values):
            columns[name] = np.array([np.nan if v is None else float(v) for v in values])
        else:
            column = np.empty(len(values), dtype=object)
            column[:] = values
            columns[name] = column
    return columns


class Run:
    """A run's folder, read once; `reload()` reads what has been added since.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "records.jsonl").write_text(
    ...     '{"record":"train","step":10,"loss_generator":2.0}\\n'
    ...     '{"record":"train","step":20,"loss_generator":1.5}\\n'
    ...     '{"record":"evaluation","step":20,"modes_covered":8}\\n'
    ...     '{"record":"verdict","step":20,"state":"healthy","kind":"none"}\\n')
    >>> run = Run(folder)
    >>> run.columns("train")["loss_generator"].tolist()
    [2.0, 1.5]
    >>> run.states()
    [(20, 'healthy', 'none')]
    """

    def __init__(self, folder: str | pathlib.Path):
        self.folder = pathlib.Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{self.folder}: there is no such run")
        self.reload()

    def reload(self) -> None:
        """Reads the folder's records anew; a last line that is still being written is left out."""
        self.records: list[dict[str, Any]] = []
        path = self.folder / "records.jsonl"
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                self.records.append(json.loads(line))
            except json.JSONDecodeError as error:
                if number < len(lines):
                    raise ValueError(f"{path}:{number}:{error.colno}: {error.msg}") from error

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The records "train", "evaluation", "verdict", "data", "from" or "rollback", in order."""
        return [record for record in self.records if record.get("record") == kind]

    def columns(self, kind: str = "train") -> dict[str, np.ndarray]:
        """The fields of the records of a kind, an array each."""
        return _columns(self.of_kind(kind))

    def frame(self, kind: str = "train"):
        """The same as a pandas.DataFrame, where pandas is installed."""
        import pandas

        return pandas.DataFrame(self.of_kind(kind))

    @property
    def verdict(self) -> Optional[dict[str, Any]]:
        """verdict.json, None before the first verdict."""
        path = self.folder / "verdict.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    @property
    def config(self) -> str:
        """The resolved configuration, a text-proto."""
        return (self.folder / "config.txtpb").read_text(encoding="utf-8")

    @property
    def checkpoints(self) -> list[pathlib.Path]:
        """Folders of the checkpoints, oldest first."""
        return sorted(self.folder.glob("checkpoints/step-*"))

    def states(self) -> list[tuple[int, str, str]]:
        """(step, state, kind) of each judged evaluation."""
        return [
            (int(record["step"]), record["state"], record.get("kind", ""))
            for record in self.of_kind("verdict")
        ]

    def __repr__(self) -> str:
        states = self.states()
        last = f"step {states[-1][0]}: {states[-1][1]}" if states else "no verdict yet"
        return f"Run({str(self.folder)!r}, {last})"


def read(folder: str | pathlib.Path) -> Run:
    """The run in `folder` (runs/NNNNN-NAME); FileNotFoundError where there is none."""
    return Run(folder)
