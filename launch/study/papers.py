"""The table of a study for a paper: Markdown, LaTeX, CSV. Each cell with the number of its seeds."""

import csv as writer
import io

from .summary import show_cell, show_value


def table_texts(study, table):
    """The header and the rows as texts: each column, beside it what was published."""
    published = {column.name for column in study.columns
                 if any(column.name in row.published for row in study.rows)}
    header = [""]
    for column in study.columns:
        header += [column.title, study.reference][: 2 if column.name in published else 1]
    body = []
    for row in study.rows:
        line = [row.title]
        for column in study.columns:
            cell = table.cell(row.name, column.name)
            shown = show_cell(cell, column)
            line.append(f"{shown} (n={len(cell.by_seed)})" if shown else "-")
            if column.name in published:
                line.append(show_value(*row.published[column.name], column)
                            if column.name in row.published else "")
        body.append(line)
    return header, body


def markdown(study, table, judgements):
    header, body = table_texts(study, table)

    def join(line):
        return "| " + " | ".join(text.replace("|", "\\|") for text in line) + " |"

    lines = [f"**{study.title}**", "", join(header), "|" + "---|" * len(header), *map(join, body), "",
             f"{study.budget} budget; mean ± standard error of n seeds. {study.budget_about}"]
    if judgements:
        lines += ["", "| claim | | |", "|---|---|---|"]
        lines += [join([f"`{j.claim.law}`: {j.claim.says}", j.state, j.numbers]) for j in judgements]
    return "\n".join(lines) + "\n"


_LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
          "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
          "±": r"$\pm$", "<": "$<$", ">": "$>$"}


def latex(study, table):
    """A tabular of booktabs; what a title has of LaTeX's own signs is escaped."""
    header, body = table_texts(study, table)

    def join(line):
        return " & ".join("".join(_LATEX.get(c, c) for c in text) for text in line) + r" \\"

    return "\n".join([rf"% {study.title} ({study.budget} budget; mean, standard error, n seeds)",
                      r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}", r"\toprule", join(header),
                      r"\midrule", *map(join, body), r"\bottomrule", r"\end{tabular}"]) + "\n"


def csv(study, table):
    """One line a row and column: row, column, n, mean, standard_error, published and its error; texts
    as their counts in `shown`."""
    file = io.StringIO()
    out = writer.writer(file, lineterminator="\n")
    out.writerow(["row", "column", "n", "mean", "standard_error", "shown", "published",
                  "published_standard_error"])
    for row in study.rows:
        for column in study.columns:
            cell = table.cell(row.name, column.name)
            if cell is None:
                continue
            value, error = row.published.get(column.name, ("", ""))
            out.writerow([row.name, column.name, len(cell.by_seed),
                          "" if cell.mean is None else repr(cell.mean),
                          "" if cell.error is None else repr(cell.error), show_cell(cell, column),
                          value, "" if error is None else error])
    return file.getvalue()
