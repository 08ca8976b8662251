#!/usr/bin/env bash
# launch/study.sh runs a study to its table, repeats nothing, continues what was interrupted, loses
# nothing to a run that fails, and judges claims by the numbers.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python3 -c 'import tomllib' 2>/dev/null || { echo "skipped: Python before 3.11"; exit 77; }
export ALLMODES_BINARY="$program"
study="$source/launch/study.sh"
write_ring_gan "$work/ring.txtpb"

# write_study FILE STEPS CLAIM SECOND_ROW_SETTING
write_study() {
  cat >"$1" <<STUDY
title = "A small ring"
config = "$work/ring.txtpb"
set = ["gan.generator.width=\$width"]
define = { width = "32" }
[sources]
paper = "A paper, arXiv 0000.00000"
[budget.short]
steps = $2
seeds = 3
[[column]]
name = "modes"
title = "modes of 8"
field = "modes_covered"
format = ".1f"
better = "higher"
[[column]]
name = "first"
title = "first mode"
field = "histogram[0]"
at = "max"
[[column]]
name = "state"
title = "verdict"
record = "verdict"
field = "state"
picture = false
[[row]]
name = "gan"
title = "GAN"
baseline = true
published = { source = "paper", modes = [6.3, 0.5] }
[[row]]
name = "wide"
title = "wide GAN"
define = { width = "48" }
set = ["$4"]
[[claim]]
law = "$3"
says = "a claim"
STUDY
}

write_study tiny.toml 60 "gan.modes >= -20" "gan.loss=saturating"
expect 0 "$study" tiny.toml --short --out tiny --jobs 2
cp out first.txt
says out '^GAN +[0-9.]+ ± [0-9.]+ +6\.3 ± 0\.5'
says out '^holds +gan.modes >= -20'
cmp out tiny/table.txt || fail "table.txt is not what was printed"
says tiny/table.svg '^<svg .*viewBox'
says tiny/report.html '<h1>A small ring</h1>'
says tiny/report.html 'href="runs/gan/seed-1-[0-9a-f]*/00000-gan/report.html"'
! grep -Eq '(src|href)="https?:' tiny/report.html || fail "the page needs something from elsewhere"
markers="$(cat tiny/runs/*/*/done.json | grep -c version)"
((markers == 6)) || fail "$markers of 6 runs have a marker"

# A second call runs nothing and makes the same table.
before="$(find tiny/runs -name records.jsonl -newer tiny/table.txt | wc -l)"
expect 0 "$study" tiny.toml --short --out tiny
cmp out first.txt || fail "a repeated study has another table"
after="$(find tiny/runs -name records.jsonl -newer first.txt | wc -l)"
[[ "$before $after" == "0 0" ]] || fail "finished runs were repeated"

# The figures are those of the records; mean and standard error follow from them.
python3 - <<'PYTHON'
import csv, json, math, pathlib, xml.dom.minidom

table = json.loads(pathlib.Path("tiny/table.json").read_text())
xml.dom.minidom.parse("tiny/table.svg")
assert [row["name"] for row in table["rows"]] == ["gan", "wide"]
for row in table["rows"]:
    assert [run["seed"] for run in row["runs"]] == [1, 2, 3], row["runs"]
    modes = []
    for run in row["runs"]:
        (folder,) = pathlib.Path(f"tiny/runs/{row['name']}").glob(f"seed-{run['seed']}-*/0*-*")
        records = [json.loads(line) for line in (folder / "records.jsonl").open()]
        evaluations = [r for r in records if r["record"] == "evaluation"]
        assert run["figures"]["modes"] == evaluations[-1]["modes_covered"]
        assert run["figures"]["first"] == max(r["histogram"][0] for r in evaluations)
        (*_, verdict) = (r for r in records if r["record"] == "verdict")
        assert run["figures"]["state"] == verdict["state"]
        assert "--set seed=%d" % run["seed"] in run["command"], run["command"]
        assert "allmodes" in run["version"]
        modes.append(evaluations[-1]["modes_covered"])
    mean = sum(modes) / 3
    assert math.isclose(row["mean"]["modes"], mean)
    error = math.sqrt(sum((m - mean) ** 2 for m in modes) / 2 / 3)
    assert math.isclose(row["standard_error"]["modes"], error, abs_tol=1e-12)
assert "gan.generator.width=48" in table["rows"][1]["set"], table["rows"][1]["set"]
assert table["claims"][0]["state"] == "holds"
rows = list(csv.DictReader(open("tiny/table.csv")))
assert [(r["row"], r["column"], r["n"]) for r in rows[:2]] == [("gan", "modes", "3"), ("gan", "first", "3")]
assert math.isclose(float(rows[0]["mean"]), table["rows"][0]["mean"]["modes"])
assert "(n=3)" in open("tiny/table.md").read() and "\\toprule" in open("tiny/table.tex").read()
PYTHON

# A claim is decided by an interval: Welch's for two means, and its level is kept at three seeds.
PYTHONPATH="$source/launch" python3 - <<'PYTHON'
import ast, math, random, statistics
from study import claims, definition, intervals, summary

