"""A study as data: what study/NAME.toml says, checked, with the budget and overrides resolved.

A study file has

    title, about     one line; what the study shows
    config           base configuration, relative to the checkout; a budget or row may name another
    set              overrides of every row, as for `allmodes train --set`
    define           texts that replace $name in `set`; a row may add to them or change them
    picture          "bars" (default) or "densities"
    reference        what the figures beside ours are (default "published")
    sources          name = paper, of the published figures
    [budget.short], [budget.full]
                     steps, seeds, about, and optionally config and set
    [[column]]       name, title, field (of a record; "a[0]" is an element), record ("evaluation"),
                     at ("last"; or "min", "max" over the run), absolute (false), scale (1),
                     divide (a field of the same record),
                     format (".2f"), better ("higher", "lower" or ""), perfect (a value to draw),
                     picture (whether a bar is drawn)
    [[row]]          name, title, config, set, define, baseline (drawn grey), published
                     (source, then column = [value, standard error] or [value]),
                     [row.short], [row.full] with steps, set; budgets (default both)
    [[claim]]        law (see claims.py), says, over ("mean", or "seeds": it must hold for each),
                     budgets
"""

import dataclasses
import pathlib
import re
import string
import tomllib

BUDGETS = ("short", "full")


class StudyError(Exception):
    """A study file or command line that cannot be used; the text says what to change."""


@dataclasses.dataclass(frozen=True)
class Column:
    name: str
    title: str
    field: str
    record: str = "evaluation"
    at: str = "last"
    absolute: bool = False
    divide: str = ""
    scale: float = 1.0
    format: str = ".2f"
    better: str = ""
    perfect: float | None = None
    picture: bool = True

    def show(self, value):
        return value if isinstance(value, str) else format(value, self.format)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    config: str
    settings: tuple  # FIELD=VALUE, in order
    steps: int
    baseline: bool
    published: dict  # column -> (value, standard error or None)
    source: str
    define: dict


@dataclasses.dataclass(frozen=True)
class Claim:
    law: str
    says: str
    over: str = "mean"


@dataclasses.dataclass(frozen=True)
class Study:
    name: str
    title: str
    about: str
    budget: str
    budget_about: str
    seeds: int
    picture: str
    reference: str
    columns: tuple
    rows: tuple
    claims: tuple
    sources: dict

    def column(self, name):
        return next((c for c in self.columns if c.name == name), None)


def study_names(folder):
    return sorted(path.stem for path in folder.glob("*.toml"))


def find_study(name, folder):
    """The file of a study: a name of `folder`, or a path."""
    path = folder / f"{name}.toml"
    if "/" not in name and path.is_file():
        return path
    if name.endswith(".toml") and pathlib.Path(name).is_file():
        return pathlib.Path(name)
    raise StudyError(f"no study '{name}'; there are {', '.join(study_names(folder))}, "
                     "or give a path to a .toml file")


def load_study(path, budget):
    """Reads and checks a study file and resolves it for one budget."""
    try:
        with open(path, "rb") as file:
            said = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: {error}") from error
    try:
        return _resolve(path.stem, said, budget)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from error


def _resolve(name, said, budget):
    _check_keys("the study", said, required=("title", "budget", "column", "row"),
                optional=("about", "config", "set", "define", "picture", "reference", "sources",
                          "claim"))
    if budget not in said["budget"]:
        raise StudyError(f"it has no {budget} budget")
    limits = said["budget"][budget]
    _check_keys(f"budget.{budget}", limits, required=("steps", "seeds"),
                optional=("about", "config", "set"))
    columns = tuple(_column(entry) for entry in said["column"])
    sources = said.get("sources", {})
    rows = tuple(_row(entry, said, limits, budget, columns, sources) for entry in said["row"]
                 if budget in entry.get("budgets", BUDGETS))
    for kind, names in (("column", [c.name for c in columns]), ("row", [r.name for r in rows])):
        if twice := {n for n in names if names.count(n) > 1}:
            raise StudyError(f"two {kind}s have the name {sorted(twice)[0]}")
    return Study(name=name, title=said["title"], about=said.get("about", "").strip(),
                 budget=budget, budget_about=limits.get("about", ""), seeds=limits["seeds"],
                 picture=said.get("picture", "bars"),
                 reference=said.get("reference", "published"), columns=columns, rows=rows,
                 claims=tuple(_claim(entry) for entry in said.get("claim", [])
                              if budget in entry.get("budgets", BUDGETS)),
                 sources=sources)


def _column(entry):
    known = [field.name for field in dataclasses.fields(Column)]
    _check_keys("a column", entry, required=known[:3], optional=known[3:])
    if entry.get("at", "last") not in ("last", "min", "max"):
        raise StudyError(f"column {entry['name']}: at is last, min or max")
    return Column(**entry)


def _row(entry, said, limits, budget, columns, sources):
    _check_keys("a row", entry, required=("name", "title"),
                optional=("config", "set", "define", "baseline", "published", "budgets") + BUDGETS)
    name = entry["name"]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise StudyError(f"row '{name}': a name is lower-case letters, digits and '_'")
    own = entry.get(budget, {})
    _check_keys(f"row {name}, {budget}", own, required=(), optional=("steps", "set", "config"))
    config = own.get("config", entry.get("config", limits.get("config", said.get("config"))))
    if config is None:
        raise StudyError(f"row {name} has no config")
    define = said.get("define", {}) | entry.get("define", {})
    settings = (said.get("set", []) + limits.get("set", []) + entry.get("set", []) +
                own.get("set", []))
    published = dict(entry.get("published", {}))
    source = published.pop("source", "")
    if published and source not in sources:
        raise StudyError(f"row {name}: its published figures have no source of [sources]")
    for column, value in published.items():
        if column not in [c.name for c in columns]:
            raise StudyError(f"row {name}: published '{column}' is not a column")
        published[column] = (value[0], value[1] if len(value) > 1 else None)
    return Row(name=name, title=entry["title"], config=config,
               settings=tuple(_substitute(text, define, name) for text in settings),
               steps=own.get("steps", limits["steps"]), baseline=entry.get("baseline", False),
               published=published, source=source, define=define)


def _substitute(text, define, row):
    """$name by its definition, which may itself use others."""
    for _ in range(8):
        if "$" not in text:
            return text
        try:
            text = string.Template(text).substitute(define)
        except (KeyError, ValueError) as error:
            raise StudyError(f"row {row}: '{text}': no definition of {error}") from error
    raise StudyError(f"row {row}: '{text}': definitions go round in a circle")


def _claim(entry):
    _check_keys("a claim", entry, required=("law", "says"), optional=("over", "budgets"))
    if entry.get("over", "mean") not in ("mean", "seeds"):
        raise StudyError(f"claim '{entry['law']}': over is mean or seeds")
    return Claim(entry["law"], entry["says"], entry.get("over", "mean"))


def _check_keys(where, table, required, optional):
    for key in required:
        if key not in table:
            raise StudyError(f"{where} has no '{key}'")
    for key in table:
        if key not in required and key not in optional:
            raise StudyError(f"{where}: '{key}' is not known; known are "
                             f"{', '.join(sorted((*required, *optional)))}")
