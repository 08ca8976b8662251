#!/usr/bin/env python3
"""Time and peak memory of precision, recall, density and coverage: `allmodes` and the Python prdc.

    pip install numpy scikit-learn prdc
    python3 tests/bench/compare_prdc.py [--rows 10000] [--width 64] [--rounds 3]

Both read the same two .npy files on one core, in turn, each as a process of its own, whose peak
memory is its ru_maxrss. Times are processor seconds, which other programs disturb little. `allmodes diagnose` also computes everything else it prints (Vendi score,
Frechet and kernel distance, bins, near-duplicates), so two ratios are given: of the whole commands,
and of the four scores alone (`neighborhood_cpu_s` in diagnosis.json; reading and start-up are in neither
side's). Memory likewise: of the whole processes, and beyond what each takes for 100 rows, which is its
libraries. Ratios are medians over the rounds.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy

PYTHON = """
import json, sys, time
import numpy, prdc
real, fake = (numpy.load(path) for path in sys.argv[1:3])
start = time.process_time()
scores = prdc.compute_prdc(real_features=real, fake_features=fake, nearest_k=5)
scores["neighborhood_cpu_s"] = time.process_time() - start
print(json.dumps({name: float(value) for name, value in scores.items()}))
"""


def measured(command, environment):
    """Processor seconds, peak memory in MB and standard output of the command, on one core."""
    core = min(os.sched_getaffinity(0))
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 2, 3):
        sys.exit(f"{command} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    source = pathlib.Path(__file__).resolve().parents[2]
    program = os.environ.get("ALLMODES_BINARY", str(source / "build" / "allmodes"))
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    rng = numpy.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{name}.npy" for name in ("real", "fake")]

        def both(count):
            for path in paths:
                numpy.save(path, rng.normal(size=(count, arguments.width)).astype("float32"))
            return (measured([sys.executable, "-c", PYTHON, *paths], environment),
                    measured([program, "diagnose", "--real", paths[0], "--fake", paths[1],
                              "--features", "pixels", "--k", "5", "--samples", str(count),
                              "--out", folder], environment))

        floor_python, floor_own = (side[1] for side in both(100))
        rows = []
        for _ in range(arguments.rounds):
            python, own = both(arguments.rows)
            theirs = json.loads(python[2].strip().splitlines()[-1])
            found = json.loads(pathlib.Path(folder, "diagnosis.json").read_text())
            for name in ("precision", "recall", "density", "coverage"):
                # prdc keeps the arrays' single precision, in which some near-ties fall otherwise.
                assert abs(found[name] - theirs[name]) <= 1e-3, (name, found[name], theirs[name])
            rows.append((theirs["neighborhood_cpu_s"], found["neighborhood_cpu_s"], python[0], own[0],
                         python[1], own[1], python[1] - floor_python, own[1] - floor_own))
            print("prdc {:.2f} s, allmodes {:.2f} s; whole commands {:.2f} s, {:.2f} s; "
                  "peak memory {:.0f} MB, {:.0f} MB, of which {:.0f} MB, {:.0f} MB for the rows"
              .format(*rows[-1]), flush=True)

    def ratio(over, under):
        return statistics.median(row[over] / row[under] for row in rows)

    print(f"{arguments.rows} x {arguments.rows} x {arguments.width}, one core: "
          f"the four scores {ratio(0, 1):.1f} times as fast, the whole commands "
          f"{ratio(2, 3):.1f} times, memory 1/{ratio(4, 5):.1f}, "
          f"for the rows alone 1/{ratio(6, 7):.0f}")


if __name__ == "__main__":
    main()
