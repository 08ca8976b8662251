#!/usr/bin/env python3
"""The smallest effect of each kind that `allmodes diagnose` finds in 99 of 100 sets.

  smallest_effect.py --binary build/allmodes [--mnist FOLDER] [--trials 100] [--only TEXT] [--jobs 2]

A defect is planted at one size after another, the weakest first. At each size reals and samples are
drawn anew (and the class that is concerned, where it is one) until more than one in a hundred
trials was missed, or --trials were made; the first size at which they were made is the answer. Found:
the verdict is not healthy. Printed are the trials of that size, how many were found and with a
kind that fits, and what was found of the next weaker size. 77 where NumPy or scikit-learn is not installed.
"""

import argparse
import collections
import concurrent.futures
import json
import re
import sys
import threading
import time

import planted
from planted_cases import (DROPPED, DUPLICATES, HALVED, IGNORED, MEMORIZED, NARROW, REPEATED, SHORT_OF, UNFORMED, Case,
                           sources)
from planted_defects import (blurred, copied, few_things, inner, lacking, lacking_side, moved_columns, narrow, noisy,
                             one_sample, scattered, trained_on, with_labels)

import numpy as np

# planted: what is done, with {} for its size. sizes: the weakest first. make(size): the defect. data: sources it is
# planted in, each with the numbers of samples. words: "labelled" where the classes are given.
Sweep = collections.namedtuple("Sweep", "planted sizes make right data words", defaults=("",))

GROUPS = ("ten groups, 16", (500, 1000, 2000))
MANY = ("forty groups, 32", (1000, 2000))
NORMAL = ("normal 10", (500, 2000))
WIDE = ("normal 64", (500, 2000))
DIGITS = ("digits 8x8", (550,))
MNIST = ("MNIST", (1000, 2000))
COMMON = (("ten groups, 16", (500, 2000)), ("MNIST", (500, 1500)))

