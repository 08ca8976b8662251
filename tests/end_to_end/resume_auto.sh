#!/usr/bin/env bash
# --resume auto goes on where a run of that name stopped, or says why it cannot; it never begins anew
# in silence. What differs from the checkpoint's configuration is listed, and refused where it would
# make another run. Cadences do not coincide here: log 7, evaluate 30, checkpoint 20.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
arguments=(train ring.txtpb --set diagnostics.log_every=7 --set checkpoints.every=20)
resume() { "$program" "${arguments[@]}" --resume auto "$@"; }  # in runs/
same_evidence() {  # FOLDER FOLDER: what the evaluations of two runs saw
  python3 - "$@" <<'PYTHON'
import json, struct, sys

KINDS = {"evaluation", "verdict", "train"}
TIMES = ("time_s", "_s", "_ms", "samples_per_s")
runs = []
for run in sys.argv[1:]:
    records = [json.loads(line) for line in open(f"{run}/records.jsonl")]
    runs.append([{k: v for k, v in r.items() if not k.endswith(TIMES) and "_ms_" not in k and "_s_" not in k}
                 for r in records if r["record"] in KINDS and (r["record"] != "train" or r["step"] % 7 == 0)])
assert runs[0] == runs[1], next((a, b) for a, b in zip(*runs) if a != b)
assert any(r.get("learning_rate_generator") == 1e-3 for r in runs[0]), runs[0]

# D's margin is gathered over the log steps between two evaluations and is in no record: the history
# that a checkpoint keeps has it, one entry of a map (name, double) for each evaluation.
ENTRY = b"\x0a\x14discriminator_margin\x11"
margins = []
for run in sys.argv[1:]:
    manifest = open(f"{run}/checkpoints/step-00000060/manifest.pb", "rb").read()
    margins.append([struct.unpack("<d", part[:8])[0] for part in manifest.split(ENTRY)[1:]])
assert margins[0] == margins[1] and len(margins[0]) == 2, margins
PYTHON
}

# A whole run; the same stopped at step 40, between two evaluations, and resumed.
expect 0 "$program" "${arguments[@]}" --out whole
expect 0 "$program" "${arguments[@]}" --steps 40
# As if it had been killed there: nothing of its last step's evaluation.
python3 - <<'PYTHON'
import json
path = "runs/00000-ring/records.jsonl"
lines = [l for l in open(path) if json.loads(l)["step"] < 40 or json.loads(l)["record"] == "data"]
open(path, "w").writelines(lines)
PYTHON
rm -r runs/00000-ring/checkpoints/step-00000040

# Two false starts, newer than it, are named and passed over.
mkdir -p runs/00001-ring/checkpoints runs/00002-ring
expect 0 resume
says err '00001-ring: ended before its first checkpoint'
says err '00002-ring: ended before its first checkpoint'
says err 'resumed at step 20 '
says err '  steps: 40 -> 60'
[[ ! -e runs/00003-ring ]] || fail "a new run began"
same_evidence runs/00000-ring whole/00000-ring

# A finished run makes no step and keeps its configuration.
cp runs/00000-ring/config.txtpb before.txtpb
expect 0 resume --set gan.loss=hinge --allow-change gan.loss
says err 'already has its 60 steps'
cmp before.txtpb runs/00000-ring/config.txtpb || fail "a finished run got another configuration"

# What makes another run is refused, with both values; nothing of the run changes.
hash_of() { find runs/00000-ring -type f -print0 | sort -z | xargs -0 sha256sum; }
hash_of >before
expect 78 resume --steps 80 --set seed=7 --set gan.loss=hinge
says err '  seed: 1 -> 7'
says err '  gan.loss: "non_saturating" -> "hinge"'
says err 'add --allow-change seed --allow-change gan.loss'
hash_of >after
cmp before after || fail "a refused --resume changed the run"
expect 65 resume --steps 80 --set seed=7 --allow-change seed  # the ring is drawn from the seed
says err 'other data \(4000 samples'
hash_of >after
cmp before after || fail "other data changed the run"
expect 0 resume --steps 80 --set gan.loss=hinge --allow-change gan.loss
says err 'gan.loss: "non_saturating" -> "hinge"'

# A checkpoint that was copied from another run, and the run whose checkpoints are gone.
cp -r whole/00000-ring/checkpoints/step-00000060 runs/00000-ring/checkpoints/step-00000099
expect 65 "$program" "${arguments[@]}" --resume runs/00000-ring/checkpoints/step-00000099
says err 'belongs to another run'
rm -r runs/00000-ring/checkpoints/step-*
expect 66 resume --steps 80
says err 'its records go to step 80, but none of its checkpoints is left'

# Two jobs on one run: the second one is told who holds it.
expect 0 "$program" "${arguments[@]}" --out held --steps 20
exec {held}>>held/00000-ring/lock
flock -n "$held"
echo "process 77 on node7 since Monday" >held/00000-ring/lock
expect 73 timeout 60 "$program" "${arguments[@]}" --out held --resume auto --steps 60
says err 'is being trained by process 77 on node7'
exec {held}>&-
expect 0 "$program" "${arguments[@]}" --out held --resume auto --steps 60
echo "runs go on where they stopped"