def judged(law, **rows):
    cells = {(row, "kl"): summary.make_cell(dict(enumerate(values, 1))) for row, values in rows.items()}
    claim = definition.Claim(law, "", "mean")
    return claims.judge(None, claim, summary.Table(cells))

a, b = [1.0, 1.4, 1.1], [2.0, 2.6, 2.5]
low, high = judged("a.kl < b.kl", a=a, b=b).interval
va, vb = statistics.variance(a) / 3, statistics.variance(b) / 3
freedom = (va + vb) ** 2 / (va**2 / 2 + vb**2 / 2)
middle, half = statistics.mean(a) - statistics.mean(b), intervals.t975(freedom) * math.sqrt(va + vb)
assert math.isclose(low, middle - half) and math.isclose(high, middle + half), (low, high)
assert judged("a.kl < b.kl", a=a, b=b).state == "holds"
assert judged("a.kl > b.kl", a=a, b=b).state == "fails"
# Two seeds whose means are a fifth of a standard error apart say nothing.
assert judged("p.kl < g.kl", g=[1.001, 1.099], p=[0.972, 1.098]).state == "undecided"
assert judged("g.kl == 8", g=[8, 8, 8]).state == "holds"
assert judged("g.kl == 8", g=[8, 8]).state == "undecided"
assert judged("g.kl == 8", g=[7, 7, 7]).state == "fails"
rng, wrong = random.Random(1), 0
for _ in range(2000):
    x, y = ([rng.gauss(0, s) for _ in range(3)] for s in (1, 2))
    wrong += judged("a.kl < b.kl", a=x, b=y).state != "undecided"
assert wrong / 2000 < 0.06, wrong
PYTHON

# A claim that does not hold is said and is the exit status; another row or budget is judged anew.
write_study claim.toml 60 "gan.modes > 20" "gan.loss=saturating"
expect 1 "$study" claim.toml --short --out tiny --report
says out '^FAILS +gan.modes > 20'

# A run that fails is reported with what it said, and the others have their figures.
write_study broken.toml 60 "gan.modes >= -20" "gan.loss=nonsense"
expect 2 "$study" broken.toml --short --out broken
says out "^failed: wide seed 1: exit status 78: .*unknown loss 'nonsense'"
says out '^holds +gan.modes >= -20'
says out '^wide GAN +-'

# Wrong words are refused before any run.
expect 64 "$study" no_such_study --short
says err "no study 'no_such_study'"
expect 64 "$study" tiny.toml --short --only nobody --out other
says err "no such row"
write_study typing.toml 60 "gan.mode > 8" "batch=64"
expect 64 "$study" typing.toml --short --out other
says err "no column 'mode'"
[[ ! -d other/runs ]] || fail "something ran in spite of a mistake"

# An interrupt saves the runs in progress; the next call continues them to the end.
write_study long.toml 20000 "gan.modes >= -20" "gan.loss=saturating"
"$study" long.toml --short --seeds 1 --only gan --out long >out 2>err &
caller=$!
records() { cat long/runs/gan/*/0*/records.jsonl 2>/dev/null || true; }
for ((i = 0; i < 600; ++i)); do
  records | grep -q '"step":100,' && break
  kill -0 "$caller" 2>/dev/null || break
  sleep 0.1
done
kill -TERM "$caller"
status=0
wait "$caller" || status=$?
((status == 130)) || { cat err; fail "an interrupted study ends with $status"; }
reached="$(cd long/runs/gan/*/0*/checkpoints && echo step-*)"
[[ "$reached" == *step-* ]] || fail "the interrupted run saved no checkpoint"
python3 - <<'PYTHON'
import pathlib
done = list(pathlib.Path("long").glob("runs/gan/*/done.json"))
assert not done, "an interrupted run is marked done"
PYTHON
"$study" long.toml --short --seeds 1 --only gan --out long >out 2>err &
caller=$!
for ((i = 0; i < 600; ++i)); do
  grep -aq 'resumed at step' long/runs/gan/*/output.txt && break
  sleep 0.1
done
kill -TERM "$caller"
wait "$caller" || true
(($(find long/runs/gan -maxdepth 2 -name '0*' | wc -l) == 1)) || fail "a second run was begun"
grep -aq 'resumed at step' long/runs/gan/*/output.txt ||
  { tail -n 20 long/runs/gan/*/output.txt; fail "the interrupted run was not resumed"; }

# The studies of the project are well-formed in both budgets, and every row is a good configuration.
python3 "$source/tests/end_to_end/make_data.py" data
for file in "$source"/launch/study/*.toml; do
  name="$(basename "$file" .toml)"
  words=(--check)
  case "$name" in
    stacked_mnist) words+=(--set "data.path=$work/data/mnist") ;;
    first_stage_natural) words+=(--set "data.path=$work/data/images") ;;
  esac
  expect 0 "$study" "$name" --short "${words[@]}"
  expect 0 "$study" "$name" "${words[@]}"
done
echo "studies run, continue and are judged"
