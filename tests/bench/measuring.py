"""What the benchmarks share: which Python has torch, processes on given cores, ratios."""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/end_to_end"))

from array_file import write_array

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def program():
    return os.environ.get("ALLMODES_BINARY", str(ROOT / "build/allmodes"))


def python_with_torch(asked):
    """The interpreter to use, and its version of torch."""
    cache = os.environ.get("ALLMODES_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "allmodes")
    places = [asked] if asked else [sys.executable, *map(
        str, sorted(pathlib.Path(cache).glob("torch-*/bin/python"), reverse=True))]
    reasons = []
    for python in places:
        tried = subprocess.run([python, "-c", "import torch; print(torch.__version__)"],
                               capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return python, tried.stdout.strip()
        reasons.append(f"  {python}: {(tried.stderr.strip().splitlines() or ['no answer'])[-1]}")
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: none of these imports torch; pip install what is "
             "missing and name that --python\n" + "\n".join(reasons))


def start(command, cores, environment=None):
    """A process with one thread on each of `cores`."""
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | ONE_THREAD | (environment or {}),
        preexec_fn=lambda: os.sched_setaffinity(0, cores))


def outputs(processes):
    """What each wrote; all are waited for, and the first failure ends the benchmark."""
    texts = [process.communicate() for process in processes]
    for process, (out, err) in zip(processes, texts):
        if process.returncode != 0:
            sys.exit(f"{' '.join(process.args)}\n{out}{err}\nended with {process.returncode}")
    return [out for out, _ in texts]


def run(command, cores, environment=None):
    return outputs([start(command, cores, environment)])[0]


def step_times(folder):
    """Milliseconds a step of each logging interval, and the steps of an interval."""
    (records,) = pathlib.Path(folder).glob("*/records.jsonl")
    lines = map(json.loads, records.read_text().splitlines())
    trains = [line for line in lines if line["record"] == "train"]
    return [line["step_ms"] for line in trains], trains[0]["step"]


def time_in_allmodes(case, ranks, cores, *settings):
    """step_times() of tests/bench/CASE.txtpb on `ranks` ranks."""
    launch = [program()] if ranks == 1 else [str(ROOT / "launch/run.sh"), "-n", str(ranks), "--"]
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        run([*launch, "train", str(ROOT / f"tests/bench/{case}.txtpb"), "--out", folder, "--quiet",
             *(word for setting in settings for word in ("--set", setting))],
            cores, {"ALLMODES_BINARY": program()})
        return step_times(folder)


def write_images(path, pixels, count=2048):
    """Bytes without structure: the work does not depend on them."""
    write_array(path, "|u1", (count, 3, pixels, pixels),
                random.Random(1).randbytes(count * 3 * pixels * pixels))


def noise(pixels):
    """A file of pictures of so many pixels, which is made where it is missing."""
    path = ROOT / f"runs/bench/noise{pixels}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_images(path, pixels, 512)
    return path


def steady(times):
    """Without the first interval, which warms up."""
    return statistics.median(times[1:])


def ratio(above, below):
    """Of the medians, with the lowest and highest ratio of one round."""
    each = [a / b for a, b in zip(above, below)]
    if not each:
        return {}
    return {"median": statistics.median(above) / statistics.median(below), "lowest": min(each),
            "highest": max(each)}


def show(figure):
    if not figure:
        return "-"
    return f"{figure['median']:.2f} ({figure['lowest']:.2f}..{figure['highest']:.2f})"


def parser(description, rounds, cases=()):
    """Of what benchmarks that have PyTorch beside them understand."""
    understood = argparse.ArgumentParser(description=description,
                                         formatter_class=argparse.RawDescriptionHelpFormatter)
    if cases:
        understood.add_argument("case", nargs="*", metavar="CASE", help=f"of {', '.join(cases)}")
    understood.add_argument("--rounds", type=int, default=rounds)
    understood.add_argument("--python", help="an interpreter that has torch")
    understood.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    return understood


def cases_of(parser, asked, known):
    for case in asked:
        if case not in known:
            parser.error(f"unknown case '{case}'; there are {', '.join(known)}")
    return asked or known


def write(path, result):
    text = json.dumps(result)
    print(text)
    if path:
        path.write_text(text + "\n")
