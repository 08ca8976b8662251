#!/usr/bin/env python3
"""What the default diagnostics cost: training on two ranks with them and without.

    python3 tests/bench/compare_diagnostics.py [--rounds N] [--json FILE] [CASE]...

CASE  ring_gan, points_gan, points64_gan, dcgan32 or vae (tests/bench/CASE.txtpb), one thread and one
      core a rank, the batch of the case on each; points_gan is the ring GAN of points in a file, whose
      modes are not known, points64_gan the same model of a normal law in 64 dimensions

Turn by turn: `on` has the default diagnostics, classifier included, but evaluates more often, so that
a run has several evaluations to time; `off` has none between its first step and its last, and logs
as rarely as it can. The cost at the default cadence is that of a step (what is computed for a log
line) and a thousandth of an evaluation, for there is one every thousand steps:

    (step with them + evaluation / 1000) / step without

The null of each figure, measured once at the start of a run and then kept in a cache, is not in it.
Idle machine, please.
"""

import array
import json
import math
import os
import pathlib
import random
import statistics
import sys
import tempfile

import measuring

CADENCE = 1000  # diagnostics.evaluate_every
BATCH = {"ring_gan": 512, "points_gan": 512, "points64_gan": 512, "dcgan32": 128, "vae": 256}  # over both ranks
STEPS = {"ring_gan": 2000, "points_gan": 2000, "points64_gan": 2000, "dcgan32": 96, "vae": 800}  # of a run
EVALUATIONS = 4
LINES = 6  # of the log of a run without


def write_ring(path, rows=20000):
    """The ring of ring_gan.txtpb as a .npy file of float32 [rows, 2]."""
    draw = random.Random(1)
    values = array.array("f")
    for _ in range(rows):
        angle = math.pi / 4 * draw.randrange(8)
        values.extend((2 * math.cos(angle) + draw.gauss(0, 0.05),
                       2 * math.sin(angle) + draw.gauss(0, 0.05)))
    measuring.write_array(path, "<f4", (rows, 2), values.tobytes())


def write_normal(path, rows=20000, width=64):
    """N(0, I) as a .npy file of float32 [rows, width]."""
    draw = random.Random(1)
    values = array.array("f", (draw.gauss(0, 1) for _ in range(rows * width)))
    measuring.write_array(path, "<f4", (rows, width), values.tobytes())


POINTS = {"points_gan": write_ring, "points64_gan": write_normal}


def records(case, settings, cores):
    config = "points_gan" if case in POINTS else case
    command = [str(measuring.ROOT / "launch/run.sh"), "-n", "2", "--", "train",
               str(measuring.ROOT / f"tests/bench/{config}.txtpb"), "--quiet"]
    settings = [f"steps={STEPS[case]}", f"batch={BATCH[case]}", *settings]
    with tempfile.TemporaryDirectory(prefix="allmodes-bench-") as folder:
        if case in POINTS:
            points = pathlib.Path(folder) / "points.npy"
            POINTS[case](points)
            settings.append(f"data.path={points}")
        measuring.run([*command, "--out", folder,
                       *(word for setting in settings for word in ("--set", setting))],
                      cores, {"ALLMODES_BINARY": measuring.program()})
        (path,) = pathlib.Path(folder).glob("*/records.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


def step_ms(lines):
    return measuring.steady([line["step_ms"] for line in lines if line["record"] == "train"])


def compare(case, rounds, cores):
    steps = STEPS[case]
    rarely = ["diagnostics.evaluate_every=1000000", "diagnostics.samples=2",
              "diagnostics.classifier=false", "diagnostics.diversity_pairs=1",
              f"diagnostics.log_every={steps // LINES}"]
    # The default cadence of log lines where there are as many steps.
    often = [f"diagnostics.evaluate_every={steps // EVALUATIONS}", "diagnostics.samples=2000",
             "diagnostics.classifier=true", f"diagnostics.log_every={min(50, steps // LINES)}"]
    taken = {"on": [], "off": [], "evaluation": [], "off_again": []}
    for _ in range(rounds):
        taken["off"].append(step_ms(records(case, rarely, cores)))
        lines = records(case, often, cores)
        taken["on"].append(step_ms(lines))
        taken["evaluation"].append(1e3 * statistics.median(
            line["evaluation_s"] for line in lines
            if line["record"] == "evaluation" and line["step"] > 0))
        taken["off_again"].append(step_ms(records(case, rarely, cores)))
    whole = [on + each / CADENCE for on, each in zip(taken["on"], taken["evaluation"])]
    evaluations = [off + each / CADENCE for off, each in zip(taken["off"], taken["evaluation"])]
    return {
        "case": case, "milliseconds": taken,
        "on_over_off": measuring.ratio(whole, taken["off"]),
        "evaluations_alone": measuring.ratio(evaluations, taken["off"]),
        "off_over_off": measuring.ratio(taken["off_again"], taken["off"])}


def main():
    parser = measuring.parser(__doc__, rounds=5, cases=STEPS)
    options = parser.parse_args()
    cases = measuring.cases_of(parser, options.case, list(STEPS))
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("compare_diagnostics.py: needs two cores")
    print(f"default diagnostics, two ranks, one thread each, {options.rounds} rounds")
    print(f"{'case':<12} {'off':>8} {'on':>10} {'evaluation':>11}   {'on/off':<19} "
          f"{'evaluations alone':<19} {'off/off':<19}")
    results = []
    for case in cases:
        results.append(compare(case, options.rounds, cores))
        times = results[-1]["milliseconds"]
        print(f"{case:<12} " +
              " ".join(f"{statistics.median(times[name]):7.2f} ms" for name in ("off", "on")) +
              f" {statistics.median(times['evaluation']):8.0f} ms   " +
              " ".join(measuring.show(results[-1][name]).ljust(19)
                       for name in ("on_over_off", "evaluations_alone", "off_over_off")),
              flush=True)
    measuring.write(options.json, {"rounds": options.rounds, "cases": results})


if __name__ == "__main__":
    main()