SHARES = (0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
THINGS = (100, 50, 20, 10, 5, 2)
WIDTHS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
PARTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


def of_one_class(defect):
    """`defect(label)` of a class that is drawn for each trial."""
    return lambda draw: defect(draw.random.choice(np.unique(draw.real_labels)))(draw)


def class_at(share):
    return of_one_class(lambda label: lacking([label], share))


def class_of(count, noise):
    return of_one_class(lambda label: few_things(label, count, noise))


def in_labels_of_four(defect):
    """Four groups at a time have one label."""

    def make(draw):
        rows = defect(draw)
        draw.real_labels = draw.real_labels // 4
        return rows

    return make


def without_classes(share):
    def make(draw):
        classes = np.unique(draw.real_labels)
        return lacking(draw.random.choice(classes, int(round(share * len(classes))), replace=False))(draw)

    return make


def sweeps():
    for words in ("", "labelled"):
        yield Sweep("a class at {} of its share", SHARES, class_at, SHORT_OF, (GROUPS, MANY, DIGITS, MNIST), words)
        yield Sweep("a class of {} things with little noise", THINGS, lambda k: class_of(k, 0.05), REPEATED,
                    COMMON, words)
        yield Sweep("each class at {} of its width", WIDTHS, narrow, NARROW, COMMON, words)
        yield Sweep("{} of a thousand classes missing", (0.02, 0.05, 0.1, 0.2, 0.5), without_classes, SHORT_OF,
                    (("1000 classes", (2000,)),), words)
    yield Sweep("one of four groups of a class at {} of its share", SHARES, lambda s: in_labels_of_four(class_at(s)),
                SHORT_OF, (("forty groups, 32", (1000, 2000)),), "labelled")
    yield Sweep("the whole at {} of its width", WIDTHS, lambda w: narrow(w, False), NARROW, (NORMAL, WIDE))
    yield Sweep("{} of the rows missing on one side", PARTS[2:7], lacking_side, HALVED, (NORMAL, WIDE, *COMMON))
    yield Sweep("{} of the rows, the nearest to the middle, made", (0.9, 0.8, 0.7, 0.6, 0.5, 0.3), inner, HALVED, (NORMAL,))
    yield Sweep("{} of the samples copies of the reals", PARTS, copied, MEMORIZED, COMMON)
    yield Sweep("{} of the samples copies of the training data", PARTS, trained_on, MEMORIZED, COMMON)
    yield Sweep("{} of the samples nearly copies of the training data", PARTS, lambda s: trained_on(s, 0.01), MEMORIZED,
                COMMON)
    yield Sweep("{} of the samples one sample", PARTS, one_sample, DUPLICATES, COMMON)
    yield Sweep("{} of the samples nearly one sample", PARTS, lambda s: one_sample(s, 0.01), REPEATED, COMMON)
    yield Sweep("{} of the labels not followed", PARTS, with_labels, IGNORED, COMMON, "labelled")
    yield Sweep("{} of the samples scattered", PARTS, scattered, UNFORMED, COMMON)
    yield Sweep("noise of {}", (0.05, 0.1, 0.2, 0.3, 0.5, 0.7), noisy, UNFORMED, (NORMAL, *COMMON))
    yield Sweep("columns moved by {} of their deviation", (0.1, 0.2, 0.3, 0.4, 0.6), moved_columns, UNFORMED, (NORMAL, *COMMON))
    yield Sweep("blurred {} times", (1, 2, 3), blurred, UNFORMED, COMMON[1:])


def try_size(arguments, source, sweep, case):
    """Counts of trials, found and fits, and of kinds, of one size; None where time is up."""
    made = collections.Counter()
    kinds = collections.Counter()
    allowed = arguments.trials // 100
    for seed in range(arguments.trials):
        if time.time() > arguments.until:
            return None
        state, kind, _ = planted.run(arguments.binary, case, source, 900_000 + seed)
        if state == "failed":
            raise RuntimeError(f"{case}: {kind}")
        found = state in ("at_risk", "collapsed") and kind != "too_few_samples"
        made.update(trials=1, found=int(found), fits=int(found and kind in sweep.right))
        if found:
            kinds[kind] += 1
        if made["trials"] - made["found"] > allowed:
            break
    return made, kinds


def sweep_over(arguments, found, item):
    sweep, data, n = item
    labelled = sweep.words == "labelled"
    weaker = ""
    for size in sweep.sizes:
        words = sweep.planted.format(size) + (", labelled" if labelled else "")
        case = Case(words, data, n, n, labelled, sweep.make(size), sweep.right, [])
        tried = try_size(arguments, found[data], sweep, case)
        if tried is None:
            return None
        made, kinds = tried
        said = ", ".join(f"{k} {v}" for k, v in kinds.most_common())
        if arguments.lines:
            line = {"planted": words, "data": data, "n": n, "size": size, **made, "kinds": kinds}
            with arguments.lock, open(arguments.lines, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")
        if made["trials"] - made["found"] <= arguments.trials // 100:
            return f"| {words} | {data} | {n:,} | {made['trials']} | {made['found']} | {made['fits']} | {said} | {weaker} |"
        weaker = f"{size}: {made['found']} of {made['trials']}"
    words = sweep.planted.format("...") + (", labelled" if labelled else "")
    return f"| {words}: none of the sizes | {data} | {n:,} | | | | | {weaker} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default="build/allmodes")
    parser.add_argument("--mnist", default="")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--only", default="", help="regular expression of 'planted, labelled | data | N'")
    parser.add_argument("--seconds", type=float, default=1e9, help="sweeps that have not ended by then are left out")
    parser.add_argument("--lines", default="", help="file to which each size that was tried is added as JSON")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    arguments.until = time.time() + arguments.seconds
    arguments.lock = threading.Lock()
    found = sources("healthy", arguments.mnist)
    work = [(sweep, data, n) for sweep in sweeps() for data, counts in sweep.data if data in found for n in counts
            if re.search(arguments.only, f"{sweep.planted}, {sweep.words} | {data} | {n}")]
    # The small ones first: they are done when time is short.
    work.sort(key=lambda item: item[2])
    print("| planted | data | N | trials | found | a kind that fits | kinds | next weaker |")
    print("|---|---|---|---|---|---|---|---|")
    left = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(lambda item: sweep_over(arguments, found, item), work):
            if row is None:
                left += 1
            else:
                print(row, flush=True)
    if left:
        print(f"\n{left} of {len(work)} sweeps were left out for want of time.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
