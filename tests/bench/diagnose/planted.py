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

from planted_defects import (Draw, binarized, blurred, contrast, copied, few_things, flat, grey, healthy, lacking,
                             lacking_side, moved, narrow, noisy, one_sample, scattered, shifted, smoothed,
                             trained_on, with_labels)
from planted_sources import (constant_columns, groups, mnist, of_unequal_scale, photograph, repeated_point,
                             small_digits, spectrum, student, whole_numbers, zipf)

MASS = {"mode_dropping", "mode_imbalance"}
DROPPED = {"mode_dropping"}
SHORT_OF = {"mode_imbalance", "mode_dropping"}
NARROW = {"within_mode_collapse"}
UNFORMED = {"unformed"}
MEMORIZED = {"memorized"}
DUPLICATES = {"duplicates"}
REPEATED = {"duplicates", "within_mode_collapse"}
HALVED = {"mode_dropping", "mode_imbalance", "within_mode_collapse"}
HEALTHY = {"none"}
IGNORED = {"label_ignored"}

HEALTHY_SEEDS = {60: 40, 150: 40, 500: 30, 2000: 12, 10000: 1}  # of each source


# ---- cases ---------------------------------------------------------------------------------------

Case = collections.namedtuple("Case", "name data n m labelled make right concerned")


def sources(which, folder, fashion=""):
    develop = which == "develop"
    found = {
        "normal 2": spectrum(2, 0),
        "normal 10": spectrum(10, 0),
        "normal 64": spectrum(64, 0),
        "spectrum 768": spectrum(768, 1 if develop else 1.3),
        "t, 1 degree, 8": student(8, 1),
        "t, 3 degrees, 24": student(24, 3),
        "a fifth one point": repeated_point(6, 0.2),
        "constant columns": constant_columns(12, 7),
        "ten groups, 2": groups(2, 10, 3, 0.25, seed=2 if develop else 12),
        "ten groups, 16": groups(16, 10, 1.5, 0.5),
        "seven groups, 64": groups(64, 7, 0.5, 0.5),
        "forty groups, 32": groups(32, 40, 1.5, 0.5),
        "Zipf groups, 10": groups(10, 30, 2, 0.3, zipf(30)),
        "whole numbers, 10": whole_numbers(10, 5),
        "groups of unequal scale, 5": of_unequal_scale(groups(5, 12, 2, 0.5), 5),
        "photograph 12": photograph("china.jpg" if develop else "flower.jpg", 12, 7 if develop else 6),
        "digits 8x8": small_digits(),
    }
    if folder:
        found["MNIST"] = mnist(folder, "t10k" if develop else "train")
    if fashion:
        found["Fashion-MNIST"] = mnist(fashion, "train")
    if which == "healthy":
        found["normal 768"] = spectrum(768, 0)
        for count, width in ((100, 16), (1000, 32)):
            found[f"{count} classes"] = groups(width, count, 1.5, 0.4, seed=31)
            found[f"{count} Zipf classes"] = groups(width, count, 1.5, 0.4, zipf(count), seed=32)
    return found


def healthy_set(found, times):
    """Nothing planted; each case `times` as often as its size has seeds."""
    for data, source in found.items():
        most = len(source.rows) // 2 if hasattr(source, "rows") else 10000
        labelled = "groups" in data or "digits" in data or "MNIST" in data or "classes" in data
        for n, seeds in HEALTHY_SEEDS.items():
            if n > most:
                continue
            for seed in range(seeds * times):
                # The same seed with labels as without: half of either.
                with_them = labelled and seed % 2 == 1
                words = "nothing, labelled" if with_them else "nothing"
                yield Case(words, data, n, n, with_them, healthy, HEALTHY, []), seed
            if n == 2000:
                yield Case("nothing", data, n, 400, False, healthy, HEALTHY, []), seeds
    yield Case("training data not copied", "MNIST" if "MNIST" in found else "digits 8x8", 500, 500, False,
               trained_on(0), HEALTHY, []), 99


def healthy_cases(found):
    sizes = {"digits 8x8": [(200, 200), (800, 800)], "photograph 12": [(150, 150), (1000, 1000)]}
    for data, source in found.items():
        for n, m in sizes.get(data, [(100, 100), (500, 500), (2000, 2000), (1500, 400)]):
            yield Case("nothing", data, n, m, False, healthy, HEALTHY, [])
            if "groups" in data or "digits" in data or data == "MNIST":
                yield Case("nothing, labelled", data, n, m, True, healthy, HEALTHY, [])


def class_cases(data, classes, n):
    for label in classes:
        for labelled in (False, True):
            words = ", labelled" if labelled else ""
            yield Case(f"class missing{words}", data, n, n, labelled, lacking([label]), DROPPED, [label])
            yield Case(f"class at 0.3{words}", data, n, n, labelled, lacking([label], 0.3), SHORT_OF, [label])
            yield Case(f"class of 20 things{words}", data, n, n, labelled, few_things(label, 20, 0.05), REPEATED, [label])


