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
seeds = 2
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

write_study tiny.toml 60 "gan.modes >= 0" "gan.loss=saturating"
expect 0 "$study" tiny.toml --short --out tiny --jobs 2
cp out first.txt
says out '^GAN +[0-9.]+ ± [0-9.]+ +6\.3 ± 0\.5'
says out '^holds +gan.modes >= 0'
cmp out tiny/table.txt || fail "table.txt is not what was printed"
says tiny/table.svg '^<svg .*viewBox'
markers="$(cat tiny/runs/*/*/done.json | grep -c version)"
((markers == 4)) || fail "$markers of 4 runs have a marker"

# A second call runs nothing and makes the same table.
before="$(find tiny/runs -name records.jsonl -newer tiny/table.txt | wc -l)"
expect 0 "$study" tiny.toml --short --out tiny
cmp out first.txt || fail "a repeated study has another table"
after="$(find tiny/runs -name records.jsonl -newer first.txt | wc -l)"
[[ "$before $after" == "0 0" ]] || fail "finished runs were repeated"

# The figures are those of the records; mean and standard error follow from them.
python3 - <<'PYTHON'
import json, math, pathlib, xml.dom.minidom

table = json.loads(pathlib.Path("tiny/table.json").read_text())
xml.dom.minidom.parse("tiny/table.svg")
assert [row["name"] for row in table["rows"]] == ["gan", "wide"]
for row in table["rows"]:
    assert [run["seed"] for run in row["runs"]] == [1, 2], row["runs"]
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
    mean = sum(modes) / 2
    assert math.isclose(row["mean"]["modes"], mean)
    assert math.isclose(row["standard_error"]["modes"], abs(modes[0] - modes[1]) / 2)
assert "gan.generator.width=48" in table["rows"][1]["set"], table["rows"][1]["set"]
assert table["claims"][0]["holds"] is True
PYTHON

# A claim that does not hold is said and is the exit status; another row or budget is judged anew.
write_study claim.toml 60 "gan.modes > 8" "gan.loss=saturating"
expect 1 "$study" claim.toml --short --out tiny --report
says out '^DOES NOT HOLD +gan.modes > 8'

# A run that fails is reported with what it said, and the others have their figures.
write_study broken.toml 60 "gan.modes >= 0" "gan.loss=nonsense"
expect 2 "$study" broken.toml --short --out broken
says out "^failed: wide seed 1: exit status 78: .*unknown loss 'nonsense'"
says out '^holds +gan.modes >= 0'
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
write_study long.toml 20000 "gan.modes >= 0" "gan.loss=saturating"
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
  if [[ "$name" == stacked_mnist ]]; then words+=(--set "data.path=$work/data/mnist"); fi
  expect 0 "$study" "$name" --short "${words[@]}"
  expect 0 "$study" "$name" "${words[@]}"
done
echo "studies run, continue and are judged"
