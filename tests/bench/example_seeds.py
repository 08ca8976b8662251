"""How runs of one configuration end: over seeds, and on several ranks.

    python3 tests/bench/example_seeds.py [--seeds 20] [--ranks 1,2,4] [--cores N] [--out FILE] \
        configs/ring_gan.txtpb "configs/ring_gan_r1.txtpb gan.generator_optimizer.decay=cosine" ...

Each word is a configuration with overrides behind it. ALLMODES_BINARY or build-gpu/allmodes. Runs share
the cores, one a rank. Prints for each configuration and number of ranks how many runs ended in which
state and how many modes were missing; --out writes each run as a line of JSON as soon as it has ended.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Cores:
    """So many at a time; who wants more waits, in the order of asking."""

    def __init__(self, number):
        self.free, self.changed = number, threading.Condition()

    def take(self, number):
        with self.changed:
            self.changed.wait_for(lambda: self.free >= number)
            self.free -= number

    def give(self, number):
        with self.changed:
            self.free += number
            self.changed.notify_all()


def train(binary, words, seed, ranks, cores):
    cores.take(ranks)
    try:
        with tempfile.TemporaryDirectory() as folder:
            config, *overrides = words.split()
            command = [binary, "train", str(ROOT / config), "--quiet", "--out", folder, "--device", "cpu"]
            for override in overrides + [f"seed={seed}"]:
                command += ["--set", override]
            if ranks > 1:
                command = ["mpirun", "-np", str(ranks), "--bind-to", "none", "--oversubscribe",
                           "--mca", "btl", "self,vader", "--mca", "mpi_yield_when_idle", "1",
                           "--mca", "orte_tmpdir_base", folder] + command
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                                        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
            began = time.monotonic()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
            result = {"config": words, "seed": seed, "ranks": ranks, "exit": done.returncode,
                      "seconds": round(time.monotonic() - began, 1)}
            found = list(pathlib.Path(folder).glob("*/verdict.json"))
            if done.returncode != 0 or not found:
                return result | {"state": "failed", "said": done.stderr[-400:]}
            verdict = json.loads(found[0].read_text())
            return result | {"state": verdict["state"], "kind": verdict.get("kind"),
                             "missing": len(verdict.get("missing", [])), "reason": verdict["reason"][:200]}
    finally:
        cores.give(ranks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("configs", nargs="+")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--ranks", default="1,2,4")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", default="")
    arguments = parser.parse_args()
    binary = os.environ.get("ALLMODES_BINARY", str(ROOT / "build-gpu" / "allmodes"))
    cores, ended = Cores(arguments.cores), collections.defaultdict(list)
    with concurrent.futures.ThreadPoolExecutor(arguments.cores) as pool:
        jobs = [pool.submit(train, binary, words, seed, ranks, cores)
                for ranks in map(int, arguments.ranks.split(","))
                for words in arguments.configs for seed in range(1, arguments.seeds + 1)]
        for job in concurrent.futures.as_completed(jobs):
            result = job.result()
            ended[(result["config"], result["ranks"])].append(result)
            if arguments.out:
                with open(arguments.out, "a") as file:
                    file.write(json.dumps(result) + "\n")
    for (words, ranks), results in sorted(ended.items()):
        states = collections.Counter(f"{r['state']} {r.get('kind') or ''}".strip() for r in results)
        missing = collections.Counter(r["missing"] for r in results if "missing" in r)
        print(f"{words}, {ranks} ranks, {max(r['seconds'] for r in results)} s at most")
        print("   ", ", ".join(f"{n} {state}" for state, n in states.most_common()), "; missing modes:",
              ", ".join(f"{m}: {n}" for m, n in sorted(missing.items())))


if __name__ == "__main__":
    main()
