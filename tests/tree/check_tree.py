"""What holds of the source tree: rooms include only rooms below, links of documents lead somewhere.

The order of the rooms is that of the table in docs/design.md, from the outside in.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# GitHub's anchors: lower case, spaces as dashes, other signs dropped.
ANCHOR_DROPS = re.compile(r"[^\w\- ]")


def rooms():
    """The rooms of trainer/ in the order of the table: "cli", ..., "diagnostics/verdict", ..., "base"."""
    table = (ROOT / "docs/design.md").read_text()
    return re.findall(r"^\| `trainer/([a-z_/]+)/` \|", table, re.MULTILINE)


def room_of(path, order):
    """The longest room that the path begins with."""
    return max((room for room in order if path.startswith(room + "/")), key=len, default=None)


def wrong_includes():
    order = rooms()
    rank = {room: place for place, room in enumerate(order)}
    for source in sorted(ROOT.glob("trainer/*/**/*")):
        if source.suffix not in (".h", ".cpp", ".cu"):
            continue
        name = str(source.relative_to(ROOT / "trainer"))
        own = room_of(name, order)
        if own is None:
            yield f"trainer/{name}: its room is not in the table of docs/design.md"
            continue
        for line, text in enumerate(source.read_text().splitlines(), 1):
            found = re.match(r'#include "([^"]+)"', text)
            other = room_of(found.group(1), order) if found else None
            if other is not None and rank[other] < rank[own]:
                yield f"trainer/{name}:{line}: {own} includes {found.group(1)}, of a room above it"


def anchors(document):
    found = set()
    for title in re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE):
        found.add(ANCHOR_DROPS.sub("", title.lower()).replace(" ", "-"))
    return found


def broken_links():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("python/*.md")]:
        for line, text in enumerate(document.read_text().splitlines(), 1):
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                there = (document.parent / path) if path else document
                place = f"{document.relative_to(ROOT)}:{line}: {target}"
                if not there.exists():
                    yield f"{place}: there is no such file"
                elif anchor and anchor not in anchors(there):
                    yield f"{place}: no such heading"


def long_readme():
    lines = len((ROOT / "README.md").read_text().splitlines())
    if lines > 180:
        yield f"README.md: {lines} lines, more than 180"


def main():
    faults = [*wrong_includes(), *broken_links(), *long_readme()]
    print("\n".join(faults) or f"{len(rooms())} rooms, in order; all links lead somewhere")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
