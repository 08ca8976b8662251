"""The table of a study as text and as JSON."""

import shlex
import textwrap

from .summary import show_cell, show_value

WIDTH = 110


def text_report(study, table, judgements, state):
    """`state`: the facts that __main__ collects, of runs, failures, versions and command."""
    lines = [study.title, ""]
    if study.about:
        lines += textwrap.wrap(study.about, WIDTH) + [""]
    lines += _grid(study, table)
    lines += [""] + _notes(study, table, state)
    if judgements:
        lines += [""] + _claims(judgements)
    for label, why in state["failed"].items():
        lines.append(f"failed: {label}: {why}")
    return "\n".join(lines) + "\n"


def _grid(study, table):
    header, body = [""], [[row.title] for row in study.rows]
    for column in study.columns:
        header.append(column.title)
        for line, row in zip(body, study.rows):
            line.append(show_cell(table.cell(row.name, column.name), column) or "-")
        if any(column.name in row.published for row in study.rows):
            header.append(study.reference)
            for line, row in zip(body, study.rows):
                line.append(show_value(*row.published[column.name], column)
                            if column.name in row.published else "")
    widths = [max(len(line[i]) for line in [header, *body]) for i in range(len(header))]
    rule = "  ".join("-" * width for width in widths)

    def join(line):
        return "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip()

    return [join(header), rule, *map(join, body)]


def _notes(study, table, state):
    counts = sorted({len(cell.by_seed) for cell in table.cells.values()})
    seeds = " to ".join(map(str, counts[:1] + counts[1:][-1:])) or "0"
    steps = sorted({row.steps for row in study.rows})
    span = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
    notes = [f"{study.budget} budget: {span} steps, {seeds} seed{'s' * (seeds != '1')}, "
             f"mean ± standard error. "
             f"{study.budget_about}".strip()]
    if used := {row.source for row in study.rows if row.source}:
        notes += [f"{study.reference}: {text}" for name, text in study.sources.items()
                  if name in used]
    notes.append(f"{state['seconds']:,.0f} s of training in all, on {state['ranks_text']}; "
                 f"{', '.join(state['versions']) or 'no run yet'}; made by: {state['command']}")
    return [line for note in notes for line in textwrap.wrap(note, WIDTH, subsequent_indent="  ")]


def _claims(judgements):
    lines = []
    width = max(len(j.claim.law) for j in judgements)
    for j in judgements:
        word = "FAILS" if j.state == "fails" else j.state
        lines.append(f"{word:13}  {j.claim.law.ljust(width)}  {j.numbers}")
        lines.append(f"{'':13}  {j.claim.says}")
    return lines


def json_report(study, table, judgements, state):
    """Everything of the table, every seed's figures among it."""
    return {
        "study": study.name,
        "title": study.title,
        "budget": study.budget,
        "budget_about": study.budget_about,
        "command": state["command"],
        "versions": state["versions"],
        "seconds": state["seconds"],
        "columns": [{"name": c.name, "title": c.title, "record": c.record, "field": c.field,
                     "at": c.at, "scale": c.scale, "better": c.better} for c in study.columns],
        "rows": [_row(row, study, table, state) for row in study.rows],
        "claims": [{"law": j.claim.law, "says": j.claim.says, "over": j.claim.over,
                    "state": j.state, "seeds": j.seeds, "interval": j.interval,
                    "numbers": j.numbers} for j in judgements],
        "failed": state["failed"],
        "sources": study.sources,
    }


def _row(row, study, table, state):
    cells = {c.name: table.cell(row.name, c.name) for c in study.columns}
    return {
        "name": row.name,
        "title": row.title,
        "config": row.config,
        "set": list(row.settings),
        "steps": row.steps,
        "published": {name: {"value": value, "standard_error": error}
                      for name, (value, error) in row.published.items()},
        "source": row.source,
        "mean": {name: cell.mean for name, cell in cells.items() if cell and cell.mean is not None},
        "standard_error": {name: cell.error for name, cell in cells.items()
                           if cell and cell.error is not None},
        "runs": [{"seed": run.seed,
                  "figures": state["figures"][row.name][run.seed],
                  "seconds": done["seconds"], "ranks": done["ranks"], "version": done["version"],
                  "command": done["command"]}
                 for run, done in state["done"].items() if run.row.name == row.name],
    }


def progress_line(run, found, columns, done, finished, total):
    parts = [f"{column.title} {column.show(found[column.name])}"
             for column in columns if column.name in found]
    return f"{finished}/{total}  {run.label}: {', '.join(parts)}; {done['seconds']:.0f} s"


def reproduce_line(arguments):
    """The command that makes the same table: `arguments` as argparse found them."""
    words = [arguments.study, *(["--short"] if arguments.short else [])]
    if arguments.ranks > 1:
        words += ["--ranks", str(arguments.ranks)]
    if arguments.seeds:
        words += ["--seeds", str(arguments.seeds)]
    for setting in arguments.settings:
        words += ["--set", setting]
    return shlex.join(["launch/study.sh", *words])
