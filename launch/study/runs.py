"""One run of a study: a row with a seed. Its folder, its command line, what it found.

OUT/runs/ROW/seed-S-KEY/ holds the program's run folder, its output (output.txt) and, once the last
step was judged, done.json. KEY is a hash of what decides the result: the text of the configuration,
the overrides, steps and seed. A changed definition therefore runs in a folder of its own, and one
that comes back finds its old runs. The program's version is not part of it, but written down.
"""

import dataclasses
import hashlib
import json
import os
import re
import shlex


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    row: object
    seed: int
    settings: tuple
    folder: object  # pathlib.Path

    @property
    def label(self):
        return f"{self.row.name} seed {self.seed}"

    def arguments(self):
        """What the program gets, but for the places where it writes."""
        words = ["train", self.row.config]
        for setting in self.settings:
            words += ["--set", setting]
        return words


def make_run(row, seed, extra_settings, out, root):
    settings = (*row.settings, *extra_settings, f"name={row.name}", f"steps={row.steps}",
                f"seed={seed}")
    text = (root / row.config).read_text()
    key = hashlib.sha256(json.dumps([text, settings]).encode()).hexdigest()[:8]
    return Run(row, seed, settings, out / "runs" / row.name / f"seed-{seed}-{key}")


def command_line(run, ranks, launcher="launch/run.sh"):
    return [launcher, "-n", str(ranks), "--", *run.arguments()]


def shown_command(run, ranks):
    return shlex.join(command_line(run, ranks))


def program_folder(run):
    """The program's own run folder, the newest where there are several; None before the first."""
    if not run.folder.is_dir():
        return None
    found = [p for p in run.folder.iterdir() if re.match(r"\d+-", p.name) and p.is_dir()]
    return max(found, default=None)


def is_finished(run):
    """Whether the last step was reached and judged."""
    folder = program_folder(run)
    try:
        return json.loads((folder / "verdict.json").read_text())["step"] == run.row.steps
    except (TypeError, OSError, ValueError, KeyError):
        return False


def read_records(path):
    """The records of a run; a last line that is still being written is left out."""
    records = []
    with open(path) as file:
        for line in file:
            try:
                records.append(json.loads(line))
            except ValueError:
                break
    return records


def last_step(run):
    """The step that a run in progress last spoke of, from the end of its records."""
    folder = program_folder(run)
    try:
        with open(folder / "records.jsonl", "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            found = re.findall(rb'"step":(\d+)', file.read())
            return int(found[-1]) if found else 0
    except (TypeError, OSError):
        return 0


def _element(record, field):
    name, index = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", field).groups()
    value = record.get(name)
    if index is None or value is None:
        return value
    return value[int(index)] if int(index) < len(value) else None


def _value(record, column):
    value = _element(record, column.field)
    if not column.divide or value is None:
        return value
    below = _element(record, column.divide)
    return value / below if below else None


def figures(run, columns):
    """column -> its figure in a finished run; a figure that is absent or not finite is left out."""
    records = read_records(program_folder(run) / "records.jsonl")
    found = {}
    for column in columns:
        values = [_value(r, column) for r in records if r["record"] == column.record]
        if column.at == "last":
            values = values[-1:]
        values = [v for v in values if isinstance(v, (int, float, str))]
        if not values:
            continue
        if isinstance(values[0], str):
            found[column.name] = values[-1]
            continue
        value = {"last": lambda v: v[-1], "min": min, "max": max}[column.at](values)
        found[column.name] = (abs(value) if column.absolute else value) * column.scale
    return found


def training_seconds(run):
    """Seconds of training as the records count them, over interruptions."""
    records = read_records(program_folder(run) / "records.jsonl")
    return records[-1]["time_s"] if records else 0.0


def read_done(run):
    try:
        return json.loads((run.folder / "done.json").read_text())
    except (OSError, ValueError):
        return None


def write_done(run, ranks, version):
    """Marks a finished run, with what the table says about it beside its figures."""
    done = {"command": shown_command(run, ranks), "ranks": ranks, "version": version,
            "seconds": round(training_seconds(run), 1)}
    temporary = run.folder / "done.json.new"
    temporary.write_text(json.dumps(done, indent=1) + "\n")
    temporary.replace(run.folder / "done.json")
    return done
