#!/usr/bin/env python3
"""Every link in the Markdown pages leads to a file that is there, and to a title that is in it.

Usage: links.py [FOLDER of the project]
"""

import pathlib
import re
import sys

LINK = re.compile(r"!?\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```|^    [^\n]*$", re.S | re.M)
TITLE = re.compile(r"^#{1,6}\s+(.*?)\s*$", re.M)


def anchors(text):
    """The anchors that the titles of a page get, as GitHub makes them."""
    result = set()
    for title in TITLE.findall(FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        n = 0
        while (anchor if n == 0 else f"{anchor}-{n}") in result:
            n += 1
        result.add(anchor if n == 0 else f"{anchor}-{n}")
    return result


def complaints(project):
    pages = sorted(p for p in [*project.glob("*.md"), *(project / "docs").rglob("*.md")])
    for page in pages:
        text = page.read_text()
        code = [m.span() for m in FENCE.finditer(text)]
        for match in LINK.finditer(text):
            target = match.group(1)
            if re.match(r"[a-z]+:", target) or any(a <= match.start() < b for a, b in code):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            where = f"{page.relative_to(project)}:{text.count(chr(10), 0, match.start()) + 1}"
            if not file.exists():
                yield f"{where}: there is no {target}"
            elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
                yield f"{where}: {target}: no title gives this anchor"


def main():
    default = pathlib.Path(__file__).resolve().parents[2]
    project = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    found = list(complaints(project))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
