#!/usr/bin/env python3
"""No file includes one of a room above its own.

The order of the rooms, lowest first, is the list in trainer/CMakeLists.txt. A sub-room is named with
its folder ("diagnostics/verdict"); a file belongs to the longest name that is a folder of its path.

Usage: includes.py [trainer]
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def rooms_of(cmake):
    """The names of the rooms in the order of set(ALLMODES_ROOM_ORDER ...)."""
    match = re.search(r"set\(ALLMODES_ROOM_ORDER\s+([^)]*)\)", re.sub(r"#[^\n]*", "", cmake))
    if not match:
        raise SystemExit("trainer/CMakeLists.txt has no set(ALLMODES_ROOM_ORDER ...)")
    return match.group(1).split()


def room_of(path, rooms):
    """The room of a path relative to trainer/, or None."""
    found = [room for room in rooms if path.startswith(room + "/")]
    return max(found, key=len) if found else None


def complaints(folder):
    rooms = rooms_of((folder / "CMakeLists.txt").read_text())
    place = {room: i for i, room in enumerate(rooms)}
    for room in rooms:
        if not (folder / room).is_dir():
            yield f"{room}: there is no such folder"
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.suffix not in (".h", ".cpp") or "/" not in name:
            continue
        own = room_of(name, rooms)
        if own is None:
            yield f"{name}: its folder is not in the list of trainer/CMakeLists.txt"
            continue
        text = file.read_text()
        for match in INCLUDE.finditer(text):
            other = room_of(match.group(1), rooms)
            if other is not None and place[other] > place[own]:
                line = text.count("\n", 0, match.start(1)) + 1
                yield f"{name}:{line}: {own} includes {match.group(1)}, of the room {other} above it"


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "trainer"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    found = list(complaints(folder))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
