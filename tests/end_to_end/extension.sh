#!/usr/bin/env bash
# A program with a data set, a loss, a network and a diagnostic of others', whose sources lie outside of
# this tree: built, and trained with.
# label: long
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

cp -r "$source/examples/extension" "$work/theirs"
folder="$(dirname "$program")"
libtorch="$(sed -n 's/^LIBTORCH_ROOT:[A-Z]*=//p' "$folder/CMakeCache.txt")"
cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DALLMODES_CUDA=OFF \
  -DALLMODES_TESTS=OFF -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=5 \
  "-DLIBTORCH_ROOT=$libtorch" "-DALLMODES_EXTENSIONS=$work/theirs" >cmake.txt 2>&1 ||
  { cat cmake.txt; fail "cmake"; }
cmake --build "$work/build" -j 2 --target allmodes >build.txt 2>&1 ||
  { tail -n 40 build.txt; fail "the build"; }
theirs="$work/build/allmodes"

expect 0 "$theirs" train theirs/two_rings.txtpb --steps 40 --set diagnostics.evaluate_every=20 \
  --set diagnostics.samples=500 --out runs --quiet
python3 - <<'PYTHON'
import json
records = [json.loads(line) for line in open("runs/00000-two_rings/records.jsonl")]
last = [r for r in records if r["record"] == "evaluation"][-1]
assert last["modes_total"] == 16 and last["mean_radius"] > 0, last
PYTHON
expect 0 "$theirs" explain mean_radius
says out 'mean distance of the samples from the origin'
# The program without them names what it does not know.
expect 78 "$program" validate theirs/two_rings.txtpb
says err "exponential"
echo "a program with others' rows was built and trains"
