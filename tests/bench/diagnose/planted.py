#!/usr/bin/env python3
"""What `allmodes diagnose` says of planted sets: the tables of docs/verdict.md.
  planted.py --binary build/allmodes [--mnist FOLDER] [--set report] [--seeds 3] [--only TEXT]

Every case takes reals and fakes of one source of data and plants one defect in the fakes, or none.
What is right is known: the kinds that fit, and the classes that are concerned. Printed is, for each
defect, data and N, how often a kind that fits was said, how often a class that is concerned was
named (with labels), and how often mass was said to be lost where none is.

`--set develop` and `--set report` differ in sources, sizes and seeds: levels are chosen on the
first, figures are published of the second. `--set healthy` plants nothing: it counts alarms over more than
a thousand sets of all sources, N = 60 to 10,000 (in some minutes on sixteen cores, `--jobs 15`). Cases are
tried in a random order, so that those that --seconds leave time for are a fair sample. `--short` is the few cases that
CI runs (reference.planted); it fails where one is not as it must be. 77 where NumPy or scikit-learn is not installed;
ALLMODES_REFERENCE_PYTHON names the interpreter that has them, ALLMODES_BINARY the program.
"""

import argparse
import collections
import concurrent.futures
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

other = os.environ.pop("ALLMODES_REFERENCE_PYTHON", None)
if other:
    os.execv(other, [other, *sys.argv])
try:
    import numpy as np
    import sklearn.datasets  # which planted_sources reads
except ImportError:
    print("skipped: NumPy or scikit-learn is not installed")
    sys.exit(77)

from planted_cases import HEALTHY, HEALTHY_SEEDS, MASS, NARROW, SHORT, all_cases, healthy_set, sources
from planted_defects import Draw


def run(binary, case, source, seed):
    random = np.random.default_rng(seed)
    draw = Draw(source, random, case.n, case.m)
    fakes = case.make(draw)
    if case.m < case.n or len(fakes) > case.m:
        fakes = fakes[: case.m]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        np.save(f"{folder}/real.npy", draw.reals)
        order = random.permutation(len(fakes))
        np.save(f"{folder}/fake.npy", fakes[order])
        words = [binary, "diagnose", "--real", f"{folder}/real.npy", "--fake", f"{folder}/fake.npy"]
        if case.labelled:
            np.save(f"{folder}/labels.npy", draw.real_labels.astype("i8"))
            words += ["--labels", f"{folder}/labels.npy"]
        if draw.asked is not None:
            np.save(f"{folder}/asked.npy", draw.asked[: len(fakes)][order].astype("i8"))
            words += ["--fake-labels", f"{folder}/asked.npy"]
        if draw.training is not None:
            np.save(f"{folder}/train.npy", draw.training)
            words += ["--train", f"{folder}/train.npy"]
        words += ["--out", f"{folder}/out"]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode not in (0, 2, 3):
            return "failed", "failed", (done.stdout + done.stderr)[-400:]
        found = json.loads(pathlib.Path(f"{folder}/out/diagnosis.json").read_text())
    state, kind, reason = (found[name] for name in ("state", "kind", "reason"))
    return state, "none" if state == "healthy" else kind, reason


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default=os.environ.get("ALLMODES_BINARY", "build/allmodes"))
    parser.add_argument("--mnist", default="")
    parser.add_argument("--fashion", default="", help="folder of Fashion-MNIST, for --set healthy")
    parser.add_argument("--set", default="report", choices=["develop", "report", "healthy"], dest="which")
    parser.add_argument("--seconds", type=float, default=1e9, help="cases that have not begun by then are left out")
    parser.add_argument("--order", type=int, default=1, help="seed of the order in which cases are tried")
    parser.add_argument("--lines", default="", help="file to which each verdict is added as JSON")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help="so many times the sets of --set healthy")
    parser.add_argument("--only", default="", help="regular expression of 'name | data'")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--wrong", action="store_true", help="print the verdicts that do not fit")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    found = sources(arguments.which if not arguments.short else "develop", arguments.mnist, arguments.fashion)
    if arguments.which == "healthy":
        return report_healthy(arguments, found)
    cases = list(all_cases("develop" if arguments.short else arguments.which, found))
    if arguments.short:
        cases = [c for c in cases if (c.name, c.data, c.n) in SHORT]
    cases = [c for c in cases if re.search(arguments.only, f"{c.name} | {c.data}")]
    first = 1000 if arguments.which == "develop" else 77000
    work = [(c, first + s) for c in cases for s in range(1 if arguments.short else arguments.seeds)]
    rows = collections.OrderedDict()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        answers = answered(arguments, work, found, pool, lambda case, seed: seed)
        for (case, seed), (state, kind, reason) in answers:
            row = rows.setdefault((case.name, case.data, case.n, case.m), collections.Counter())
            row["sets"] += 1
            row["right"] += kind in case.right
            row["found"] += state in ("at_risk", "collapsed") and kind != "too_few_samples"
            row["collapsed"] += state == "collapsed"
            row["mass"] += kind in MASS
            row["few"] += kind == "too_few_samples"
            row["kinds"] = row["kinds"] or collections.Counter()
            row["kinds"][kind] += 1
            row["healthy"] = case.right == HEALTHY
            row["of mass"] = bool(case.right & (MASS | NARROW))
            names = [str(c) for c in case.concerned]
            named = all(re.search(rf"(\(|mostly |, ){n}\b", reason) for n in names[:4])
            row["named"] += bool(names) and case.labelled and named
            row["names"] += bool(names) and case.labelled
            if arguments.wrong and kind not in case.right:
                print(f"{case.name} | {case.data} | {case.n} | {seed}: {state} {kind}: {reason[:400]}", file=sys.stderr)
    return report(rows, arguments.short)


