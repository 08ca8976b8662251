#!/usr/bin/env bash
# Class names that are no UTF-8: the run ends well, its checkpoint can be read, resumed and sampled,
# and every file of JSON is JSON. The names come from folders, here in Latin-1.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python3 "$source/tests/end_to_end/make_data.py" data
latin="$(printf 'caf\xe9')"
mv data/images/bright "data/images/$latin"
mv data/images/dark "data/images/$(printf 'caf\xe8')"
cat >names.txtpb <<'CONFIG'
name: "names"
batch: 8
steps: 20
data { dataset: "images" path: "data/images" image_size: 8 }
gan {
  latent { dimension: 4 }
  generator { width: 16 depth: 1 }
  discriminator { width: 16 depth: 1 }
}
diagnostics { log_every: 5 evaluate_every: 10 samples: 64 }
checkpoints { every: 10 }
images { every: 0 count: 4 }
CONFIG
export ALLMODES_CACHE="$work/cache"
expect 0 "$program" train names.txtpb --out runs
expect 0 "$program" sample runs/00000-names --count 4 --out samples.npy
expect 0 "$program" train names.txtpb --out runs --resume auto --steps 30
says runs/00000-names/log.txt 'resumed at step 20 '
[[ ! -e runs/00001-names ]] || fail "a new run was begun beside the old one"
python3 - <<'PYTHON'
import json

run = "runs/00000-names/"
records = [json.loads(line) for line in open(run + "records.jsonl", encoding="utf-8")]
names = [r["class_names"] for r in records if "class_names" in r]
assert names and names[0] == ["caf\\xE8", "caf\\xE9"], names
json.load(open(run + "verdict.json", encoding="utf-8"))
PYTHON
echo "names that are no UTF-8 do no harm"
