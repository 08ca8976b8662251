"""Cases for planted.py: which defect is planted in which source, and what is right to say of it."""

import collections

from planted_defects import (binarized, blurred, contrast, copied, crowded, few_things, flat, grey, healthy, inner, lacking,
                             lacking_side, moved, moved_columns, narrow, noisy, one_sample, scattered, shifted,
                             smoothed, trained_on, with_labels)
from planted_sources import (categories, constant_columns, groups, laplace, mixed_table, mnist, of_unequal_scale,
                             photograph, repeated_point, shaped_groups, small_digits, sparse, spectrum, student,
                             two_circles, whole_numbers, zipf)

MASS = {"mode_dropping", "mode_imbalance"}
DROPPED = {"mode_dropping"}
SHORT_OF = {"mode_imbalance", "mode_dropping"}
CROWDED = {"mode_imbalance"}
NARROW = {"within_mode_collapse"}
UNFORMED = {"unformed"}
MEMORIZED = {"memorized"}
DUPLICATES = {"duplicates"}
REPEATED = {"duplicates", "within_mode_collapse"}
HALVED = {"mode_dropping", "mode_imbalance", "within_mode_collapse"}
HEALTHY = {"none"}
IGNORED = {"label_ignored"}

HEALTHY_SEEDS = {60: 40, 150: 40, 500: 30, 2000: 12, 10000: 1}  # of each source


SHAPES = {  # width, groups, how far apart, of which shape
    "eight cubic groups, 8": (8, 8, 8, "cubic"),
    "ten shell groups, 3": (3, 10, 6, "shell"),
    "eight heavy groups, 8": (8, 8, 8, "heavy"),
    "twelve stretched groups, 32": (32, 12, 10, "stretched"),
}

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
        "twelve categories": categories(12, 0.5),
        "forty Zipf categories": categories(40),
        "table of mixed columns": mixed_table(),
        "sparse amounts, 20": sparse(20, 0.1 if develop else 0.05),
        "one column of 64": constant_columns(64, 63),
        "groups of unequal scale, 5": of_unequal_scale(groups(5, 12, 2, 0.5), 5),
        **{name: shaped_groups(*shape, seed=2 if develop else 12) for name, shape in SHAPES.items()},
        "two circles": two_circles(0.4, 0.05),
        "Laplace 6": laplace(6),
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
        of_classes = ("categories", "table", "groups", "circles", "digits", "MNIST", "classes")
        labelled = any(word in data for word in of_classes)
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


def class_cases(data, classes, n, noise=0.05):
    for label in classes:
        for labelled in (False, True):
            words = ", labelled" if labelled else ""
            yield Case(f"class missing{words}", data, n, n, labelled, lacking([label]), DROPPED, [label])
            yield Case(f"class at 0.3{words}", data, n, n, labelled, lacking([label], 0.3), SHORT_OF, [label])
            for times in (2, 3):
                yield Case(f"class {times} times as often{words}", data, n, n, labelled, crowded(label, times), CROWDED,
                           [label])
            yield Case(f"class of 20 things{words}", data, n, n, labelled, few_things(label, 20, noise), REPEATED, [label])


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


def whole_cases(data, n, labelled):
    """Complete, and other than the data as a whole."""
    words = ", labelled" if labelled else ""
    yield Case(f"whole at 0.4 of its width{words}", data, n, n, labelled, narrow(0.4, False), NARROW | UNFORMED, [])
    yield Case(f"noise 0.3{words}", data, n, n, labelled, noisy(0.3), UNFORMED, [])
    yield Case(f"columns moved by 0.4{words}", data, n, n, labelled, moved_columns(0.4), UNFORMED, [])


def all_cases(which, found):
    develop = which == "develop"
    yield from healthy_cases(found)
    yield from asked_cases("whole numbers, 10", 1200, 3)
    # Noise of one width for all columns is no noise for these.
    yield from (c for c in class_cases("groups of unequal scale, 5", [5], 1200) if "things" not in c.name)
    for data in ("twelve categories", "table of mixed columns"):
        for n in [700] if develop else [1000, 2000]:
            yield from (c for c in class_cases(data, [2], n) if "things" not in c.name)
            yield Case("copies 0.5", data, n, n, False, copied(0.5), MEMORIZED | HEALTHY, [])
            yield Case("one sample 0.3", data, n, n, False, one_sample(0.3), REPEATED | SHORT_OF, [])
            yield Case("noise 0.5", data, n, n, False, noisy(0.5), UNFORMED, [])
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
    for data in SHAPES:
        for n in [800] if develop else [1000, 2000]:
            yield from class_cases(data, [1], n, noise=0.5)
            yield Case("classes at 0.6 of their width", data, n, n, False, narrow(0.6), NARROW, [])
            yield Case("classes at 0.6 of their width, labelled", data, n, n, True, narrow(0.6), NARROW, [])
    for n in (600, 2000) if develop else (800, 1800):
        yield Case("class missing", "two circles", n, n, False, lacking([0]), DROPPED, [0])
        yield Case("class at 0.3", "two circles", n, n, False, lacking([0], 0.3), SHORT_OF, [0])
        yield Case("inner half made", "Laplace 6", n, n, False, inner(0.5), HALVED, [])
        yield Case("columns moved by 0.4", "Laplace 6", n, n, False, moved_columns(0.4), UNFORMED, [])
        yield Case("noise 0.7", "Laplace 6", n, n, False, noisy(0.7), UNFORMED, [])
        for data in ("digits 8x8", "MNIST"):
            if data in found and n < 900:
                yield from whole_cases(data, n, False)
                yield from whole_cases(data, n, True)
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