def upper_bound(found, sets):
    """Of a share of which `found` of `sets` were seen: 95 %, one-sided, Clopper-Pearson."""
    low, high = found / max(1, sets), 1.0
    for _ in range(50):
        middle = (low + high) / 2
        at_most = sum(math.comb(sets, k) * middle**k * (1 - middle) ** (sets - k) for k in range(found + 1))
        low, high = (middle, high) if at_most > 0.05 else (low, middle)
    return high


def answered(arguments, work, found, pool, seed_of):
    """Each case that had begun within --seconds, and what was said of it, in the order of the cases."""
    begun = time.time()
    lock = threading.Lock()

    def one(item):
        case, seed = item
        if time.time() - begun > arguments.seconds:
            return None
        answer = run(arguments.binary, case, found[case.data], seed_of(case, seed))
        if arguments.lines:
            line = {"data": case.data, "planted": case.name, "n": case.n, "m": case.m, "seed": seed,
                    "state": answer[0], "kind": answer[1], "reason": answer[2]}
            with lock, open(arguments.lines, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")
        return answer

    # In a random order, so that those that are done in time are a fair sample of all.
    order = np.random.default_rng(arguments.order).permutation(len(work))
    done = dict(zip(order, pool.map(one, [work[i] for i in order])))
    return [(work[i], done[i]) for i in range(len(work)) if done[i] is not None]


def report_healthy(arguments, found):
    work = [w for w in healthy_set(found, arguments.times) if re.search(arguments.only, f"{w[0].name} | {w[0].data}")]
    begun = time.time()
    rows = collections.defaultdict(collections.Counter)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        answers = answered(arguments, work, found, pool, lambda case, seed: 500_000 + 1000 * case.n + seed)
        for (case, seed), (state, kind, reason) in answers:
            row = rows[case.data, case.name]
            row[case.n] += 1
            row["sets"] += 1
            row["few"] += kind == "too_few_samples"
            alarm = state != "healthy" and kind != "too_few_samples"
            row["alarms"] += alarm
            row["collapsed"] += state == "collapsed"
            if alarm:
                print(f"{case.name} | {case.data} | {case.n}, {case.m} | {seed}: {state} {kind}: {reason[:300]}", file=sys.stderr)
    print("| data | | " + " | ".join(f"N = {n}" for n in HEALTHY_SEEDS) + " | sets | alarms | at most | collapsed | too few to say |")
    print("|---" * (len(HEALTHY_SEEDS) + 7) + "|")
    total = collections.Counter()
    for (data, name), row in sorted(rows.items()):
        total.update(row)
        counts = " | ".join(f"{row[n]}" for n in HEALTHY_SEEDS)
        print(f"| {data} | {name} | {counts} | {row['sets']} | {row['alarms']} | {100 * upper_bound(row['alarms'], row['sets']):.1f} % | {row['collapsed']} | {row['few']} |")
    print()
    print(f"Nothing planted: {total['alarms']} alarms in {total['sets']} sets, {100 * upper_bound(total['alarms'], total['sets']):.2f} % at "
          f"most (95 %, Clopper-Pearson; {total['few']} of them: too few samples to say), {time.time() - begun:.0f} s.")
    return 0


def report(rows, strict):
    print("| planted | data | N | sets | found | right kind | class named | collapsed | kinds |")
    print("|---|---|---|---|---|---|---|---|---|")
    total = collections.Counter()
    for (name, data, n, m), row in rows.items():
        size = f"{n}" if n == m else f"{n}, {m}"
        named = f"{row['named']}" if row["names"] else ""
        kinds = ", ".join(f"{k} {v}" for k, v in row["kinds"].most_common())
        print(f"| {name} | {data} | {size} | {row['sets']} | {row['found']} | {row['right']} | {named} | {row['collapsed']} | {kinds} |")
        if row["healthy"]:
            total["healthy"] += row["sets"]
            total["alarms"] += row["found"]
            total["few"] += row["few"]
        else:
            total["planted"] += row["sets"]
            total["found"] += row["found"]
            total["right"] += row["right"]
        if not row["of mass"] and not row["healthy"]:
            total["complete"] += row["sets"]
            total["mass"] += row["mass"]
    print()
    print(f"Nothing planted: {total['alarms']} alarms in {total['healthy']} sets ({total['few']} of them: too few samples to say).")
    if total["planted"]:
        print(f"Planted: {total['found']} of {total['planted']} found, {total['right']} with a kind that fits.")
    if total["complete"]:
        print(f"Complete but imperfect, copied or repeated: mass said to be lost in {total['mass']} of {total['complete']}.")
    wrong = total["alarms"] + total["planted"] - total["right"]
    return 1 if strict and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
