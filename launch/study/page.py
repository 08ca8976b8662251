"""The page of a study, report.html: the table, the claims, the picture and links to the runs' pages.

Style and script are those of the runs' pages: the program prints an empty page (`report --frame`),
whose contents go between <main> and </main>.
"""

import html
import os
import subprocess

from . import runs
from .papers import table_texts

MARKS = {"holds": ("healthy", "✓"), "fails": ("collapsed", "✕"), "undecided": ("at_risk", "!")}


def page(study, table, judgements, state, picture, out):
    """`picture`: the SVG of the table. Links are relative to the folder `out`."""
    frame = subprocess.run([os.environ["ALLMODES_BINARY"], "report", "--frame", study.title],
                           capture_output=True, text=True, check=True).stdout
    head, end = frame.split("<main>\n</main>")
    seconds = f"{state['seconds']:,.0f} s of training in all, on {state['ranks_text']}"
    parts = [head, f"<header><h1>{html.escape(study.title)}</h1>", _quiet(study.about),
             _quiet(f"{study.budget} budget; {seconds}"), "</header>\n<main>", _claims(judgements),
             _table(study, table), _figure(study, picture), _runs(state, out), _failed(state),
             f"<section><h2>How it was made</h2><p><code>{html.escape(state['command'])}</code></p>",
             _quiet(", ".join(state["versions"])), _sources(study), "</section></main>", end]
    return "".join(parts)


def _quiet(text):
    return f'<p class="quiet">{html.escape(text)}</p>' if text else ""


def _claims(judgements):
    if not judgements:
        return ""
    rows = []
    for j in judgements:
        state, mark = MARKS.get(j.state, ("", "·"))
        rows.append(f'<tr class="{state}"><td><span class="mark" aria-hidden="true">{mark}</span> '
                    f"{html.escape(j.state)}</td><td>{html.escape(j.claim.says)}<br>"
                    f"<code>{html.escape(j.claim.law)}</code></td>"
                    f"<td>{html.escape(j.numbers)}</td></tr>")
    return ('<section><h2>Claims</h2><div class="scroll" tabindex="0" role="region" '
            'aria-label="Claims"><table><thead><tr><th scope="col">state</th><th scope="col">claim</th>'
            '<th scope="col">numbers</th></tr></thead><tbody>' + "".join(rows) +
            "</tbody></table></div></section>\n")


def _table(study, table):
    (corner, *header), body = table_texts(study, table)
    rows = [f'<tr><th scope="row">{html.escape(title)}</th>' +
            "".join(f"<td>{html.escape(text)}</td>" for text in cells) + "</tr>"
            for title, *cells in body]
    return ('<section><h2>Table</h2><p class="quiet">Mean ± standard error of n seeds.</p>'
            '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead><tr>'
            f"<td>{corner}</td>" + "".join(f'<th scope="col">{html.escape(text)}</th>' for text in header) +
            "</tr></thead><tbody>" + "".join(rows) + "</tbody></table></div></section>\n")


def _figure(study, picture):
    title = html.escape(study.title, quote=True)
    return ('<section><h2>Picture</h2><div class="scroll" tabindex="0" role="region" '
            'aria-label="Picture">' +
            picture.replace("<svg ", f'<svg role="img" aria-label="{title}: the table as bars" ', 1) +
            "</div></section>\n")


def _runs(state, out):
    rows = []
    for run, done in state["done"].items():
        folder = runs.program_folder(run)
        report = folder / "report.html"
        label = html.escape(run.label)
        if report.is_file():
            link = html.escape(os.path.relpath(report, out), quote=True)
            label = f'<a href="{link}">{label}</a>'
        rows.append(f"<li>{label}: {done['seconds']:,.0f} s</li>")
    if not rows:
        return ""
    return ("<section><h2>Runs</h2><details><summary>" + f"{len(rows)} finished runs</summary><ul>" +
            "".join(rows) + "</ul></details></section>\n")


def _failed(state):
    if not state["failed"]:
        return ""
    return ("<section><h2>Failed</h2><ul>" +
            "".join(f"<li>{html.escape(label)}: {html.escape(why)}</li>"
                    for label, why in state["failed"].items()) + "</ul></section>\n")


def _sources(study):
    if not study.sources:
        return ""
    return ("<p>Published figures:</p><ul>" +
            "".join(f"<li>{html.escape(text)}</li>" for text in study.sources.values()) + "</ul>")