def common_cases(data, n, image):
    yield Case("classes at 0.6 of their width", data, n, n, False, narrow(0.6), NARROW, [])
    yield Case("noise 0.5", data, n, n, False, noisy(0.5), UNFORMED, [])
    yield Case("scatter 0.3", data, n, n, False, scattered(0.3), UNFORMED, [])
    yield Case("copies 1.0", data, n, n, False, copied(1), MEMORIZED, [])
    yield Case("copies 0.5", data, n, n, False, copied(0.5), MEMORIZED, [])
    yield Case("copies 0.05", data, n, n, False, copied(0.05), MEMORIZED, [])
    yield Case("nearly copies 0.3", data, n, n, False, copied(0.3, 0.005), MEMORIZED, [])
    yield Case("one sample 0.1", data, n, n, False, one_sample(0.1), DUPLICATES, [])
    yield Case("one sample 0.3, nearly", data, n, n, False, one_sample(0.3, 0.01), REPEATED, [])
    yield Case("side missing 0.3", data, n, n, False, lacking_side(0.3), HALVED, [])
    if image:
        yield Case("blur", data, n, n, False, blurred(2), UNFORMED, [])
        yield Case("shift", data, n, n, False, shifted(1), UNFORMED | HEALTHY, [])
        yield Case("contrast 0.6", data, n, n, False, contrast(0.6), UNFORMED | NARROW, [])
    else:
        yield Case("whole at 0.3 of its width", data, n, n, False, narrow(0.3, False), NARROW | UNFORMED, [])


def asked_cases(data, n, label):
    """With the classes that were asked for, and with training data beside held-out data."""
    yield Case("labels followed", data, n, n, True, with_labels(0), HEALTHY, [])
    yield Case("labels ignored", data, n, n, True, with_labels(1), IGNORED, [])
    yield Case("half of the labels ignored", data, n, n, True, with_labels(0.5), IGNORED, [])
    yield Case("one label ignored", data, n, n, True, with_labels(1, [label]), IGNORED | DROPPED, [label])
    yield Case("training data not copied", data, n, n, False, trained_on(0), HEALTHY, [])
    yield Case("training data copied 0.05", data, n, n, False, trained_on(0.05), MEMORIZED, [])
    yield Case("training data copied 0.5, nearly", data, n, n, False, trained_on(0.5, 0.01), MEMORIZED, [])
    yield Case("narrow beside training data", data, n, n, False, trained_on(0, 0, 0.6), NARROW | UNFORMED, [])


def digit_cases(data, n):
    yield Case("smooth, 10 components", data, n, n, False, smoothed(10), UNFORMED, [])
    yield Case("binarized", data, n, n, False, binarized, UNFORMED | HEALTHY, [])
    yield Case("five classes missing", data, n, n, False, lacking([5, 6, 7, 8, 9]), DROPPED, [5, 6, 7, 8, 9])


def all_cases(which, found):
    develop = which == "develop"
    yield from healthy_cases(found)
    yield from asked_cases("whole numbers, 10", 1200, 3)
    # Noise of one width for all columns is no noise for these.
    yield from (c for c in class_cases("groups of unequal scale, 5", [5], 1200) if "things" not in c.name)
    if "MNIST" in found:
        yield from class_cases("MNIST", [4, 1] if develop else [3, 9, 5], 1000)
        yield from class_cases("MNIST", [4] if develop else [7], 3000)
        for n in (400, 1000) if develop else (600, 1500):
            yield from common_cases("MNIST", n, True)
            yield from digit_cases("MNIST", n)
            yield from asked_cases("MNIST", n, 4 if develop else 7)
    yield from class_cases("digits 8x8", [2] if develop else [6, 0], 850)
    yield from common_cases("digits 8x8", 800, True)
    yield from common_cases("photograph 12", 1000, True)
    yield Case("grey", "photograph 12", 1000, 1000, False, grey, UNFORMED | NARROW, [])
    for data in ("ten groups, 2", "ten groups, 16", "seven groups, 64"):
        for n in (500, 2000) if develop else (700, 1600):
            yield from class_cases(data, [3] if develop else [5], n)
            yield from common_cases(data, n, False)
            yield from asked_cases(data, n, 3 if develop else 5)
    for n in [2000 if develop else 2500]:
        yield Case("class missing", "forty groups, 32", n, n, False, lacking([7]), DROPPED, [7])
        yield Case("class missing", "Zipf groups, 10", n, n, False, lacking([1]), DROPPED, [1])
        yield Case("whole at 0.6 of its width", "spectrum 768", n, n, False, narrow(0.6), NARROW, [])
        yield Case("side missing 0.5", "normal 64", n, n, False, lacking_side(0.5), HALVED, [])
        for data, unused in (("normal 2", 1), ("normal 10", 1), ("normal 10", 5), ("normal 64", 1)):
            yield Case(f"{unused} direction(s) not used", data, n, n, False, flat(unused), NARROW, [])
        yield Case("moved by 0.3", "ten groups, 16", n, n, False, moved(0.3), UNFORMED, [])


SHORT = {
    ("nothing", "ten groups, 16", 500),
    ("nothing", "digits 8x8", 800),
    ("class missing", "ten groups, 16", 500),
    ("class missing, labelled", "ten groups, 16", 500),
    ("classes at 0.6 of their width", "ten groups, 16", 500),
    ("copies 1.0", "ten groups, 16", 500),
    ("noise 0.5", "digits 8x8", 800),
    ("labels followed", "ten groups, 16", 500),
    ("one label ignored", "ten groups, 16", 500),
    ("training data not copied", "ten groups, 16", 500),
    ("training data copied 0.05", "ten groups, 16", 500),
    ("narrow beside training data", "ten groups, 16", 500),
    ("training data not copied", "whole numbers, 10", 1200),
    ("class missing", "groups of unequal scale, 5", 1200),
}


# ---- running -------------------------------------------------------------------------------------


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
