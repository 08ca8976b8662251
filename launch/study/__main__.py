"""The command line of launch/study.sh."""

import argparse
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from . import claims, definition, page, papers, pictures, report, runner, runs, summary

STUDIES = pathlib.Path(__file__).parent
ROOT = pathlib.Path(os.environ["ALLMODES_ROOT"])
SUFFIXES = ("txt", "json", "svg", "md", "tex", "csv")
HOLDS, DOES_NOT_HOLD, RUN_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 64, 130


def parse(words):
    parser = argparse.ArgumentParser(
        prog="launch/study.sh",
        description="Runs a study: several configurations x seeds, in one table.",
        epilog="Studies: " + ", ".join(definition.study_names(STUDIES)))
    add = parser.add_argument
    add("study", nargs="?", metavar="NAME", help="a study, or the path of a .toml file")
    add("--short", action="store_true",
        help="the short budget, minutes on two cores; without it the full one")
    add("--ranks", type=int, default=1, metavar="N", help="ranks of each run (default 1)")
    add("--seeds", type=int, metavar="N", help="seeds of each row, 1 to N; default: the budget's")
    add("--jobs", type=int, metavar="N",
        help="runs at a time; default: cores / ranks, or GPUs / ranks where there are GPUs")
    add("--out", metavar="DIR", help="where runs and table go (default runs/studies/NAME-BUDGET)")
    add("--only", action="append", default=[], metavar="ROW", help="only this row; may be repeated")
    add("--set", action="append", default=[], metavar="FIELD=VALUE", dest="settings",
        help="a further override of every run, such as data.path=FOLDER or device=cpu")
    add("--report", action="store_true", help="run nothing, write the table of what is finished")
    add("--check", action="store_true", help="run nothing, validate every row's configuration")
    add("--dry-run", action="store_true", help="print the command line of every run and stop")
    add("--publish", nargs="?", const=str(ROOT / "docs" / "studies"), metavar="DIR",
        help="also copy the table to DIR (default docs/studies) as NAME.txt, .json and .svg")
    add("--list", action="store_true", help="name the studies and stop")
    arguments = parser.parse_args(words)
    if arguments.study is None and not arguments.list:
        parser.error("which study? " + ", ".join(definition.study_names(STUDIES)))
    for name in ("ranks", "seeds", "jobs"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return arguments


def list_studies():
    for name in definition.study_names(STUDIES):
        study = definition.load_study(STUDIES / f"{name}.toml", "short")
        print(f"{name:20} {study.title}")


def default_jobs(ranks, settings):
    gpus = 0
    if "device=cpu" not in settings and shutil.which("nvidia-smi"):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
        gpus = listed.stdout.count("GPU ")
    return max(1, (gpus or int(os.environ["ALLMODES_CORES"])) // ranks)


def choose_rows(study, only):
    for name in only:
        if name not in [row.name for row in study.rows]:
            raise definition.StudyError(f"--only {name}: no such row; there are "
                                        f"{', '.join(row.name for row in study.rows)}")
    return [row for row in study.rows if not only or row.name in only]


def program_version():
    said = subprocess.run([os.environ["ALLMODES_BINARY"], "--version"], capture_output=True,
                          text=True, check=True)
    return said.stdout.splitlines()[0]


def row_words(row, settings):
    """The row's configuration and what is set in it."""
    return [row.config, *row.settings, *settings, f"steps={row.steps}"]


def validated(lines):
    """What the program says against configurations, row_words() each; "" when all are good."""
    command = [os.environ["ALLMODES_BINARY"], "validate", "--each", "-"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                          input="".join(json.dumps(line) + "\n" for line in lines))
    return (said.stderr + said.stdout).strip() if said.returncode != 0 else ""


def check_rows(rows, settings):
    """Validates the configuration of each row; returns whether all are good."""
    lines = {row.name: row_words(row, settings) for row in rows}
    bad = {}
    if validated(lines.values()):  # which of them they are
        bad = {name: said for name, line in lines.items() if (said := validated([line]))}
    for name, said in bad.items():
        print(f"{name}: {said}")
    print(f"{len(rows)} rows, {f'{len(bad)} bad' if bad else 'all good'}")
    return not bad


def collect(study, all_runs):
    """Figures and facts of every finished run."""
    figures, done = {row.name: {} for row in study.rows}, {}
    for run in all_runs:
        marker = runs.read_done(run)
        if marker is not None and runs.is_finished(run):
            figures[run.row.name][run.seed] = runs.figures(run, study.columns)
            done[run] = marker
    return figures, done


def write_results(study, all_runs, failed, out, arguments):
    """Writes table.SUFFIX for each of SUFFIXES; returns what the claims came to."""
    figures, done = collect(study, all_runs)
    table = summary.make_table(study, figures)
    judgements = [claims.judge(study, claim, table) for claim in study.claims]
    ranks = sorted({marker["ranks"] for marker in done.values()})
    state = {
        "figures": figures, "done": done, "command": report.reproduce_line(arguments),
        "failed": {run.label: why for run, why in failed.items()},
        "versions": sorted({marker["version"] for marker in done.values()}),
        "seconds": sum(marker["seconds"] for marker in done.values()),
        "ranks_text": " or ".join(f"{n} rank{'s' * (n > 1)}" for n in ranks) or "no rank",
    }
    text = report.text_report(study, table, judgements, state)
    made = report.json_report(study, table, judgements, state)
    write(out / "table.txt", text)
    write(out / "table.json", json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    picture = pictures.draw(study, table)
    write(out / "table.svg", picture)
    write(out / "report.html", page.page(study, table, judgements, state, picture, out))
    write(out / "table.md", papers.markdown(study, table, judgements))
    write(out / "table.tex", papers.latex(study, table))
    write(out / "table.csv", papers.csv(study, table))
    print(text, end="")
    return judgements


def write(path, text):
    """Whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def publish(study, out, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in SUFFIXES:
        shutil.copyfile(out / f"table.{suffix}", folder / f"{study.name}.{suffix}")
    runner.say(f"published in {folder}")


def run_study(arguments):
    study = definition.load_study(definition.find_study(arguments.study, STUDIES),
                                  "short" if arguments.short else "full")
    claims.check_claims(study)
    rows = choose_rows(study, arguments.only)
    if arguments.check:
        return HOLDS if check_rows(rows, arguments.settings) else USAGE
    out = pathlib.Path(arguments.out or ROOT / "runs" / "studies" / f"{study.name}-{study.budget}")
    seeds = range(1, (arguments.seeds or study.seeds) + 1)
    all_runs = [runs.make_run(row, seed, tuple(arguments.settings), out, ROOT)
                for seed in seeds for row in study.rows]
    chosen = [run for run in all_runs if run.row in rows]
    if arguments.dry_run:
        for run in chosen:
            print(runs.shown_command(run, arguments.ranks))
        return HOLDS
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise definition.StudyError(f"{out}: another call is at work there") from error
        failed, complete = {}, True
        if not arguments.report:
            failed, complete = do_runs(study, chosen, arguments)
        judgements = write_results(study, all_runs, failed, out, arguments)
    runner.say(f"{out}/report.html, table.txt and .{', .'.join(SUFFIXES[1:])}")
    if not complete:
        runner.say("interrupted; the same command continues")
        return INTERRUPTED
    if arguments.publish:
        publish(study, out, pathlib.Path(arguments.publish))
    if failed:
        return RUN_FAILED
    return DOES_NOT_HOLD if any(j.state == "fails" for j in judgements) else HOLDS


def do_runs(study, chosen, arguments):
    version = program_version()
    jobs = arguments.jobs or default_jobs(arguments.ranks, arguments.settings)
    todo = []
    for run in chosen:
        if not runs.is_finished(run):
            todo.append(run)
        elif runs.read_done(run) is None:  # it ended while nobody watched
            runs.write_done(run, arguments.ranks, version)
    finished = len(chosen) - len(todo)
    runner.say(f"{study.name}, {study.budget} budget: {len(chosen)} runs, {finished} finished "
               f"before, {jobs} at a time on {arguments.ranks} rank{'s' * (arguments.ranks > 1)}")

    def on_done(run, done):
        nonlocal finished
        finished += 1
        found = runs.figures(run, study.columns)
        runner.say(report.progress_line(run, found, study.columns, done, finished, len(chosen)))

    pool = runner.Pool(todo, arguments.ranks, jobs, version, ROOT, on_done)
    complete = pool.work()
    return pool.failed, complete


def main():
    arguments = parse(sys.argv[1:])
    try:
        if arguments.list:
            list_studies()
            return HOLDS
        return run_study(arguments)
    except definition.StudyError as error:
        print(f"study.sh: {error}", file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    sys.exit(main())
