#!/usr/bin/env python3
"""Compares `allmodes diagnose` with the authors' implementations on the same arrays.

    pip install numpy scipy scikit-learn prdc vendi-score
    ALLMODES_BINARY=build/allmodes python3 tests/reference/compare_metrics.py

Precision, recall, density and coverage by prdc, the Vendi score by vendi-score, the kernel distance
by scikit-learn's polynomial kernel, the Frechet distance by SciPy's matrix square root; relative
differences up to 1e-6 are allowed. ALLMODES_REFERENCE_PYTHON names the interpreter that has the
packages, when that is another one. Exits 77 (skipped) when a package or the program is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ALLOWED = 1e-6
K = 5


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


other = os.environ.pop("ALLMODES_REFERENCE_PYTHON", None)
if other:
    os.execv(other, [other, *sys.argv])
try:
    import numpy
    import prdc
    import scipy.linalg
    from sklearn.metrics.pairwise import polynomial_kernel
    from vendi_score import vendi
except ImportError as missing:
    skip(missing)


def references(real, fake):
    scores = dict(prdc.compute_prdc(real_features=real, fake_features=fake, nearest_k=K))
    centre = real.mean(axis=0)
    scores["vendi"] = vendi.score_dual(fake - centre, normalize=True)
    scores["vendi_real"] = vendi.score_dual(real - centre, normalize=True)
    n, m = len(real), len(fake)
    within_real, within_fake = polynomial_kernel(real), polynomial_kernel(fake)
    scores["kernel_distance"] = (
        (within_real.sum() - numpy.trace(within_real)) / (n * (n - 1))
        + (within_fake.sum() - numpy.trace(within_fake)) / (m * (m - 1))
        - 2 * polynomial_kernel(real, fake).mean()
    )
    covariances = [numpy.cov(values, rowvar=False) for values in (real, fake)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    gap = real.mean(axis=0) - fake.mean(axis=0)
    scores["frechet_distance"] = gap @ gap + numpy.trace(sum(covariances) - 2 * numpy.real(root))
    return scores


def ours(program, real, fake, folder):
    paths = [str(folder / name) for name in ("real.npy", "fake.npy")]
    for path, values in zip(paths, (real, fake)):
        numpy.save(path, values)
    command = [program, "diagnose", "--real", paths[0], "--fake", paths[1], "--features", "pixels",
               "--k", str(K), "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2, 3):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads((folder / "diagnosis.json").read_text())


def main():
    source = pathlib.Path(__file__).resolve().parents[2]
    program = os.environ.get("ALLMODES_BINARY", str(source / "build" / "allmodes"))
    if not os.access(program, os.X_OK):
        skip(f"no program at {program}")
    rng = numpy.random.default_rng(1)
    mix = rng.normal(size=(24, 24))
    cases = {
        "equal": (rng.normal(size=(900, 24)), rng.normal(size=(900, 24))),
        "shifted": (rng.normal(size=(700, 24)) @ mix, 0.7 * rng.normal(size=(700, 24)) @ mix + 0.4),
        "collapsed": (rng.normal(size=(600, 24)), 0.05 * rng.normal(size=(600, 24))),
        "distant": (rng.normal(size=(600, 8)) + 200, 1.1 * rng.normal(size=(600, 8)) + 200),
    }
    worst = 0.0
    for name, pair in cases.items():
        # What is compared is what the file holds.
        real, fake = (values.astype(numpy.float32) for values in pair)
        with tempfile.TemporaryDirectory() as folder:
            found = ours(program, real, fake, pathlib.Path(folder))
        for metric, wanted in references(real.astype(float), fake.astype(float)).items():
            difference = abs(found[metric] - wanted) / max(abs(wanted), 1e-3)
            worst = max(worst, difference)
            print(f"{name:10} {metric:17} {found[metric]:.12g} {wanted:.12g} {difference:.1e}")
            if difference > ALLOWED:
                sys.exit(f"FAILED: {metric} of {name} differs by {difference:.1e}")
    print(f"largest relative difference {worst:.1e}")


if __name__ == "__main__":
    main()
