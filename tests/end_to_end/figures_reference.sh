#!/usr/bin/env bash
# docs/records.md is what the descriptions of the figures say, `explain` knows every figure, and a run
# records and a diagnosis writes none that nobody describes.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

expect 0 "$program" explain --figures
diff -u "$source/docs/records.md" out ||
  fail "docs/records.md is out of date: allmodes explain --figures > docs/records.md"

expect 0 "$program" explain kl_reverse
says out '^kl_reverse$'
says out 'unit: nats'
says out 'equal distributions: kl_floor'
expect 0 "$program" explain exchange_ms_elbo_encoder
says out '^exchange_ms_PHASE'
expect 64 "$program" explain kl_revers
says err "did you mean 'kl_reverse'"
expect 64 "$program" explain kl_reverse --figures
expect 64 "$program" explain --all --figures

# No figure is described twice for one kind of record.
"$program" explain --figures | awk '
  /^## / { kind = $2 }
  /^\| `/ { if (seen[kind, $2]++) { print "twice: " kind " " $2; wrong = 1 } }
  END { exit wrong }' || fail "a figure is described twice"

write_ring_gan gan.txtpb
expect 0 "$program" train gan.txtpb --out runs --quiet --set diagnostics.sample_metrics=pixels
expect 0 on_ranks 2 train gan.txtpb --out runs --quiet --set "gan.loss=hinge"
status=0
"$program" diagnose --run runs/00000-ring --verbose >table || status=$?
[[ "$status" =~ ^[023]$ ]] || fail "diagnose --run ended with $status"
python3 - <<'PYTHON' >names
import json
names = set()
for run in ("runs/00000-ring", "runs/00001-ring"):
    for line in open(f"{run}/records.jsonl"):
        names.update(json.loads(line))
(step,) = __import__("glob").glob("runs/00000-ring/diagnosis/step-*")
names.update(json.load(open(f"{step}/diagnosis.json")))
own = {"record", "step", "samples", "time_s"}
print("\n".join(sorted(n for n in names - own if not n.endswith("_nonfinite"))))
PYTHON
[[ "$(wc -l <names)" -gt 50 ]] || fail "only $(wc -l <names) figures were written"
mapfile -t figures <names
# It refuses a name that nobody describes.
expect 0 "$program" explain "${figures[@]}"
[[ "$(grep -c '^  figure of ' out)" -ge "${#figures[@]}" ]] || fail "not every name is a figure's"

# The table and the page say what the descriptions say.
grep -q 'precision .*share of samples within the ball of a real, .* when equal, measured' table ||
  fail "the table does not say what precision is"
grep -q 'title="share of reals within the ball of a sample' runs/00000-ring/report.html ||
  fail "the page does not say what recall is"
echo "every figure is described, once"
