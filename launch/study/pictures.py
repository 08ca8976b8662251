"""The picture of a study: a panel of bars a column, or densities (densities.py)."""

import textwrap

from . import densities
from .summary import show_value
from .svg import BLUE, FAINT, GREY, INK, ORANGE, RULE, Drawing, nice_ticks, show_tick

ROW_HEIGHT, BAR_HEIGHT, TOP, PANEL, NUMBERS, GAP = 38, 16, 96, 260, 84, 26


def draw(study, table):
    if study.picture == "densities":
        return densities.draw(study, table)
    return _bars(study, table)


def _bars(study, table):
    columns = [c for c in study.columns if c.picture]
    labels = 24 + 7 * max(len(row.title) for row in study.rows)
    width = labels + len(columns) * (PANEL + GAP) + 14
    bottom = TOP + ROW_HEIGHT * len(study.rows)
    notes = _notes(study, int(width / 6.2))
    drawing = Drawing(width, bottom + 52 + 16 * len(notes), study.title)
    drawing.text(24, 34, study.title, 17, bold=True)
    _legend(drawing, study, 24, 58)
    for i, row in enumerate(study.rows):
        drawing.text(labels - 12, TOP + ROW_HEIGHT * (i + 0.5) + 4, row.title, 12.5, anchor="end")
    for i, column in enumerate(columns):
        _panel(drawing, study, table, column, labels + i * (PANEL + GAP), bottom)
    for i, note in enumerate(notes):
        drawing.text(24, bottom + 50 + 16 * i, note, 11, FAINT)
    return str(drawing)


def _legend(drawing, study, x, y):
    drawing.rectangle(x, y - 8, 20, 9, BLUE, 2)
    drawing.text(x + 27, y, "mean of the seeds ± standard error", 11.5, FAINT)
    drawing.dot(x + 243, y - 4, 2.6, INK, 0.55)
    drawing.text(x + 252, y, "one seed", 11.5, FAINT)
    if any(row.published for row in study.rows):
        drawing.diamond(x + 324, y - 4, 5, ORANGE)
        drawing.text(x + 335, y, study.reference, 11.5, FAINT)
    if any(c.perfect is not None and c.picture for c in study.columns):
        drawing.line(x + 424, y - 11, x + 424, y + 2, INK, 1.2, "3,3")
        drawing.text(x + 432, y, "perfect", 11.5, FAINT)


def _panel(drawing, study, table, column, left, bottom):
    title = column.title + {"higher": "  (higher is better)", "lower": "  (lower is better)",
                            "": ""}[column.better]
    drawing.text(left, TOP - 12, title, 12, bold=True)
    low, high = _span(study, table, column)
    room = PANEL - NUMBERS

    def at(value):
        return left + room * (value - low) / (high - low)

    for tick in [t for t in nice_ticks(low, high) if low <= t <= high]:
        drawing.line(at(tick), TOP - 4, at(tick), bottom, RULE)
        drawing.text(at(tick), bottom + 15, show_tick(tick), 10.5, FAINT, "middle")
    for i, row in enumerate(study.rows):
        cell = table.cell(row.name, column.name)
        middle = TOP + ROW_HEIGHT * (i + 0.5)
        _bar(drawing, row, column, cell, at, middle)
        shown = "no figure" if cell is None or cell.mean is None else show_value(
            cell.mean, cell.error, column)
        drawing.text(left + room + 10, middle + 4, shown, 11, INK if cell else FAINT)
    drawing.line(at(0), TOP - 4, at(0), bottom, INK)
    if column.perfect is not None:
        drawing.line(at(column.perfect), TOP - 4, at(column.perfect), bottom, INK, 1.2, "3,3")


def _bar(drawing, row, column, cell, at, middle):
    if cell is not None and cell.mean is not None:
        start, end = sorted((at(0), at(cell.mean)))
        drawing.rectangle(start, middle - BAR_HEIGHT / 2, max(1, end - start), BAR_HEIGHT,
                          GREY if row.baseline else BLUE, 2)
        if cell.error:
            drawing.whisker(at(cell.mean - cell.error), at(cell.mean + cell.error), middle, INK)
        for value in cell.by_seed.values():
            drawing.dot(at(value), middle + BAR_HEIGHT / 2 - 3, 2.6, INK, 0.55)
    published = row.published.get(column.name)
    if published is not None:
        value, error = published
        y = middle + BAR_HEIGHT / 2 + 5
        if error:
            drawing.whisker(at(value - error), at(value + error), y, ORANGE, 2.5)
        drawing.diamond(at(value), y, 4, ORANGE)


def _span(study, table, column):
    """From 0, or the least, to a little more than the greatest of all that is drawn."""
    values = [0.0] if column.perfect is None else [0.0, column.perfect]
    for row in study.rows:
        cell = table.cell(row.name, column.name)
        if cell is not None and cell.mean is not None:
            values += [*cell.by_seed.values(), cell.mean + (cell.error or 0)]
        if column.name in row.published:
            value, error = row.published[column.name]
            values += [value, value + (error or 0)]
    low, high = min(values), max(values)
    return low, high + 0.03 * (high - low) if high > low else low + 1.0


def _notes(study, width):
    notes = [study.budget_about]
    used = {row.source for row in study.rows if row.published}
    notes += [f"{study.reference.capitalize()}: {text}." for name, text in study.sources.items()
              if name in used]
    return [line for note in notes if note for line in textwrap.wrap(note, width)]
