#!/usr/bin/env python3
"""Makes what docs/verdict.md publishes anew: false alarms, what is found, the smallest loss and effect.

    python3 tests/bench/verdict/tables.py --json FILE [--mnist FOLDER] [--only REGEX] [--list]

Each table is printed as it is made, under the command that makes it, and kept in FILE. All of them take a night on
two cores; --only takes those whose name matches. Planted sets of MNIST need --mnist; the Python side NumPy and
scikit-learn.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import measuring

BENCH = measuring.ROOT / "tests/bench"


def tables(options):
    """The commands by the name of their table, in the order of the page."""
    binary = ["--binary", options.binary]
    mnist = ["--mnist", options.mnist] if options.mnist else []
    verdict_bench = str(pathlib.Path(options.binary).parent / "tests/verdict_bench")

    def python(script, *arguments):
        return [options.python, str(BENCH / script), *binary, *arguments]

    return {
        "healthy and planted, in training": [verdict_bench, "1000", "50"],
        "smallest loss": python("diagnose/smallest_loss.py", "--trials", "30"),
        "smallest effect": python("diagnose/smallest_effect.py", *mnist),
        "planted sets": python("diagnose/planted.py", *mnist, "--set", "report", "--seeds", "1"),
        "planted sets, nothing": python("diagnose/planted.py", *mnist, "--set", "healthy"),
        "without labels": python("verdict/without_labels.py"),
    }


def made(command):
    """What the command prints, line by line on standard output as it comes."""
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                          env=os.environ | measuring.ONE_THREAD) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    if process.returncode == 77:
        return None
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {process.returncode}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--binary", default=measuring.program())
    parser.add_argument("--python", default=sys.executable, help="with NumPy and scikit-learn")
    parser.add_argument("--mnist", default="", help="folder of MNIST's four files")
    parser.add_argument("--only", default="", help="regular expression of the names that --list prints")
    parser.add_argument("--list", action="store_true", help="print names and commands, and make nothing")
    options = parser.parse_args()
    chosen = {name: command for name, command in tables(options).items() if re.search(options.only, name)}
    if not chosen:
        parser.error(f"no table '{options.only}'; --list prints their names")
    found = {}
    for name, command in chosen.items():
        print(f"\n## {name}\n\n    {' '.join(command)}\n", flush=True)
        if options.list:
            continue
        lines = made(command)
        print("" if lines is not None else "skipped: what it needs is not installed", flush=True)
        found[name] = {"command": command, "lines": lines}
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
