#!/usr/bin/env python3
"""No source file is longer than 400 lines but those that are named here, with their reason.

Usage: lengths.py [FOLDER of the project]
"""

import pathlib
import sys

MOST = 400
EXCEPTIONS = {
    "proto/allmodes/v1/run.proto": "the schema is one list",
}
FOLDERS = ["trainer", "proto", "tests", "launch", "cmake"]
SUFFIXES = {".h", ".cpp", ".py", ".sh", ".bash", ".cmake", ".proto", ".txt"}


def main():
    default = pathlib.Path(__file__).resolve().parents[2]
    project = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    wrong = 0
    for folder in FOLDERS:
        for file in sorted((project / folder).rglob("*")):
            name = file.relative_to(project).as_posix()
            if file.suffix not in SUFFIXES or "__pycache__" in name:
                continue
            lines = file.read_text().count("\n")
            if lines > MOST and name not in EXCEPTIONS:
                print(f"{name}: {lines} lines, {MOST} at most: cut it by subject")
                wrong += 1
    for name in EXCEPTIONS:
        if not (project / name).exists():
            print(f"{name}: an exception for a file that is not there")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
