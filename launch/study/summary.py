"""From the figures of finished runs to cells: every seed's value, mean and standard error."""

import collections
import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Cell:
    by_seed: dict  # seed -> number or text
    mean: float | None = None
    error: float | None = None  # standard error of the mean; None with one seed


@dataclasses.dataclass
class Table:
    cells: dict  # (row, column) -> Cell

    def cell(self, row, column):
        return self.cells.get((row, column))


def make_cell(by_seed):
    values = list(by_seed.values())
    if not values or any(isinstance(v, str) for v in values):
        return Cell(by_seed)
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Cell(by_seed, mean)
    variance = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return Cell(by_seed, mean, math.sqrt(variance / len(values)))


def make_table(study, figures):
    """`figures`: row -> seed -> column -> value."""
    cells = {}
    for row in study.rows:
        for column in study.columns:
            by_seed = {seed: found[column.name]
                       for seed, found in sorted(figures.get(row.name, {}).items())
                       if column.name in found}
            if by_seed:
                cells[row.name, column.name] = make_cell(by_seed)
    return Table(cells)


def show_cell(cell, column):
    """"23.7 ± 0.3", "3 healthy", or "" without a figure."""
    if cell is None or not cell.by_seed:
        return ""
    if cell.mean is None:
        counts = collections.Counter(cell.by_seed.values())
        return ", ".join(f"{number} {text}" for text, number in counts.most_common())
    return show_value(cell.mean, cell.error, column)


def show_value(value, error, column):
    if error is None:
        return column.show(value)
    return f"{column.show(value)} ± {column.show(error)}"
